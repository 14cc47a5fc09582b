//! The command line of `cerium-driver`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use cerium_conf::{Key, keys};
use clap::{Parser, Subcommand};

use crate::application::Application;
use crate::logging::{self, LogFormat};
use crate::run::{Provider, run};
use crate::serve::{serve, server_conf};
use crate::termination;

/// The command line, or what it names, could not be understood.
const EXIT_USAGE: u8 = 2;
/// The server failed.
const EXIT_FAILED: u8 = 1;

#[derive(Debug, Parser)]
#[command(name = "cerium-driver", version, about = "Runs one Spark application without a JVM")]
struct Cli {
    /// How log lines are written to standard error.
    #[arg(long, global = true, value_enum, default_value_t, env = "CERIUM_LOG_FORMAT")]
    log_format: LogFormat,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a SparkApplication manifest on this machine, with executors as child processes.
    Run {
        /// The manifest: a YAML file that holds one SparkApplication.
        manifest: PathBuf,
        /// A configuration entry that overrides the manifest's. May be repeated.
        #[arg(long = "conf", value_name = "KEY=VALUE", value_parser = parse_entry)]
        conf: Vec<(String, String)>,
    },
    /// Serve Spark Connect on this machine, with one executor as a child process, until told to end.
    Connect {
        /// Host or address to listen at. Default: localhost; in a server pod all addresses.
        #[arg(long)]
        host: Option<String>,
        /// Port to listen at; 0 is any free one. Default: spark.connect.grpc.binding.port, else 15002.
        #[arg(long)]
        port: Option<u16>,
        /// A configuration entry. May be repeated.
        #[arg(long = "conf", value_name = "KEY=VALUE", value_parser = parse_entry)]
        conf: Vec<(String, String)>,
        /// The configuration of a server pod, whose executors are pods too; the operator writes it.
        #[arg(long, hide = true)]
        properties_file: Option<PathBuf>,
    },
    /// Run an application in its driver pod; the operator writes this command line.
    #[command(hide = true)]
    Driver {
        /// The application's configuration.
        #[arg(long)]
        properties_file: PathBuf,
        /// The program.
        main_file: String,
        /// The program's arguments.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

fn parse_entry(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.to_owned())),
        _ => Err(format!("{text:?} is not of the form KEY=VALUE")),
    }
}

/// Runs the command line and gives the process's exit code: 0 the program ended well, 1 it failed (a
/// Python program has its own code), 2 the command line, the manifest or the configuration is wrong,
/// 128 + n it was ended by signal n.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(told) => {
            // Help and version come this way too; clap knows which stream and which code.
            let printed = told.print().is_ok();
            let code = u8::try_from(told.exit_code()).unwrap_or(EXIT_USAGE);
            return ExitCode::from(if printed { code } else { EXIT_USAGE });
        }
    };
    let Cli { log_format, command } = cli;
    let (application, provider) = match command {
        Command::Connect { host, port, conf, properties_file } => {
            return connect(log_format, host.as_deref(), port, conf, properties_file.as_deref());
        }
        Command::Run { manifest, conf } => (Application::from_manifest(&manifest, &conf), Provider::Local),
        Command::Driver { properties_file, main_file, arguments } => {
            (Application::from_properties(&properties_file, main_file, arguments), Provider::Kubernetes)
        }
    };
    let application = match application {
        Ok(application) => application,
        Err(error) => {
            termination::report(&error);
            return ExitCode::from(EXIT_USAGE);
        }
    };
    logging::start(log_format, &application.log_level());
    match run(&application, provider) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            termination::report(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

fn connect(
    log_format: LogFormat,
    host: Option<&str>,
    port: Option<u16>,
    entries: Vec<(String, String)>,
    properties_file: Option<&Path>,
) -> ExitCode {
    let (conf, provider) = match properties_file.map(Application::conf_from_properties) {
        None => (server_conf(entries), Provider::Local),
        Some(Ok(mut conf)) => {
            conf.extend(entries);
            (conf, Provider::Kubernetes)
        }
        Some(Err(error)) => {
            termination::report(&error);
            return ExitCode::from(EXIT_USAGE);
        }
    };
    if let Some(malformed) = keys::check(&conf).first() {
        termination::report(malformed);
        return ExitCode::from(EXIT_USAGE);
    }
    logging::start(log_format, conf.get_str(keys::LOG_LEVEL.name()).unwrap_or("INFO"));
    match serve(conf, provider, host, port) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            termination::report(&error);
            ExitCode::from(EXIT_FAILED)
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn entries_are_split_at_the_first_equals_sign() {
        assert_eq!(parse_entry("spark.a=b=c"), Ok(("spark.a".into(), "b=c".into())));
        assert_eq!(parse_entry("spark.a="), Ok(("spark.a".into(), String::new())));
        assert!(parse_entry("spark.a").is_err());
        assert!(parse_entry("=b").is_err());
    }
}
