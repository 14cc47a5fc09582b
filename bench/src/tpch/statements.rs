//! The queries through `cerium-driver run`: one application, one statement a run.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use datafusion::arrow::array::RecordBatch;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde::Deserialize;

use super::compare::Rows;
use super::queries::Query;
use super::{Options, Outcome, data};
use crate::manifest::SqlApplication;

/// The line the driver logs after each statement, in JSON.
#[derive(Deserialize)]
struct LogLine {
    fields: Timing,
}

/// What that line says.
#[derive(Deserialize)]
struct Timing {
    /// Number of the statement in the script, from 1.
    statement: usize,
    /// From the statement's start to its whole result.
    elapsed_ms: f64,
}

/// Runs the queries; a query that fails is an `Err` with the driver's words, and
/// the ones after it are run by a new application.
pub fn run(driver: &Path, options: &Options) -> Result<Vec<Result<Outcome, String>>> {
    let mut outcomes = Vec::new();
    while outcomes.len() < options.queries.len() {
        outcomes.extend(run_application(driver, options, &options.queries[outcomes.len()..])?);
    }
    Ok(outcomes)
}

/// One application over `queries`: the outcomes up to the first that fails, or of all.
fn run_application(
    driver: &Path,
    options: &Options,
    queries: &[Query],
) -> Result<Vec<Result<Outcome, String>>> {
    let folder = tempfile::tempdir().context("making a folder for the application")?;
    let script = folder.path().join("tpch.sql");
    fs::write(&script, script_of(options, queries, folder.path())?).context("writing the script")?;
    let manifest = folder.path().join("tpch.yaml");
    let application = SqlApplication {
        name: "tpch",
        main_file: &script.display().to_string(),
        executors: 2,
        memory: "4g",
        // The whole result, as the peer collects it.
        conf: vec![("spark.sql.repl.eagerEval.maxNumRows", "1000000".into())],
    };
    fs::write(&manifest, application.manifest().to_string()).context("writing the manifest")?;

    eprintln!("Cerium: q{:02} and the queries after it", queries[0].number);
    let output = Command::new(driver)
        .args(["--log-format", "json", "run"])
        .arg(&manifest)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .with_context(|| format!("starting {}", driver.display()))?;
    let log = String::from_utf8_lossy(&output.stderr);
    let elapsed = timings(&log);

    let runs = (options.warm_up + options.repeat) as usize;
    let mut outcomes = Vec::new();
    let mut last = data::TABLES.len();
    for query in queries {
        // The timed runs, and the one that writes the result, which is not timed.
        let first = last + 1 + options.warm_up as usize;
        last += runs + 1;
        if !elapsed.contains_key(&last) {
            if output.status.success() && elapsed.is_empty() {
                bail!("{} printed no timings: is it of this version?", driver.display());
            }
            outcomes.push(Err(failure(&log)));
            break;
        }
        let elapsed_ms = elapsed.range(first..last).map(|(_, elapsed)| *elapsed).collect();
        let rows = read_rows(&result_folder(folder.path(), query))?;
        outcomes.push(Ok(Outcome { elapsed_ms, rows }));
    }
    Ok(outcomes)
}

fn result_folder(folder: &Path, query: &Query) -> std::path::PathBuf {
    folder.join(format!("q{:02}", query.number))
}

/// The tables as views, then each query as often as it is run, and once more into a folder.
fn script_of(options: &Options, queries: &[Query], folder: &Path) -> Result<String> {
    let mut script = String::new();
    let tables = fs::canonicalize(&options.data).context("finding the generated tables")?;
    for table in data::TABLES {
        let path = data::file(&tables, table);
        writeln!(script, "CREATE TEMPORARY VIEW {table} USING parquet OPTIONS (path '{}');", path.display())?;
    }
    for query in queries {
        for _ in 0..options.warm_up + options.repeat {
            writeln!(script, "{};", query.sql)?;
        }
        let target = result_folder(folder, query);
        writeln!(script, "INSERT OVERWRITE DIRECTORY '{}' USING parquet\n{};", target.display(), query.sql)?;
    }
    Ok(script)
}

fn timings(log: &str) -> BTreeMap<usize, f64> {
    log.lines()
        .filter_map(|line| serde_json::from_str::<LogLine>(line).ok())
        .map(|line| (line.fields.statement, line.fields.elapsed_ms))
        .collect()
}

/// The driver's last words.
fn failure(log: &str) -> String {
    let is_word = |line: &&str| !line.trim().is_empty() && serde_json::from_str::<LogLine>(line).is_err();
    let words = log.lines().rev().find(is_word).unwrap_or("the driver said nothing");
    format!("FAILED: {}", words.trim())
}

fn read_rows(folder: &Path) -> Result<Rows> {
    let mut batches: Vec<RecordBatch> = Vec::new();
    let entries = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "parquet") {
            let file = fs::File::open(&path).with_context(|| format!("opening {}", path.display()))?;
            for batch in ParquetRecordBatchReaderBuilder::try_new(file)?.build()? {
                batches.push(batch?);
            }
        }
    }
    Rows::from_batches(&batches)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timings_are_read_from_between_other_lines() {
        let log = concat!(
            "starting\n",
            r#"{"level":"INFO","fields":{"message":"statement ended","statement":9,"elapsed_ms":12.5}}"#,
            "\n",
            r#"{"level":"INFO","fields":{"message":"executor started"}}"#,
            "\n",
        );
        assert_eq!(timings(log), BTreeMap::from([(9, 12.5)]));
    }

    #[test]
    fn the_last_line_that_is_no_timing_tells_why_a_query_failed() {
        let log = "[UNSUPPORTED] no\n{\"fields\":{\"statement\":9,\"elapsed_ms\":12.5}}\n\n";
        assert_eq!(failure(log), "FAILED: [UNSUPPORTED] no");
    }
}
