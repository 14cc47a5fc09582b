//! Python worker processes: who starts them, how they are spoken to, what becomes of them.

mod connection;
mod daemon;
mod error;
mod header;
pub mod planner;
mod pool;
mod results;

pub use connection::Worker;
pub use daemon::{Interpreter, home};
pub use error::WorkerError;
pub use header::{Body, Dialect, FunctionCall, Header, TableFunction, TaskIds};
pub use pool::Workers;
pub use results::{Results, Task};
