//! Prometheus metrics: Kubeflow's of applications and executors, and those of the work itself.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use cerium_crds::application::SparkApplicationStatus;
use cerium_crds::{ApplicationStateType as Phase, ExecutorState, SparkApplication};
use jiff::Timestamp;
use kube::ResourceExt;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::kind::ObjectKey;

mod exposition;
mod process;
mod requests;
mod under_way;
mod work;

pub use exposition::{CONTENT_TYPE, text};
use exposition::{Counter, Summary};
pub use requests::RequestMetrics;
pub use work::{Reconciling, WorkMetrics};

/// What the metrics look like.
#[derive(Clone, Debug, Default)]
pub struct MetricsConfig {
    /// What the names of the application metrics start with.
    pub prefix: String,
    /// Labels of applications that become labels of their metrics.
    pub labels: Vec<String>,
    /// Upper bounds of the submit latency, in seconds.
    pub submit_latency_buckets: Vec<f64>,
    /// Upper bounds of the start latency, in seconds.
    pub start_latency_buckets: Vec<f64>,
}

type LabelSet = Vec<(String, String)>;

type Counters = Family<LabelSet, Counter>;
type Summaries = Family<LabelSet, Summary>;

#[derive(Clone, Debug)]
struct Buckets(Vec<f64>);

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(self.0.iter().copied())
    }
}

