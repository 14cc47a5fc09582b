//! Log lines on standard error: standard output is the program's.

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

/// How a log line is written.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts logging. `level` is Spark's (`spark.log.level`, such as `INFO`); `RUST_LOG` wins over it.
/// Libraries below us log from WARN on, unless `level` is finer than INFO.
pub fn start(format: LogFormat, level: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(directives(level)));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).init(),
        LogFormat::Json => builder.json().init(),
    }
}

fn directives(level: &str) -> String {
    match level.to_ascii_uppercase().as_str() {
        "ALL" | "TRACE" => "trace".into(),
        "DEBUG" => "debug".into(),
        "WARN" => "warn".into(),
        "ERROR" | "FATAL" => "error".into(),
        "OFF" => "off".into(),
        // Ballista warns of executors that ended when they were told to.
        _ => "warn,ballista_scheduler=error,cerium_driver=info,cerium_engine=info,cerium_spark=info".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sparks_levels_are_understood_in_any_case() {
        assert_eq!(directives("warn"), "warn");
        assert_eq!(directives("FATAL"), "error");
        assert!(directives("INFO").contains("cerium_driver=info"));
    }
}
