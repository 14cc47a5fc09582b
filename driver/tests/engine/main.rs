//! The engine with real executor processes on this machine.
//!
//! Needs the program `cerium-executor` built in the same profile.

mod allocation;
mod app;
mod failures;
mod queries;
