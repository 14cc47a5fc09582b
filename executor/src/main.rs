//! The executor of an application: runs tasks, keeps and serves their shuffle files.

mod control;
mod engine;
mod environment;
mod install;
mod metrics;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use cerium_conf::ports;
use cerium_engine::logging::{self, LogLevel};
use clap::{Parser, Subcommand};

use environment::{Environment, Ports};

/// Threads for messages, shuffle transfer and signals; tasks have threads of their own.
const SERVICE_THREADS: usize = 2;
/// How long the end of the process waits for work that cannot be interrupted.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(500);
const INFO: &str = "info,ballista_core=warn,ballista_executor=warn,datafusion=warn";

#[derive(Debug, Parser)]
#[command(name = "cerium-executor", version, about = "Runs the tasks of one Cerium application")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run as an executor; the driver's address and the rest come from the environment.
    Executor {
        /// Port of the shuffle service; 0 takes any free port.
        #[arg(long, default_value_t = ports::BLOCK_MANAGER)]
        block_manager_port: u16,
        /// Port at which tasks are received; 0 takes any free port.
        #[arg(long, default_value_t = ports::EXECUTOR_GRPC)]
        task_port: u16,
        /// End when standard input is closed, so that the process never outlives its parent.
        #[arg(long)]
        parent_stdin: bool,
    },
    /// Copy the installation of Cerium into a directory, for images that lack it.
    #[command(hide = true)]
    Install {
        /// Where to copy to.
        directory: PathBuf,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    logging::start("CERIUM_LOG", LogLevel::default(), INFO, false);
    let outcome = match cli.command {
        Command::Executor { block_manager_port, task_port, parent_stdin } => {
            run(Ports { block_manager: block_manager_port, task: task_port }, parent_stdin)
        }
        Command::Install { directory } => {
            install::install(&directory).map(|()| ExitCode::SUCCESS).map_err(Into::into)
        }
    };
    outcome.unwrap_or_else(|error| {
        tracing::error!("{error:#}");
        ExitCode::FAILURE
    })
}

fn run(ports: Ports, parent_stdin: bool) -> anyhow::Result<ExitCode> {
    let environment = Environment::read(|name| std::env::var(name).ok(), ports)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(SERVICE_THREADS)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let outcome = runtime.block_on(engine::run(environment, parent_stdin));
    runtime.shutdown_timeout(SHUTDOWN_TIMEOUT);
    let end = outcome?;
    tracing::info!("executor ends: {end}");
    Ok(ExitCode::from(end.exit_code()))
}
