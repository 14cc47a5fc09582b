//! Speed of Python functions, beside Spark's own in the same run.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::connect::start_cerium;
use crate::figure::Report;

/// What Spark runs as beside Cerium's two executors of one core.
pub const SPARK_MASTER: &str = "local[2]";

/// Medians in ms, as `bench/udf.py` prints them.
#[derive(Debug, Deserialize)]
struct Times {
    pandas: f64,
    plain: f64,
    reused: f64,
}

/// Adds the figures of Cerium, and of Spark where `spark` is the Python of a PySpark with Java.
pub fn measure(driver: &Path, python: &Path, spark: &Path, report: &mut Report) -> Result<()> {
    if !python.exists() {
        report.skipped.push(format!("udf: no {}; scripts/python makes it", python.display()));
        return Ok(());
    }
    eprintln!("udf: Cerium");
    let (server, remote) = start_cerium(driver, python)?;
    let cerium: Times = times("bench/udf.py", python, &remote).context("measuring Cerium")?;
    drop(server);
    report.add("pandas UDF, 10,000,000 rows", cerium.pandas, "ms", None);
    report.add("plain UDF, 2,000,000 rows", cerium.plain, "ms", None);
    report.add("UDF of one row on a reused worker, more than without", cerium.reused, "ms", Some(5.0));
    if let Some(reason) = missing(spark) {
        report.skipped.push(format!("udf: Spark, as {reason}"));
        return Ok(());
    }
    eprintln!("udf: Spark");
    match times::<Times>("bench/udf.py", spark, SPARK_MASTER) {
        Ok(peer) => {
            report.add("Spark local[2], pandas UDF", peer.pandas, "ms", None);
            report.add("Spark local[2], plain UDF", peer.plain, "ms", None);
            report.add("pandas UDF, time over Spark's", cerium.pandas / peer.pandas, "x", Some(1.0));
            report.add("plain UDF, time over Spark's", cerium.plain / peer.plain, "x", Some(0.5));
        }
        Err(error) => report.skipped.push(format!("udf: Spark, which failed: {error:#}")),
    }
    Ok(())
}

/// Why there is no Spark to measure.
pub fn missing(spark: &Path) -> Option<String> {
    if !spark.exists() {
        return Some(format!("there is no {}", spark.display()));
    }
    let java =
        std::env::var_os("JAVA_HOME").map_or_else(|| "java".into(), |home| Path::new(&home).join("bin/java"));
    let runs = Command::new(java).arg("-version").output().is_ok_and(|output| output.status.success());
    (!runs).then(|| "there is no Java".to_owned())
}

/// What a script prints that measures a Spark Connect server or a Spark in its own process. With a server it
/// runs with Cerium's add-on.
pub fn times<T: DeserializeOwned>(script: &str, python: &Path, place: &str) -> Result<T> {
    let mut command = Command::new(python);
    command.args(["-W", "ignore", script, place]).env("PYSPARK_PYTHON", python).env("PYTHONHASHSEED", "0");
    if place.starts_with("sc://") {
        command.env("PYTHONPATH", "python").env("SPARK_REMOTE", place).env("SPARK_CONNECT_MODE_ENABLED", "1");
    }
    let output = command.output().with_context(|| format!("starting {}", python.display()))?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().last().with_context(|| format!("{script} printed nothing"))?;
    serde_json::from_str(line).with_context(|| format!("{script} printed {line}"))
}
