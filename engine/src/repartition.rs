//! As many partitions as asked for, with each row in the partition it is meant for.
//!
//! A scheduler of stages moves rows between tasks by the hash of a column. Here each row gets a column
//! whose hash leads where the row has to go: [`RepartitionNode`] is planned as [`exec::TargetExec`], which
//! adds the column, a mark that survives DataFusion's own choice of partitionings, and a projection that
//! takes the column off again; [`rule::PlaceShuffles`] puts the shuffle where the mark is.

pub mod exec;
mod node;
pub mod planner;
pub mod rule;
mod target;

pub use node::{RepartitionNode, Scheme, lower};
