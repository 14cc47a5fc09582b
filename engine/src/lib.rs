//! What driver and executors must agree on: session, functions, own plan nodes and their codec, object stores.

pub mod archive;
pub mod codec;
pub mod object_stores;
pub mod python;
pub mod session;
pub mod spark_options;
pub mod task_failure;
pub mod write;
