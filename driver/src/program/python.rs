//! Runs a Python program: a process beside the driver, with PySpark's own client in it.

mod add_on;
mod dependencies;
mod environment;
mod process;

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use cerium_conf::{ConfError, SparkConf, env, keys};
use cerium_engine::archive::ArchiveError;
use cerium_engine::object_stores::{ObjectStores, StoreError};
use tokio::process::Command;

use crate::application::Application;
use crate::files::Files;
use crate::signals::{EndSignal, told_to_end};

use self::dependencies::Dependencies;
use self::process::Exit;

/// Why a Python program did not run, or failed.
#[derive(Debug, thiserror::Error)]
pub enum PythonError {
    /// A configuration value is malformed.
    #[error(transparent)]
    Conf(#[from] ConfError),
    /// The program, or a file it depends on, could not be fetched.
    #[error("failed to fetch {file}")]
    Fetch {
        /// As the application names it.
        file: String,
        /// Why.
        source: StoreError,
    },
    /// A file the program depends on does not exist on this machine.
    #[error("failed to fetch {file}: {} does not exist", path.display())]
    Missing {
        /// As the application names it.
        file: String,
        /// Where it was looked for.
        path: PathBuf,
    },
    /// An archive the program depends on could not be unpacked.
    #[error("failed to unpack {file}")]
    Archive {
        /// As the application names it.
        file: String,
        /// Why.
        source: ArchiveError,
    },
    /// Files could not be put where the program finds them.
    #[error("failed to prepare the program's files in {}", folder.display())]
    Files {
        /// The folder.
        folder: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// There is no Python.
    #[error(
        "there is no Python at `{python}`: use an image with Python 3 in which `pip install pyspark-client \
         pandas pyarrow` was run, or name its Python in spark.pyspark.python"
    )]
    NoPython {
        /// The interpreter that was looked for.
        python: String,
    },
    /// The process could not be started.
    #[error("failed to start Python (`{python}`)")]
    Start {
        /// The interpreter.
        python: String,
        /// The system's answer.
        source: io::Error,
    },
    /// The process was lost sight of.
    #[error("failed to follow the Python program")]
    Follow(#[source] io::Error),
    /// The program ended by itself, and not well.
    #[error("the program ended with exit code {code}{}", after_colon(last_words))]
    Failed {
        /// Its exit code.
        code: u8,
        /// The error it ended with, as far as it told.
        last_words: String,
    },
    /// The program was killed.
    #[error("the program was ended by signal {signal}{}", after_colon(last_words))]
    Killed {
        /// Number of the signal.
        signal: u8,
        /// What it said last on standard error.
        last_words: String,
    },
    /// The driver was told to end, and the program with it.
    #[error("ended by {0} before the program was done")]
    Ended(EndSignal),
}

fn after_colon(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

impl PythonError {
    /// The driver's exit code: that of the program, where it has one.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Failed { code, .. } => *code,
            Self::Killed { signal, .. } => 128 | signal,
            Self::Ended(signal) => 128 + signal.number(),
            _ => 1,
        }
    }
}

/// Where a program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// On the user's machine: its working folder is left alone, as by Spark's client mode.
    Here,
    /// In the driver pod: files and archives are also found in the working folder, as by Spark's
    /// cluster mode.
    Pod,
}

/// Runs the program of `application` to its end, with the Connect server at `remote` (a `sc://` URL).
/// `scratch` takes downloaded files; `files` gives them to executors. A signal that asks the driver to end is passed on to the program.
pub async fn run(
    application: &Application,
    remote: &str,
    scratch: &Path,
    files: &Files,
    place: Place,
) -> Result<(), PythonError> {
    let stores = ObjectStores::new(application.conf.clone());
    let needed = tokio::select! {
        needed = Dependencies::fetch(application, &stores, scratch, place) => needed?,
        signal = told_to_end() => return Err(PythonError::Ended(signal.map_err(PythonError::Follow)?)),
    };
    for (path, name, kind) in &needed.for_functions {
        let file_name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        files.share(path.clone(), name.clone(), file_name, *kind);
    }
    let add_on = add_on::write(scratch)?;
    let variable = |name: &str| {
        let own = application.environment.iter().rev().find(|(key, _)| key == name);
        own.map(|(_, value)| OsString::from(value)).or_else(|| std::env::var_os(name))
    };
    let python = interpreter(&application.conf, variable)?;
    let mut command = Command::new(needed.resolve(&python));
    command
        .arg(&needed.main_file)
        .args(&application.arguments)
        .envs(application.environment.iter().map(|(name, value)| (name, value)))
        .envs(environment::variables(remote, &add_on, &needed, variable))
        .stdin(Stdio::null());
    for name in environment::REMOVED {
        command.env_remove(name);
    }
    if let Some(folder) = &needed.working_folder {
        command.current_dir(folder);
    }
    let name = python.to_string_lossy().into_owned();
    let Exit { status, told, last_words } = match process::run(command, &python).await {
        Ok(exit) => exit,
        Err(process::ProcessError::Start(error)) if error.kind() == io::ErrorKind::NotFound => {
            return Err(PythonError::NoPython { python: name });
        }
        Err(process::ProcessError::Start(source)) => return Err(PythonError::Start { python: name, source }),
        Err(process::ProcessError::Follow(source)) => return Err(PythonError::Follow(source)),
    };
    match (told, process::code_or_signal(status)) {
        (Some(signal), _) => Err(PythonError::Ended(signal)),
        (None, Ok(0)) => Ok(()),
        (None, Ok(code)) => Err(PythonError::Failed { code, last_words }),
        (None, Err(signal)) => Err(PythonError::Killed { signal, last_words }),
    }
}

/// The program's Python, in the order in which Spark looks for it.
fn interpreter(conf: &SparkConf, variable: impl Fn(&str) -> Option<OsString>) -> Result<OsString, ConfError> {
    let set = conf.get(&keys::PYSPARK_DRIVER_PYTHON)?.or(conf.get(&keys::PYSPARK_PYTHON)?);
    let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
    Ok(set
        .map(OsString::from)
        .or_else(|| variable(env::PYSPARK_DRIVER_PYTHON))
        .or_else(|| variable(env::PYSPARK_PYTHON))
        .unwrap_or_else(|| "python3".into()))
}

#[cfg(test)]
mod tests;
