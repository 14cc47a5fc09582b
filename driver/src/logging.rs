//! How the driver logs.

use cerium_engine::logging;
use clap::ValueEnum;

/// What is let through at INFO. Ballista warns of executors that ended when they were told to.
const INFO: &str = "warn,ballista_scheduler=error,cerium_driver=info,cerium_engine=info,cerium_spark=info";

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
    let level = level.parse().unwrap_or_default();
    logging::start("RUST_LOG", level, INFO, matches!(format, LogFormat::Json));
}
