//! The driver of one application: its program, its scheduler, its executors and its results.

pub mod allocation;
pub mod application;
pub mod cache;
pub mod cli;
pub mod connect;
pub mod control;
pub mod driver;
pub mod executors;
pub mod files;
mod logging;
pub mod memory;
pub mod monitoring;
mod parallelism;
mod program;
mod ranges;
mod reporting;
pub mod results;
mod run;
mod runtime;
pub mod scheduler;
mod serve;
pub mod session;
pub mod settings;
mod signals;
mod termination;
pub mod ui;
mod write;