type Histograms = Family<LabelSet, Histogram, Buckets>;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ScheduledRun {
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Lease {
    name: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct InState {
    state: &'static str,
}

/// What is known of one application, so that gauges follow it without being counted twice.
#[derive(Debug, Default)]
struct Share {
    labels: LabelSet,
    state: &'static str,
    running: i64,
    executors: i64,
}

/// All metrics of the operator.
pub struct Metrics {
    labels: Vec<String>,
    shares: Mutex<HashMap<ObjectKey, Share>>,
    count: Counters,
    submitted: Counters,
    failed_submissions: Counters,
    succeeded: Counters,
    failed: Counters,
    running: Family<LabelSet, Gauge>,
    success_seconds: Summaries,
    failure_seconds: Summaries,
    submit_seconds: Summaries,
    submit_seconds_histogram: Histograms,
    start_seconds: Summaries,
    start_seconds_histogram: Histograms,
    executors_running: Family<LabelSet, Gauge>,
    executors_succeeded: Counters,
    executors_failed: Counters,
    states: Family<InState, Gauge>,
    /// Queues and workers.
    pub work: WorkMetrics,
    /// Requests to the API server.
    pub requests: RequestMetrics,
    leading: Family<Lease, Gauge>,
    shards: Gauge,
    scheduled_runs: Family<ScheduledRun, Counter>,
}

impl Metrics {
    /// The metrics, and the registry they are served from.
    pub fn new(config: MetricsConfig) -> (Metrics, Registry) {
        let submit = Buckets(config.submit_latency_buckets);
        let start = Buckets(config.start_latency_buckets);
        let metrics = Metrics {
            labels: config.labels,
            shares: Mutex::default(),
            count: Family::default(),
            submitted: Family::default(),
            failed_submissions: Family::default(),
            succeeded: Family::default(),
            failed: Family::default(),
            running: Family::default(),
            success_seconds: Family::default(),
            failure_seconds: Family::default(),
            submit_seconds: Family::default(),
            submit_seconds_histogram: Histograms::new_with_constructor(submit),
            start_seconds: Family::default(),
            start_seconds_histogram: Histograms::new_with_constructor(start),
            executors_running: Family::default(),
            executors_succeeded: Family::default(),
            executors_failed: Family::default(),
            states: Family::default(),
            work: WorkMetrics::default(),
            requests: RequestMetrics::default(),
            leading: Family::default(),
            shards: Gauge::default(),
            scheduled_runs: Family::default(),
        };
        let registry = metrics.register(&config.prefix.replace('-', "_"));
        (metrics, registry)
    }

    fn register(&self, prefix: &str) -> Registry {
        let mut registry = Registry::default();
        let mut counter = |name: &str, help: &str, family: &Counters| {
            registry.register(format!("{prefix}{name}"), help, family.clone());
        };
        counter("spark_application_count", "Applications seen", &self.count);
        counter("spark_application_submit_count", "Submissions that succeeded", &self.submitted);
        counter(
            "spark_application_failed_submission_count",
            "Submissions that failed",
            &self.failed_submissions,
        );
        counter("spark_application_success_count", "Applications that completed", &self.succeeded);
        counter("spark_application_failure_count", "Applications that failed", &self.failed);
        counter("spark_executor_success_count", "Executors that ended well", &self.executors_succeeded);
        counter("spark_executor_failure_count", "Executors that failed", &self.executors_failed);
        let mut gauge = |name: &str, help: &str, family: &Family<LabelSet, Gauge>| {
            registry.register(format!("{prefix}{name}"), help, family.clone());
        };
        gauge("spark_application_running_count", "Applications running now", &self.running);
        gauge("spark_executor_running_count", "Executors running now", &self.executors_running);
        let mut summary = |name: &str, help: &str, family: &Summaries| {
            registry.register(format!("{prefix}{name}"), help, family.clone());
        };
        summary(
            "spark_application_success_execution_time_seconds",
            "Run time of completed applications",
            &self.success_seconds,
        );
        summary(
            "spark_application_failure_execution_time_seconds",
            "Run time of failed applications",
            &self.failure_seconds,
        );
        summary("spark_application_submit_latency_seconds", "Creation to submission", &self.submit_seconds);
        summary("spark_application_start_latency_seconds", "Creation to running driver", &self.start_seconds);
        let mut histogram = |name: &str, help: &str, family: &Histograms| {
            registry.register(format!("{prefix}{name}"), help, family.clone());
        };
        histogram(
            "spark_application_submit_latency_seconds_histogram",
            "Creation to submission",
            &self.submit_seconds_histogram,
        );
        histogram(
            "spark_application_start_latency_seconds_histogram",
            "Creation to running driver",
            &self.start_seconds_histogram,
        );
        self.work.register(&mut registry);
        self.requests.register(&mut registry);
        registry.register(
            "cerium_applications",
            "Applications that are there, by state",
            self.states.clone(),
        );
        registry.register("leader_election_master_status", "1 if this process leads", self.leading.clone());
        registry.register("cerium_shards", "Operators that divide the namespaces", self.shards.clone());
        registry.register(
            "cerium_scheduled_runs_total",
            "Runs of schedules that were started or left out",
            self.scheduled_runs.clone(),
        );
        registry.register_collector(Box::new(process::ProcessCollector));
        registry
    }

    /// Counts what the change from one status to the next means.
    pub fn status_changed(
        &self,
        application: &SparkApplication,
        old: &SparkApplicationStatus,
        next: &SparkApplicationStatus,
        now: Timestamp,
    ) {
        let labels = self.labels_of(application);
        let (before, after) = (old.application_state.state, next.application_state.state);
        if before == Phase::New && old.submission_id.is_none() {
            self.count.get_or_create(&labels).inc();
        }
        let created = application.creation_timestamp().map(|time| seconds_between(time.0, now));
        let first = next.execution_attempts.unwrap_or(0) <= 1;
        if before != after {
            match after {
                Phase::Submitted if before != Phase::Unknown => {
                    self.submitted.get_or_create(&labels).inc();
                    if let (true, Some(latency)) = (first, created) {
                        self.submit_seconds.get_or_create(&labels).observe(latency);
                        self.submit_seconds_histogram.get_or_create(&labels).observe(latency);
                    }
                }
                Phase::Running if before == Phase::Submitted => {
                    if let (true, Some(latency)) = (first, created) {
                        self.start_seconds.get_or_create(&labels).observe(latency);
                        self.start_seconds_histogram.get_or_create(&labels).observe(latency);
                    }
                }
                Phase::SubmissionFailed => {
                    self.failed_submissions.get_or_create(&labels).inc();
                }
                Phase::Completed => {
                    self.succeeded.get_or_create(&labels).inc();
                    self.success_seconds.get_or_create(&labels).observe(run_seconds(next));
                }
                Phase::Failed => {
                    self.failed.get_or_create(&labels).inc();
                    self.failure_seconds.get_or_create(&labels).observe(run_seconds(next));
                }
                Phase::New
                | Phase::Submitted
                | Phase::Running
                | Phase::Succeeding
                | Phase::Failing
                | Phase::PendingRerun
                | Phase::Invalidating
                | Phase::Suspending
                | Phase::Suspended
                | Phase::Resuming
                | Phase::Unknown => {}
            }
        }
        for (name, state) in next.executor_state.iter().flatten() {
            if old.executor_state.as_ref().and_then(|old| old.get(name)) == Some(state) {
                continue;
            }
            match state {
                ExecutorState::Completed => {
                    self.executors_succeeded.get_or_create(&labels).inc();
                }
                ExecutorState::Failed => {
                    self.executors_failed.get_or_create(&labels).inc();
                }
                ExecutorState::Pending | ExecutorState::Running | ExecutorState::Unknown => {}
            }
        }
    }

    /// Brings the gauges up to what is known of this application now.
    pub fn seen(&self, key: &ObjectKey, application: &SparkApplication) {
        let status = application.status.as_ref();
        let running = status.is_some_and(|status| status.application_state.state == Phase::Running);
        let executors = status.iter().flat_map(|status| status.executor_state.iter().flatten());
        let executors = executors.filter(|(_, state)| **state == ExecutorState::Running).count();
        let share = Share {
            labels: if running || executors > 0 { self.labels_of(application) } else { LabelSet::new() },
            state: match status.map(|status| status.application_state.state).unwrap_or_default() {
                Phase::New => "NEW",
                state => state.as_str(),
            },
            running: i64::from(running),
            executors: i64::try_from(executors).unwrap_or(i64::MAX),
        };
        self.replace(key, Some(share));
    }

    /// The application is gone.
    pub fn forget(&self, key: &ObjectKey) {
        self.replace(key, None);
    }

    fn replace(&self, key: &ObjectKey, next: Option<Share>) {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = shares.remove(key) {
            self.add(&old, -1);
        }
        if let Some(next) = next {
            self.add(&next, 1);
            shares.insert(key.clone(), next);
        }
    }

    fn add(&self, share: &Share, sign: i64) {
        self.states.get_or_create(&InState { state: share.state }).inc_by(sign);
        if share.running > 0 || share.executors > 0 {
            self.running.get_or_create(&share.labels).inc_by(sign * share.running);
            self.executors_running.get_or_create(&share.labels).inc_by(sign * share.executors);
        }
    }

    /// A run of a schedule was `started` or `skipped`.
    pub fn scheduled_run(&self, result: &'static str) {
        self.scheduled_runs.get_or_create(&ScheduledRun { result }).inc();
    }

    /// Whether this process leads: holds the lease of this name, or needs none, which has no name.
    pub fn set_leading(&self, lease: &str, leading: bool) {
        self.leading.get_or_create(&Lease { name: lease.to_owned() }).set(i64::from(leading));
    }

    /// So many operators divide the namespaces among themselves.
    pub fn set_shards(&self, count: u32) {
        self.shards.set(i64::from(count));
    }

    fn labels_of(&self, application: &SparkApplication) -> LabelSet {
        let own = application.labels();
        let of = |key: &String| {
            let value = match own.get(key) {
                Some(value) => value.clone(),
                None if key == "namespace" => application.namespace().unwrap_or_default(),
                None => "Unknown".to_owned(),
            };
            (label_name(key), value)
        };
        self.labels.iter().map(of).collect()
    }
}

/// The key of a label as Prometheus takes it.
fn label_name(key: &str) -> String {
    key.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

fn seconds_between(start: Timestamp, end: Timestamp) -> f64 {
    end.duration_since(start).as_secs_f64().max(0.0)
}

fn run_seconds(status: &SparkApplicationStatus) -> f64 {
    match (&status.last_submission_attempt_time, &status.termination_time) {
        (Some(start), Some(end)) => seconds_between(start.0, end.0),
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests;
