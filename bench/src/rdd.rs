//! Speed of RDDs, beside Spark's own in the same run.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::connect::start_cerium;
use crate::figure::Report;
use crate::udf::{SPARK_MASTER, missing, times};

const SCRIPT: &str = "bench/rdd.py";

/// Medians in ms, as the script prints them.
#[derive(Debug, Deserialize)]
struct Times {
    pi: f64,
    reduce: f64,
}

/// Adds the figures of Cerium, and of Spark where `spark` is the Python of a PySpark with Java.
pub fn measure(driver: &Path, python: &Path, spark: &Path, report: &mut Report) -> Result<()> {
    if !python.exists() {
        report.skipped.push(format!("rdd: no {}; scripts/python makes it", python.display()));
        return Ok(());
    }
    eprintln!("rdd: Cerium");
    let (server, remote) = start_cerium(driver, python)?;
    let cerium: Times = times(SCRIPT, python, &remote).context("measuring Cerium")?;
    drop(server);
    report.add("RDD, pi of 10,000,000 points in 100 partitions", cerium.pi, "ms", None);
    report.add("RDD, reduceByKey of 5,000,000 pairs", cerium.reduce, "ms", None);
    if let Some(reason) = missing(spark) {
        report.skipped.push(format!("rdd: Spark, as {reason}"));
        return Ok(());
    }
    eprintln!("rdd: Spark");
    match times::<Times>(SCRIPT, spark, SPARK_MASTER) {
        Ok(peer) => {
            report.add("Spark local[2], RDD, pi", peer.pi, "ms", None);
            report.add("Spark local[2], RDD, reduceByKey", peer.reduce, "ms", None);
            report.add("RDD, pi, time over Spark's", cerium.pi / peer.pi, "x", Some(1.0));
            report.add("RDD, reduceByKey, time over Spark's", cerium.reduce / peer.reduce, "x", Some(1.0));
        }
        Err(error) => report.skipped.push(format!("rdd: Spark, which failed: {error:#}")),
    }
    Ok(())
}
