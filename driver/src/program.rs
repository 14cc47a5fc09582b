//! The user's program: how its statements are run.

mod sql;

pub use sql::{ScriptError, run_script};
