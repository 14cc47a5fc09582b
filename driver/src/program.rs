//! The user's program: where its text comes from and how it is run.

pub mod main_file;
pub mod sql;
