//! Metrics of the driver at a port of their own, where `spec.monitoring` asks for them.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use cerium_conf::env;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::driver::Driver;
use crate::scheduler::{ClusterLoad, JobOutcome, JobRecord, Report, StageState};

/// The content type of Prometheus' text format.
pub const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Metrics are not served.
#[derive(Debug, thiserror::Error)]
pub enum MonitoringError {
    /// The variable does not hold a port.
    #[error("the environment variable {} is \"{value}\", expected a port", env::CERIUM_METRICS_PORT)]
    Port {
        /// Its value.
        value: String,
    },
    /// The port could not be bound.
    #[error("cannot listen on {host}:{port} for metrics ({})", env::CERIUM_METRICS_PORT)]
    Listen {
        /// The address.
        host: IpAddr,
        /// The port.
        port: u16,
        /// The system's answer.
        source: io::Error,
    },
}

/// The server of metrics; it ends when this is dropped.
pub struct Monitoring(JoinHandle<()>);

impl Drop for Monitoring {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Monitoring {
    /// Serves the metrics of `driver` at `host`, if the environment, read through `variable`, names a port.
    pub async fn start(
        driver: Arc<Driver>,
        host: IpAddr,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, MonitoringError> {
        let Some(port) = variable(env::CERIUM_METRICS_PORT) else { return Ok(None) };
        let port = port.parse().map_err(|_| MonitoringError::Port { value: port.clone() })?;
        let listener = TcpListener::bind((host, port)).await.map_err(|source| MonitoringError::Listen {
            host,
            port,
            source,
        })?;
        let namespace = variable(env::CERIUM_METRICS_NAMESPACE).unwrap_or_default();
        let router = Router::new().route("/metrics", get(metrics)).with_state((driver, Arc::from(namespace)));
        Ok(Some(Self(tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the server of metrics ended");
            }
        }))))
    }
}

async fn metrics(State((driver, namespace)): State<(Arc<Driver>, Arc<str>)>) -> impl IntoResponse {
    let report = driver.scheduler().report().await;
    let load = driver.scheduler().load().await;
    ([(header::CONTENT_TYPE, TEXT_FORMAT)], text(&namespace, &report, &load))
}

/// What the driver tells, named and labelled as the JMX exporter with Kubeflow's rules names Spark's own.
fn text(namespace: &str, report: &Report, load: &ClusterLoad) -> String {
    let (app_namespace, app) = namespace.split_once('.').unwrap_or(("", namespace));
    let labels = format!("{{app_namespace=\"{app_namespace}\", app_id=\"{app}\"}}");
    let running = report.jobs.iter().filter(|job| job.state == JobOutcome::Running).count();
    let jobs = report.jobs.last().map_or(0, |job| job.number + 1);
    let stages = |state| -> usize { report.jobs.iter().map(|job| stages_in(job, state)).sum() };
    let metrics = [
        ("dagscheduler_job_activejobs", running as u64),
        ("dagscheduler_job_alljobs", jobs),
        ("dagscheduler_stage_failedstages", stages(StageState::Failed) as u64),
        ("dagscheduler_stage_runningstages", stages(StageState::Active) as u64),
        ("dagscheduler_stage_waitingstages", stages(StageState::Pending) as u64),
        ("executorallocationmanager_executors_numberallexecutors", load.executors.len() as u64),
    ];
    metrics.map(|(name, value)| format!("spark_driver_{name}{labels} {value}\n")).concat()
}

/// How many stages of a job stand so; of one that has ended none waits any more.
fn stages_in(job: &JobRecord, state: StageState) -> usize {
    if state != StageState::Failed && job.state != JobOutcome::Running {
        return 0;
    }
    job.stages.iter().filter(|stage| stage.state == state).count()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::scheduler::StageSummary;

    #[test]
    fn jobs_and_stages_are_counted_by_how_they_stand() {
        let job = |number, state, stages: &[StageState]| JobRecord {
            tags: Vec::new(),
            number,
            description: String::new(),
            submitted: Timestamp::UNIX_EPOCH,
            ended: None,
            state,
            first_stage: 0,
            stages: stages
                .iter()
                .map(|state| StageSummary { state: *state, ..StageSummary::default() })
                .collect(),
        };
        let jobs = vec![
            job(3, JobOutcome::Failed("lost".into()), &[StageState::Failed, StageState::Pending]),
            job(4, JobOutcome::Running, &[StageState::Complete, StageState::Active, StageState::Pending]),
        ];
        let text = text("analytics.pi", &Report { jobs, ..Report::default() }, &ClusterLoad::default());
        let labels = r#"{app_namespace="analytics", app_id="pi"}"#;
        for (name, value) in [
            ("job_activejobs", 1),
            ("job_alljobs", 5),
            ("stage_failedstages", 1),
            ("stage_runningstages", 1),
            ("stage_waitingstages", 1),
        ] {
            let line = format!("spark_driver_dagscheduler_{name}{labels} {value}");
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
