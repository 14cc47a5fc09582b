//! The engine with real executor processes on this machine.
//!
//! Needs the program `cerium-executor` built in the same profile.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may end by panicking, its helpers too")]

mod allocation;
mod app;
mod cache;
mod connect;
mod connect_faults;
mod contexts;
mod failures;
mod kubernetes;
mod layout;
mod programs;
mod python;
mod python_faults;
mod python_tables;
mod queries;
mod rdd;
mod rdd_programs;
mod ui;
