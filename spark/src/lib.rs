//! What Spark means, on DataFusion alone: SQL, functions, types, file sources, error classes.

pub mod analysis;
pub mod catalog;
pub mod connect;
pub mod error;
pub mod explain;
pub mod functions;
pub mod identity;
pub mod layout;
pub mod plan_node;
pub mod python;
pub mod recursion;
pub mod routine;
pub mod session;
pub mod show;
pub mod source;
pub mod spark_options;
pub mod sql;
pub mod structs;
pub mod text;
pub mod types;
pub mod write;
