//! Metrics of the executor at a port of their own, where the driver's manifest asks for them.

use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::http::header;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::environment::Environment;

const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The tasks of this executor, counted.
#[derive(Debug, Default)]
pub struct Tasks {
    started: AtomicU64,
    ended: AtomicU64,
}

impl Tasks {
    /// A task begins; it ends when what is returned is dropped.
    pub fn begin(self: &Arc<Self>) -> RunningTask {
        self.started.fetch_add(1, Ordering::Relaxed);
        RunningTask(Arc::clone(self))
    }
}

/// A task that runs.
pub struct RunningTask(Arc<Tasks>);

impl Drop for RunningTask {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

/// Serves the metrics if the environment names a port.
///
/// # Errors
/// Where the port cannot be bound.
pub async fn serve(environment: &Environment, tasks: Arc<Tasks>) -> io::Result<Option<JoinHandle<()>>> {
    let Some(monitoring) = &environment.monitoring else { return Ok(None) };
    let (app_namespace, app) =
        monitoring.namespace.split_once('.').unwrap_or(("", monitoring.namespace.as_str()));
    let labels = format!(
        "{{app_namespace=\"{app_namespace}\", app_id=\"{app}\", executor_id=\"{}\"}}",
        environment.executor_id
    );
    let slots = environment.cores as u64;
    let answer = move || {
        let text = text(&labels, slots, &tasks, resident_bytes());
        async move { ([(header::CONTENT_TYPE, TEXT_FORMAT)], text) }
    };
    let listener = TcpListener::bind((environment.address, monitoring.port)).await?;
    let router = Router::new().route("/metrics", get(answer));
    Ok(Some(tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "the server of metrics ended");
        }
    })))
}

/// Named as the JMX exporter with Kubeflow's rules names Spark's own.
fn text(labels: &str, slots: u64, tasks: &Tasks, resident: Option<u64>) -> String {
    let ended = tasks.ended.load(Ordering::Relaxed);
    let active = tasks.started.load(Ordering::Relaxed).saturating_sub(ended);
    let metrics = [
        ("spark_executor_threadpool_activetasks", Some(active)),
        ("spark_executor_threadpool_completetasks", Some(ended)),
        ("spark_executor_threadpool_maxpool_size", Some(slots)),
        ("process_resident_memory_bytes", resident),
    ];
    metrics
        .into_iter()
        .filter_map(|(name, value)| value.map(|value| format!("{name}{labels} {value}\n")))
        .collect()
}

/// The physical memory of this process; none where the system does not tell.
fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_are_active_until_they_end() {
        let tasks = Arc::new(Tasks::default());
        drop(tasks.begin());
        let running = tasks.begin();
        let told = text("{executor_id=\"1\"}", 2, &tasks, Some(4096));
        drop(running);
        assert_eq!(
            told,
            "spark_executor_threadpool_activetasks{executor_id=\"1\"} 1\n\
             spark_executor_threadpool_completetasks{executor_id=\"1\"} 1\n\
             spark_executor_threadpool_maxpool_size{executor_id=\"1\"} 2\n\
             process_resident_memory_bytes{executor_id=\"1\"} 4096\n"
        );
    }
}
