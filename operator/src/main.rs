//! `cerium-operator`: runs SparkApplication manifests on Kubernetes.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use cerium_operator::cli::{Cli, Command, ControllerCommand, Settings};
use cerium_operator::{run, telemetry};
use clap::Parser;

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Crds => print_crds(),
        Command::Controller(ControllerCommand::Start(flags)) => start(flags.into_settings()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "cerium-operator ends");
            eprintln!("cerium-operator: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn print_crds() -> anyhow::Result<()> {
    let yaml = cerium_crds::generated_yaml()?;
    std::io::stdout().write_all(yaml.as_bytes()).context("failed to write to stdout")
}

fn start(settings: Settings) -> anyhow::Result<()> {
    telemetry::start(settings.log_format, &settings.log_level)?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "cerium-operator starts");
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("failed to start the runtime")?
        .block_on(run::run(settings))?;
    tracing::info!("cerium-operator ends");
    Ok(())
}
