//! `cerium-driver`: one Spark application, from its program to its exit code.

use std::process::ExitCode;

use cerium_driver::cli;

fn main() -> ExitCode {
    cli::main(std::env::args_os())
}
