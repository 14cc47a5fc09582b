//! Python programs that measure a Spark from outside: Cerium's, and then Apache Spark itself.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::de::DeserializeOwned;

use crate::figure::Report;
use crate::server::start_cerium;

/// What Spark runs as beside Cerium's two executors of one core.
const SPARK_MASTER: &str = "local[2]";

/// The programs of both.
pub struct Peers<'a> {
    /// `cerium-driver`.
    pub driver: &'a Path,
    /// The Python of Cerium's client and workers.
    pub python: &'a Path,
    /// The Python of a PySpark with its jars, pandas and pyarrow; it needs Java.
    pub spark: &'a Path,
}

/// A program of `bench/` and what its figures, of type `T`, are called.
pub struct Script<T> {
    /// The part of the table it belongs to.
    pub part: &'static str,
    /// Where it is in the repository.
    pub path: &'static str,
    /// Adds the figures of Cerium.
    pub cerium: fn(&T, &mut Report),
    /// Adds the figures of Spark, and what Cerium's are beside them.
    pub beside: fn(&T, &T, &mut Report),
}

impl<T: DeserializeOwned> Script<T> {
    /// Runs it on Cerium, then on Spark where there is one.
    pub fn measure(&self, peers: &Peers<'_>, report: &mut Report) -> Result<()> {
        let Self { part, path, .. } = self;
        if !peers.python.exists() {
            report.skipped.push(format!("{part}: no {}; scripts/python makes it", peers.python.display()));
            return Ok(());
        }
        eprintln!("{part}: Cerium");
        let (server, remote) = start_cerium(peers.driver, peers.python, &[])?;
        let cerium: T = figures(path, peers.python, &remote).context("measuring Cerium")?;
        drop(server);
        (self.cerium)(&cerium, report);
        if let Some(reason) = missing(peers.spark) {
            report.skipped.push(format!("{part}: Spark, as {reason}"));
            return Ok(());
        }
        eprintln!("{part}: Spark");
        match figures(path, peers.spark, SPARK_MASTER) {
            Ok(spark) => (self.beside)(&cerium, &spark, report),
            Err(error) => report.skipped.push(format!("{part}: Spark, which failed: {error:#}")),
        }
        Ok(())
    }
}

/// Why there is no Spark to measure.
fn missing(spark: &Path) -> Option<String> {
    if !spark.exists() {
        return Some(format!("there is no {} (scripts/spark makes one)", spark.display()));
    }
    let java =
        std::env::var_os("JAVA_HOME").map_or_else(|| "java".into(), |home| Path::new(&home).join("bin/java"));
    let runs = Command::new(java).arg("-version").output().is_ok_and(|output| output.status.success());
    (!runs).then(|| "there is no Java".to_owned())
}

/// What a script prints that measures a Spark Connect server (`sc://HOST:PORT`), with Cerium's add-on, or a Spark
/// in its own process.
pub fn figures<T: DeserializeOwned>(script: &str, python: &Path, place: &str) -> Result<T> {
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
