//! The driver of one application: its scheduler, its executors and its results.

pub mod allocation;
pub mod driver;
pub mod executors;
pub mod parallelism;
pub mod results;
pub mod scheduler;
