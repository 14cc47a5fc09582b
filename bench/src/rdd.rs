//! Speed of RDDs, beside Spark's own in the same run.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::figure::Report;
use crate::script::{Script, figures};
use crate::server::start_cerium;

/// Executors that a value is broadcast to.
const EXECUTORS: usize = 4;

/// Medians in ms, as the script prints them.
#[derive(Debug, Deserialize)]
pub struct Times {
    pi: f64,
    reduce: f64,
}

/// pi of PySpark's example, and `reduceByKey`.
pub const RDD: Script<Times> = Script {
    part: "rdd",
    path: "bench/rdd.py",
    cerium: |cerium, report| {
        report.add("RDD, pi of 10,000,000 points in 100 partitions", cerium.pi, "ms", None);
        report.add("RDD, reduceByKey of 5,000,000 pairs", cerium.reduce, "ms", None);
    },
    beside: |cerium, spark, report| {
        report.add("Spark local[2], RDD, pi", spark.pi, "ms", None);
        report.add("Spark local[2], RDD, reduceByKey", spark.reduce, "ms", None);
        report.add("RDD, pi, time over Spark's", cerium.pi / spark.pi, "x", Some(1.0));
        report.add("RDD, reduceByKey, time over Spark's", cerium.reduce / spark.reduce, "x", Some(1.0));
    },
};

/// What came of a broadcast.
#[derive(Debug, Deserialize)]
struct Broadcast {
    /// How often that executor fetched it which did so most often.
    fetches: f64,
    /// MiB that each of them got.
    mib: f64,
    ms: f64,
}

/// Adds what it takes to broadcast a large value, and how often it is sent.
pub fn measure_broadcast(driver: &Path, python: &Path, report: &mut Report) -> Result<()> {
    if !python.exists() {
        return Ok(());
    }
    eprintln!("rdd: a broadcast");
    let instances = format!("spark.executor.instances={EXECUTORS}");
    let conf = [instances.as_str(), "spark.executor.cores=1"];
    let (_server, remote) = start_cerium(driver, python, &conf)?;
    let sent: Broadcast = figures("bench/broadcast.py", python, &remote).context("measuring a broadcast")?;
    let what = format!("RDD, broadcast of {} MiB to {EXECUTORS} executors", sent.mib);
    report.add(format!("{what}, fetches of each"), sent.fetches, "", Some(1.0));
    report.add(what, sent.ms, "ms", None);
    Ok(())
}
