//! `cerium-driver run examples/flights.yaml`: time to the first printed row, and memory.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::figure::{Report, median};
use crate::process::MemoryWatch;

/// Runs of which the median counts.
const RUNS: usize = 5;
/// How often memory is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// What one run showed.
struct Run {
    first_row_ms: f64,
    memory: MemoryWatch,
}

/// Runs the example from the repository's root and adds its figures.
pub fn measure(driver: &Path, flights: &Path, report: &mut Report) -> Result<()> {
    if !flights.join("flights.csv").exists() {
        report
            .skipped
            .push(format!("flights: no {}; make run fetches it", flights.join("flights.csv").display()));
        return Ok(());
    }
    let mut first_rows = Vec::new();
    let mut driver_peaks = Vec::new();
    let mut executor_peaks = Vec::new();
    for number in 1..=RUNS {
        eprintln!("flights: run {number} of {RUNS}");
        let run = run(driver, flights)?;
        first_rows.push(run.first_row_ms);
        driver_peaks.extend(run.memory.peak("cerium-driver"));
        executor_peaks.extend(run.memory.peak("cerium-executor"));
    }
    report.add("flights, start to first printed row", median(&first_rows), "ms", Some(1500.0));
    for (name, peaks) in [("driver", driver_peaks), ("executor", executor_peaks)] {
        if !peaks.is_empty() {
            report.add(format!("flights, peak memory of the {name}"), median(&peaks), "MiB", None);
        }
    }
    Ok(())
}

fn run(driver: &Path, flights: &Path) -> Result<Run> {
    let output = tempfile::tempdir().context("making a folder for the result")?;
    let start = Instant::now();
    let mut child = Command::new(driver)
        .args(["run", "examples/flights.yaml"])
        .arg("--conf")
        .arg(format!("spark.flights.input={}", flights.display()))
        .arg("--conf")
        .arg(format!("spark.flights.output={}", output.path().join("carrier_months").display()))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {}", driver.display()))?;
    let stdout = child.stdout.take().context("the driver has no standard output")?;
    let mut stderr = child.stderr.take().context("the driver has no standard error")?;
    let log = std::thread::spawn(move || {
        let mut text = String::new();
        stderr.read_to_string(&mut text).map(|_| text)
    });
    // Rows arrive on a thread of their own, so that memory can be looked at meanwhile.
    let (rows, arrivals) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if rows.send((Instant::now(), line)).is_err() {
                break;
            }
        }
    });

    let mut memory = MemoryWatch::default();
    let mut table_lines = 0;
    let mut first_row_ms = None;
    loop {
        memory.look(child.id());
        match arrivals.recv_timeout(LOOK) {
            Ok((arrived, line)) if line.starts_with('|') => {
                table_lines += 1;
                // The first line of a table is its header.
                if table_lines == 2 {
                    first_row_ms = Some((arrived - start).as_secs_f64() * 1000.0);
                }
            }
            Ok(_) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    let status = child.wait().context("waiting for the driver")?;
    let log = log.join().ok().and_then(Result::ok).unwrap_or_default();
    match first_row_ms {
        Some(first_row_ms) if status.success() => Ok(Run { first_row_ms, memory }),
        _ => bail!("cerium-driver ended with {status} and this log:\n{log}"),
    }
}
