//! Columns that tell of the partition and the file a row is in, for the functions that ask for them.
//!
//! No expression knows which partition it computes, and tasks of Ballista see their own partitions only,
//! counted from 0. So the functions become columns before anything is optimised: [`ExtractPartitionFunctions`]
//! puts a [`PartitionNode`] below the operator that calls them, which is planned as [`exec::PartitionExec`].
//! Its second input is a table in memory that holds the number of each partition: a scheduler gives a task
//! the same partitions of both inputs, and so their numbers.

pub mod exec;
mod extract;
mod files;
pub mod kept;
mod node;
pub mod planner;

pub use extract::ExtractPartitionFunctions;
pub use node::{PartitionNode, Quantity};
