//! The Python that scripts/python makes, for data that tests need and no crate of theirs can write.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use crate::cluster::cache;

/// The interpreter, with pyarrow and pandas.
pub fn interpreter() -> Result<PathBuf> {
    let path = cache()?.join("python/bin/python");
    ensure!(path.exists(), "{} is missing: run scripts/python first", path.display());
    Ok(path)
}

/// Runs a program and gives what it prints.
pub async fn run(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(interpreter()?)
        .args(["-c", program])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .await
        .context("cannot start Python")?;
    ensure!(output.status.success(), "Python failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}
