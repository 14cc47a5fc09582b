//! What driver and executors must agree on: session, functions, own plan nodes and their codec, object stores.

pub mod archive;
mod below;
pub mod blocks;
pub mod codec;
pub mod control;
pub mod layout;
pub mod logging;
pub mod object_stores;
pub mod partition;
pub mod planner;
pub mod python;
pub mod python_modules;
pub mod recursion;
pub mod repartition;
pub mod result_limit;
pub mod session;
mod small;
pub mod stage;
pub mod task;
pub mod task_accumulators;
pub mod task_failure;
pub mod write;
