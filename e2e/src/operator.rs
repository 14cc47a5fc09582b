//! The operator as a process on this machine, for tests that need no images.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::process::{Child, Command};

use crate::cluster::binary;
use crate::scope::Scope;

/// A running operator; it ends with the test.
pub struct Operator {
    process: Child,
}

impl Operator {
    /// Starts the operator for the namespace of the test, with further flags.
    pub fn start(scope: &Scope, flags: &[&str]) -> Result<Self> {
        Self::start_for(scope, &scope.namespace, flags)
    }

    /// Starts the operator for these namespaces (comma-separated, none: all), with further flags.
    pub fn start_for(scope: &Scope, namespaces: &str, flags: &[&str]) -> Result<Self> {
        let binary = binary("cerium-operator")?;
        let process = Command::new(&binary)
            .args(["controller", "start", "--namespaces", namespaces, "--health-probe-bind-address", "0"])
            .args(flags)
            .env("KUBECONFIG", &scope.cluster.kubeconfig)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", binary.display()))?;
        Ok(Self { process })
    }

    /// Kills it without a chance to clean up.
    pub async fn kill(mut self) -> Result<()> {
        self.process.kill().await?;
        Ok(())
    }

    /// Asks it to end, as the kubelet does, and waits for it.
    pub async fn stop(mut self) -> Result<()> {
        let id = self.process.id().context("the operator has ended by itself")?;
        // The shell's own: a small system has no program of that name.
        let asked = Command::new("sh").arg("-c").arg(format!("kill {id}")).status().await?;
        ensure!(asked.success(), "the operator has ended by itself");
        let status = tokio::time::timeout(Duration::from_secs(20), self.process.wait())
            .await
            .context("the operator does not end when it is asked to")??;
        ensure!(status.success(), "the operator ended with {status}");
        Ok(())
    }
}
