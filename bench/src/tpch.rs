//! TPC-H: the 22 queries through Cerium with two executors of one core, and in
//! plain DataFusion with two threads.

mod compare;
mod data;
mod plain;
mod queries;
mod statements;

use std::path::PathBuf;

use anyhow::Result;

use crate::figure::{QueryRow, Report, median};

pub use queries::select;

/// How to measure TPC-H.
pub struct Options {
    /// 1 is 6 million line items.
    pub scale_factor: f64,
    /// The queries to run.
    pub queries: Vec<queries::Query>,
    /// Timed runs of each query.
    pub repeat: u32,
    /// Runs before the timed ones.
    pub warm_up: u32,
    /// The cerium-driver binary; none measures plain DataFusion alone.
    pub driver: Option<PathBuf>,
    /// Where the tables are kept as parquet.
    pub data: PathBuf,
}

/// What one engine did with one query.
pub struct Outcome {
    /// Time from the statement's start to its whole result, for each timed run, in ms.
    pub elapsed_ms: Vec<f64>,
    /// The result.
    pub rows: compare::Rows,
}

/// Measures both engines and adds a row for each query, and the totals.
pub fn measure(options: &Options, report: &mut Report) -> Result<()> {
    data::generate(&options.data, options.scale_factor)?;
    let plain = plain::run(options)?;
    let cerium = options.driver.as_deref().map(|driver| statements::run(driver, options)).transpose()?;

    let mut plain_total = 0.0;
    let mut cerium_total = 0.0;
    let mut unequal = 0;
    for (index, (query, plain)) in options.queries.iter().zip(&plain).enumerate() {
        let plain_ms = median(&plain.elapsed_ms);
        plain_total += plain_ms;
        let (cerium_ms, outcome) = match cerium.as_ref().map(|outcomes| &outcomes[index]) {
            None => (None, None),
            Some(Err(failure)) => (None, Some(failure.clone())),
            Some(Ok(cerium)) => {
                let outcome = compare::difference(&plain.rows, &cerium.rows);
                (Some(median(&cerium.elapsed_ms)), Some(outcome.unwrap_or_else(|| "equal".into())))
            }
        };
        cerium_total += cerium_ms.unwrap_or(0.0);
        unequal += u32::from(outcome.as_deref().is_some_and(|outcome| outcome != "equal"));
        report.tpch.push(QueryRow {
            query: query.number,
            plain_ms,
            cerium_ms,
            rows: plain.rows.len(),
            outcome,
        });
    }
    let scale = options.scale_factor;
    if (scale - 1.0).abs() < f64::EPSILON {
        let differs = |(query, plain): &(&queries::Query, &Outcome)| query.answer_rows != plain.rows.len();
        let other = options.queries.iter().zip(&plain).filter(differs).count();
        report.add("TPC-H, answers with another number of rows than specified", other as f64, "", Some(0.0));
    }
    report.add(format!("TPC-H SF{scale}, plain DataFusion, total"), plain_total, "ms", None);
    if cerium.is_some() {
        report.add(format!("TPC-H SF{scale}, Cerium, total"), cerium_total, "ms", None);
        report.add("TPC-H, queries failed or with another result", f64::from(unequal), "", Some(0.0));
        if unequal == 0 {
            report.add("TPC-H, Cerium to plain DataFusion", cerium_total / plain_total, "x", Some(1.5));
        }
    }
    Ok(())
}
