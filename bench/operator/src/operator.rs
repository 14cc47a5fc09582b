//! The operator that is measured, as a process beside the API server.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::plane::{NAMESPACE, Plane, free_port, log_end};
use crate::process::Process;

/// How long it may take to be ready.
const PATIENCE: Duration = Duration::from_mins(2);

/// A running operator.
pub struct Operator {
    /// The process.
    pub process: Process,
    /// Time from its start until it said that it was ready.
    pub ready_after: Duration,
}

impl Operator {
    /// Starts it as the chart does, apart from the leader's lease, and waits until it is ready.
    pub async fn start(plane: &Plane, binary: &Path) -> Result<Self> {
        let (health, metrics) = (free_port()?, free_port()?);
        let arguments = [
            "controller".to_owned(),
            "start".to_owned(),
            format!("--kubeconfig={}", plane.operator_access().display()),
            format!("--namespaces={NAMESPACE}"),
            format!("--health-probe-bind-address=127.0.0.1:{health}"),
            "--enable-metrics=true".to_owned(),
            format!("--metrics-bind-address=127.0.0.1:{metrics}"),
        ];
        let log = plane.operator_log();
        let start = Instant::now();
        let mut process = Process::start(binary, &arguments, &log)?;
        while !is_ready(health).await {
            process.check().with_context(|| log_end(&log))?;
            if start.elapsed() > PATIENCE {
                bail!("the operator is not ready after {PATIENCE:?}:\n{}", log_end(&log));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(Self { process, ready_after: start.elapsed() })
    }

    /// Waits until it does nothing any more: no CPU time for a second.
    pub async fn settle(&self) -> Result<()> {
        let mut before = self.process.cpu_seconds()?;
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let now = self.process.cpu_seconds()?;
            // A tick of the clock for what goes on all the time.
            if now - before <= 0.01 {
                return Ok(());
            }
            before = now;
        }
    }
}

async fn is_ready(port: u16) -> bool {
    let answer = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(b"GET /readyz HTTP/1.0\r\n\r\n").await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        Ok::<_, std::io::Error>(text)
    };
    answer.await.is_ok_and(|text| text.split_whitespace().nth(1) == Some("200"))
}
