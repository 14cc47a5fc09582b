//! What driver and executors must agree on: session, functions, own plan nodes and their codec, object stores.

pub mod session;
pub mod spark_options;
pub mod task_failure;
