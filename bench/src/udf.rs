//! Speed of Python functions, beside Spark's own in the same run.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::figure::Report;
use crate::script::{Script, figures};
use crate::server::start_cerium;

/// Medians in ms, as the script prints them.
#[derive(Debug, Deserialize)]
pub struct Times {
    pandas: f64,
    plain: f64,
    one_row: f64,
}

/// A pandas UDF, a plain one, and what a worker adds that is there already.
pub const UDF: Script<Times> = Script {
    part: "udf",
    path: "bench/udf.py",
    cerium: |cerium, report| {
        report.add("pandas UDF, 10,000,000 rows", cerium.pandas, "ms", None);
        report.add("plain UDF, 2,000,000 rows", cerium.plain, "ms", None);
        report.add("UDF of one row on a reused worker, more than without", cerium.one_row, "ms", Some(5.0));
    },
    beside: |cerium, spark, report| {
        report.add("Spark local[2], pandas UDF", spark.pandas, "ms", None);
        report.add("Spark local[2], plain UDF", spark.plain, "ms", None);
        report.add("pandas UDF, time over Spark's", cerium.pandas / spark.pandas, "x", Some(1.0));
        report.add("plain UDF, time over Spark's", cerium.plain / spark.plain, "x", Some(0.5));
    },
};

/// Median in ms, as the script prints it.
#[derive(Debug, Deserialize)]
struct OneRow {
    one_row: f64,
}

/// Adds what a worker adds that is started for its task.
pub fn measure_new_worker(driver: &Path, python: &Path, report: &mut Report) -> Result<()> {
    if !python.exists() {
        return Ok(());
    }
    eprintln!("udf: new workers");
    let (_server, remote) = start_cerium(driver, python, &["spark.python.worker.reuse=false"])?;
    let new: OneRow = figures("bench/udf_one_row.py", python, &remote).context("measuring new workers")?;
    report.add("UDF of one row on a new worker, more than without", new.one_row, "ms", Some(150.0));
    Ok(())
}
