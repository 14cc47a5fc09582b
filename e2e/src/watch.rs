//! What `kubectl get --watch` shows, for states that may be gone between two looks.

use std::process::Stdio;

use anyhow::{Context, Result};
use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStdout};

use crate::scope::Scope;

/// A `kubectl get --watch` that runs; it ends with the test.
pub struct Watch {
    process: Child,
    output: ChildStdout,
}

impl Watch {
    /// Watches objects in the namespace of the test. The arguments name them and the columns.
    ///
    /// # Errors
    /// kubectl does not start.
    pub fn start(scope: &Scope, arguments: &[&str]) -> Result<Self> {
        let all = ["--namespace", &scope.namespace, "get", "--watch", "--no-headers"];
        let all: Vec<_> = all.iter().chain(arguments).copied().collect();
        let mut process = scope.cluster.command("kubectl", &all).stdout(Stdio::piped()).spawn()?;
        let output = process.stdout.take().context("kubectl without output")?;
        Ok(Self { process, output })
    }

    /// Ends it and returns what it has shown: a line for each change, columns one blank apart.
    ///
    /// # Errors
    /// kubectl cannot be ended, or what it wrote is not UTF-8.
    pub async fn end(mut self) -> Result<Vec<String>> {
        self.process.kill().await?;
        let mut text = String::new();
        self.output.read_to_string(&mut text).await?;
        Ok(text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect())
    }
}
