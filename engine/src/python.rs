//! Python functions on executors: taken out of expressions, planned as nodes, run by worker processes.

mod accumulators;
mod analyze;
pub mod broadcast;
pub mod exec;
mod extract;
pub mod files;
mod groups;
mod idle;
mod input;
mod output;
mod pickle;
pub mod planner;
mod task;
mod types;
mod work;
pub mod worker;

pub use accumulators::{Accumulators, accumulates, collecting};
pub use analyze::analyze;
pub use extract::{ExtractPythonFunctions, PrunePythonFunctions};
pub use work::PythonPlan;
