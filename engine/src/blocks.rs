//! Blocks: the partitions of cached plans that an executor keeps in its memory.
//!
//! A partition of a cached plan is written once, by the job that computes it, to a file that serves every
//! executor. An executor that holds the file and reads it keeps its rows, as far as the storage level and
//! the room allow.

pub mod exec;
pub mod store;

/// The class of the error of a task that cannot read a block: the plan has to be computed again.
pub const BLOCK_LOST: &str = "BLOCK_LOST";
