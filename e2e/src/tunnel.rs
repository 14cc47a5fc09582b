//! A local port that leads into the cluster, as kubectl forwards it.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;

use crate::scope::Scope;
use crate::wait::until;

/// A forwarded port; it ends with the value.
pub struct Tunnel {
    /// The local port.
    pub port: u16,
    _process: Child,
}

impl Tunnel {
    /// Forwards a free local port to a port of `target`, such as `service/s3`.
    pub async fn open(scope: &Scope, target: &str, port: u16) -> Result<Self> {
        let port = format!(":{port}");
        let arguments = ["--namespace", &scope.namespace, "port-forward", target, &port];
        let mut child = scope.cluster.command("kubectl", &arguments).stdout(Stdio::piped()).spawn()?;
        let mut lines = BufReader::new(child.stdout.take().context("no output")?).lines();
        let port = until(&format!("the tunnel to {target}"), Duration::from_secs(20), async || {
            let line = lines.next_line().await?.with_context(|| format!("the tunnel to {target} ended"))?;
            let port =
                line.strip_prefix("Forwarding from 127.0.0.1:").and_then(|rest| rest.split(' ').next());
            Ok(port.map(str::parse).transpose()?)
        })
        .await?;
        // Its later lines ("Handling connection") must have somewhere to go.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { port, _process: child })
    }
}
