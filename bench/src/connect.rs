//! Latency of Spark Connect as PySpark sees it, beside Sail's in the same run.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::figure::Report;

/// Medians in ms, as `bench/connect.py` prints them.
#[derive(Debug, Deserialize)]
struct Latencies {
    select: f64,
    aggregate: f64,
    pandas: Option<f64>,
}

/// A server, ended when it is dropped.
pub struct Server(Child);

impl Server {
    /// Id of its process.
    pub fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Adds the figures of Cerium, and of Sail where `sail` is its program.
pub fn measure(driver: &Path, python: &Path, sail: &Path, report: &mut Report) -> Result<()> {
    if !python.exists() {
        report.skipped.push(format!("connect: no {}; scripts/python makes it", python.display()));
        return Ok(());
    }
    eprintln!("connect: Cerium");
    let (server, remote) = start_cerium(driver, python)?;
    let cerium = latencies(python, &remote).context("measuring Cerium")?;
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
    match latencies(python, &remote) {
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

fn latencies(python: &Path, remote: &str) -> Result<Latencies> {
    let output = Command::new(python)
        .args(["-W", "ignore", "bench/connect.py", remote])
        .output()
        .with_context(|| format!("starting {}", python.display()))?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().last().context("bench/connect.py printed nothing")?;
    serde_json::from_str(line).with_context(|| format!("bench/connect.py printed {line}"))
}

/// `cerium-driver connect` with local executors and workers of `python`, and its address.
pub fn start_cerium(driver: &Path, python: &Path) -> Result<(Server, String)> {
    let mut child = Command::new(driver)
        .args(["connect", "--port", "0"])
        .env("PYSPARK_PYTHON", python)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("starting {}", driver.display()))?;
    let stdout = child.stdout.take().context("the driver has no standard output")?;
    let server = Server(child);
    for line in BufReader::new(stdout).lines() {
        let line = line.context("reading the driver's output")?;
        if let Some(start) = line.find("sc://") {
            let remote = line[start..].split_whitespace().next().unwrap_or_default();
            return Ok((server, remote.to_owned()));
        }
    }
    bail!("cerium-driver connect ended without listening")
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
