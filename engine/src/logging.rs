//! Log lines on standard error, at a level that can change while the process runs.

use std::io::{IsTerminal, stderr};
use std::str::FromStr;
use std::sync::OnceLock;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, fmt, reload};

/// Spark's levels, in its order.
const LEVELS: [&str; 8] = ["ALL", "DEBUG", "ERROR", "WARN", "INFO", "OFF", "FATAL", "TRACE"];

/// One of Spark's levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogLevel(&'static str);

/// A text that is no level, in the words of `SparkContext.setLogLevel`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("requirement failed: Supplied level {0} did not match one of: {levels}", levels = LEVELS.join(","))]
pub struct UnknownLevel(String);

impl FromStr for LogLevel {
    type Err = UnknownLevel;

    /// Case does not count.
    fn from_str(text: &str) -> Result<Self, UnknownLevel> {
        let known = LEVELS.into_iter().find(|level| level.eq_ignore_ascii_case(text));
        known.map(Self).ok_or_else(|| UnknownLevel(text.to_owned()))
    }
}

impl Default for LogLevel {
    fn default() -> Self {
        Self("INFO")
    }
}

impl LogLevel {
    /// Its name, in upper case.
    pub fn name(self) -> &'static str {
        self.0
    }

    /// What is let through; `info` says it for INFO, at which libraries are too talkative.
    fn directives(self, info: &'static str) -> &'static str {
        match self.0 {
            "ALL" | "TRACE" => "trace",
            // The frames of each message would hide all else.
            "DEBUG" => "debug,h2=info",
            "WARN" => "warn",
            "ERROR" | "FATAL" => "error",
            "OFF" => "off",
            _ => info,
        }
    }
}

type Change = Box<dyn Fn(LogLevel) + Send + Sync>;

/// Changes what the running process lets through.
static CHANGE: OnceLock<Change> = OnceLock::new();

/// Starts logging at `level`, unless the environment variable `variable` has directives. `info` is what
/// INFO lets through.
pub fn start(variable: &str, level: LogLevel, info: &'static str, json: bool) {
    let filter = EnvFilter::try_from_env(variable).unwrap_or_else(|_| EnvFilter::new(level.directives(info)));
    let (filter, handle) = reload::Layer::<_, Registry>::new(filter);
    let registry = tracing_subscriber::registry().with(filter);
    let lines = fmt::layer().with_writer(stderr);
    if json {
        registry.with(lines.json()).init();
    } else {
        registry.with(lines.with_ansi(stderr().is_terminal())).init();
    }
    let change: Change = Box::new(move |level| {
        if let Err(error) = handle.reload(EnvFilter::new(level.directives(info))) {
            tracing::warn!(%error, "the log level stays as it is");
        }
    });
    // A second start would have failed above.
    let _ = CHANGE.set(change);
}

/// Logs at another level from now on, whatever the environment said.
pub fn set_level(level: LogLevel) {
    if let Some(change) = CHANGE.get() {
        change(level);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sparks_levels_are_understood_in_any_case() {
        let directives = |text: &str| text.parse::<LogLevel>().unwrap().directives("warn,x=info");
        assert_eq!(directives("warn"), "warn");
        assert_eq!(directives("Fatal"), "error");
        assert_eq!(directives("INFO"), "warn,x=info");
    }

    /// The message as recorded from Spark 4.1.1.
    #[test]
    fn other_levels_are_refused() {
        let refused = "bad".parse::<LogLevel>().unwrap_err();
        assert_eq!(
            refused.to_string(),
            "requirement failed: Supplied level bad did not match one of: \
             ALL,DEBUG,ERROR,WARN,INFO,OFF,FATAL,TRACE"
        );
    }
}
