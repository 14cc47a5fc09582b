//! Servers of Spark Connect that are measured.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

/// A server, ended when it is dropped.
pub struct Server(pub Child);

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

/// `cerium-driver connect` with local executors, workers of `python` and these settings (`KEY=VALUE`), and its
/// address.
pub fn start_cerium(driver: &Path, python: &Path, conf: &[&str]) -> Result<(Server, String)> {
    let mut child = Command::new(driver)
        .args(["connect", "--port", "0"])
        .args(conf.iter().flat_map(|setting| ["--conf", setting]))
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
