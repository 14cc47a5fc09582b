//! The log: format and filter.

use std::str::FromStr;

use tracing_subscriber::EnvFilter;

/// Form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One line of text for each message.
    Text,
    /// One JSON object for each message.
    Json,
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "text" | "console" => Ok(LogFormat::Text),
            "json" => Ok(LogFormat::Json),
            other => Err(format!("{other:?} is no log format; write json, or console for text")),
        }
    }
}

/// The log cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The level is none.
    #[error("--zap-log-level {level:?} is neither a level nor a filter")]
    Filter {
        /// What was given.
        level: String,
        /// Why it is none.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// Somebody else set the log up before.
    #[error("failed to set up the log")]
    Install(#[source] tracing_subscriber::util::TryInitError),
}

/// Sets the log up for the whole process; it goes to stderr.
pub fn start(format: LogFormat, level: &str) -> Result<(), TelemetryError> {
    use tracing_subscriber::util::SubscriberInitExt;
    let filter = EnvFilter::try_new(filter(level))
        .map_err(|source| TelemetryError::Filter { level: level.to_owned(), source })?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.finish().try_init(),
        LogFormat::Json => log.json().flatten_event(true).finish().try_init(),
    }
    .map_err(TelemetryError::Install)
}

/// A bare level leaves out the spans of the controller library: our own messages name the application.
fn filter(level: &str) -> String {
    if level.contains(['=', ',']) {
        level.to_owned()
    } else {
        format!("{level},kube_runtime::controller=warn")
    }
}
