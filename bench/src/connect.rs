//! Latency of Spark Connect as PySpark sees it, beside Sail's in the same run.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::figure::Report;
use crate::script::figures;
use crate::server::{Server, start_cerium};

const SCRIPT: &str = "bench/connect.py";

/// Medians in ms, as `bench/connect.py` prints them.
#[derive(Debug, Deserialize)]
struct Latencies {
    select: f64,
    aggregate: f64,
    pandas: Option<f64>,
}

/// Adds the figures of Cerium, and of Sail where `sail` is its program.
pub fn measure(driver: &Path, python: &Path, sail: &Path, report: &mut Report) -> Result<()> {
    if !python.exists() {
        report.skipped.push(format!("connect: no {}; scripts/python makes it", python.display()));
        return Ok(());
    }
    eprintln!("connect: Cerium");
    let (server, remote) = start_cerium(driver, python, &[])?;
    let cerium: Latencies = figures(SCRIPT, python, &remote).context("measuring Cerium")?;
    drop(server);
    report.add("Connect, `select 1`, collected", cerium.select, "ms", Some(10.0));
    report.add("Connect, aggregation of 1,000 rows", cerium.aggregate, "ms", Some(30.0));
    let pandas = cerium.pandas.context("Cerium took no rows from pandas")?;
    report.add("Connect, 1,000,000 rows from and to pandas", pandas, "ms", Some(1500.0));
    if !sail.exists() {
        report.skipped.push(format!("connect: Sail, as there is no {}", sail.display()));
        return Ok(());
    }
    eprintln!("connect: Sail");
    let (_server, remote) = start_sail(sail)?;
    match figures::<Latencies>(SCRIPT, python, &remote) {
        Ok(peer) => {
            report.add("Sail, `select 1`, collected", peer.select, "ms", None);
            report.add("Sail, aggregation of 1,000 rows", peer.aggregate, "ms", None);
            match peer.pandas {
                Some(ms) => report.add("Sail, 1,000,000 rows from and to pandas", ms, "ms", None),
                None => {
                    report.skipped.push("connect: rows from pandas by Sail, which refuses them".to_owned());
                }
            }
        }
        Err(error) => report.skipped.push(format!("connect: Sail, which failed: {error:#}")),
    }
    Ok(())
}

fn start_sail(program: &Path) -> Result<(Server, String)> {
    // Freed at once, for Sail to take.
    let port =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("finding a free port")?.local_addr()?.port();
    let child = Command::new(program)
        .args(["spark", "server", "--ip", "127.0.0.1", "--port", &port.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("starting {}", program.display()))?;
    // Its client tries again until it listens.
    Ok((Server(child), format!("sc://localhost:{port}")))
}
