//! Python functions on executors: taken out of expressions, planned as nodes, run by worker processes.

pub mod exec;
mod extract;
pub mod files;
mod groups;
mod input;
mod output;
pub mod planner;
mod task;
mod types;
mod work;
pub mod worker;

pub use extract::{ExtractPythonFunctions, PrunePythonFunctions};
pub use work::PythonPlan;
