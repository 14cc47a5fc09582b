//! The scheduler of the application: Ballista's, in process.
//!
//! The only module that names `ballista_scheduler`; the rest of the driver sees jobs, executors
//! and their load in the types of this module.

mod bind;
mod cluster;
mod graph;
mod history;
mod job;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ballista_core::JobId;
use ballista_core::error::BallistaError;
use ballista_core::serde::protobuf::scheduler_grpc_server::SchedulerGrpc;
use ballista_core::serde::protobuf::{ExecutorStoppedParams, UpdateTaskStatusParams};
use ballista_scheduler::cluster::BallistaCluster;
use ballista_scheduler::cluster::memory::InMemoryJobState;
use ballista_scheduler::config::SchedulerConfig;
use ballista_scheduler::scheduler_process::{create_scheduler, start_grpc_service_with_listener};
use ballista_scheduler::scheduler_server::{SchedulerServer, SessionBuilder};
use ballista_scheduler::state::session_manager::share_file_statistics_cache;
use cerium_conf::{ConfError, SparkConf, keys};
use cerium_engine::session::{self, MAX_MESSAGE_SIZE};
use datafusion::execution::SessionStateBuilder;
use datafusion::prelude::SessionConfig;
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tonic::Request;

use cluster::Cluster;
use graph::Load;
pub use graph::{ExecutorWork, StageState, StageSummary};
use history::History;
pub use history::{ExecutorRecord, JobOutcome, JobRecord, Report};
pub use job::{JobError, JobOutput, JobWatch, Repeated};

/// How often heartbeats are checked, in seconds.
const EXPIRY_INTERVAL_SECONDS: u64 = 5;
/// Jobs wait for executors as long as their provider tries; that decision is `allocation`'s.
const NO_EXECUTORS_GRACE_SECONDS: u64 = 7 * 24 * 3600;

/// Why the scheduler could not start or be reached.
#[derive(Debug, thiserror::Error)]
pub enum SchedulerError {
    /// A configuration value is malformed.
    #[error(transparent)]
    Conf(#[from] ConfError),
    /// The port could not be bound.
    #[error("cannot listen on {address} for executors (spark.driver.port)")]
    Listen {
        /// Host and port asked for.
        address: String,
        /// The system's answer.
        source: std::io::Error,
    },
    /// Ballista refused to start.
    #[error("the scheduler did not start")]
    Start(#[source] BallistaError),
}

/// One executor at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutorLoad {
    /// Id within the application.
    pub id: String,
    /// Tasks it runs at a time.
    pub slots: u32,
    /// Tasks running on it.
    pub running_tasks: usize,
    /// Whether something not yet finished still has to read output it holds.
    pub holds_shuffle: bool,
}

/// All jobs and executors at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClusterLoad {
    /// Tasks that could start now if there were a free slot.
    pub pending_tasks: usize,
    /// Tasks running.
    pub running_tasks: usize,
    /// Registered executors, by id.
    pub executors: Vec<ExecutorLoad>,
}

impl ClusterLoad {
    /// Tasks running on an executor; none on one that is not there.
    pub fn running_tasks_of(&self, executor_id: &str) -> usize {
        let executor = self.executors.iter().find(|executor| executor.id == executor_id);
        executor.map_or(0, |executor| executor.running_tasks)
    }
}

type Server = SchedulerServer<LogicalPlanNode, PhysicalPlanNode>;

/// A running scheduler. Cheap to clone.
#[derive(Clone)]
pub struct Scheduler {
    inner: Arc<Inner>,
}

struct Inner {
    server: Server,
    cluster: Arc<Cluster>,
    jobs: Arc<InMemoryJobState>,
    history: Arc<History>,
    /// Executors with results that the driver has yet to fetch, by job.
    unfetched: Mutex<HashMap<JobId, BTreeSet<String>>>,
    address: SocketAddr,
    serving: JoinHandle<()>,
    /// Where clearing up runs, also when a result is dropped outside of the runtime.
    runtime: Handle,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Scheduler {
    /// Starts the scheduler and listens for executors on `host`, at `spark.driver.port`
    /// (0: any free port). Executors are told to call back at `host`.
    pub async fn start(conf: &SparkConf, host: &str) -> Result<Self, SchedulerError> {
        let port = conf.get(&keys::DRIVER_PORT)?;
        let network_timeout = conf.get(&keys::NETWORK_TIMEOUT)?;
        let task_cpus = conf.get(&keys::TASK_CPUS)?;
        let task_max_failures = conf.get(&keys::TASK_MAX_FAILURES)?;
        let listen_error = |source| SchedulerError::Listen { address: format!("{host}:{port}"), source };
        let listener = TcpListener::bind((host, port)).await.map_err(listen_error)?;
        let address = listener.local_addr().map_err(listen_error)?;

        let history = Arc::new(History::new(conf.get(&keys::UI_RETAINED_JOBS)? as usize));
        let cluster = Arc::new(Cluster::new(task_cpus, Arc::clone(&history)));
        let base_config = session::session_config(conf, 1)?;
        let config_producer = Arc::new(move || base_config.clone());
        // Jobs bring their own session; Ballista asks for a builder all the same.
        let session_builder: SessionBuilder =
            Arc::new(|config: SessionConfig| Ok(SessionStateBuilder::new().with_config(config).build()));
        let scheduler_id = "driver".to_string();
        let jobs = Arc::new(InMemoryJobState::new(
            scheduler_id.clone(),
            share_file_statistics_cache(session_builder),
            config_producer.clone(),
        ));
        let (logical_codec, physical_codec) = session::codecs();
        let config = SchedulerConfig {
            scheduler_id,
            external_host: url_host(host),
            bind_host: host.to_string(),
            bind_port: address.port(),
            grpc_server_max_decoding_message_size: MAX_MESSAGE_SIZE,
            grpc_server_max_encoding_message_size: MAX_MESSAGE_SIZE,
            grpc_client_max_message_size: MAX_MESSAGE_SIZE,
            // An executor's provider knows earlier when its process or pod ends; this is for networks
            // that part.
            executor_timeout_seconds: network_timeout.as_duration().as_secs().max(1),
            expire_dead_executor_interval_seconds: EXPIRY_INTERVAL_SECONDS,
            // A removed executor is gone; draining ones are `cluster`'s affair.
            executor_termination_grace_period: 0,
            no_executors_grace_period_seconds: NO_EXECUTORS_GRACE_SECONDS,
            // Files and state of a job are dropped when its result was fetched.
            finished_job_data_clean_up_interval_seconds: 0,
            finished_job_state_clean_up_interval_seconds: 0,
            task_max_failures: task_max_failures as usize,
            // The REST routes could cancel jobs and know no authentication.
            disable_rest_api: true,
            override_config_producer: Some(config_producer),
            override_logical_codec: Some(logical_codec),
            override_physical_codec: Some(physical_codec),
            ..SchedulerConfig::default()
        };
        let ballista = BallistaCluster::new(cluster.clone(), jobs.clone());
        let server: Server =
            create_scheduler(ballista, Arc::new(config)).await.map_err(SchedulerError::Start)?;
        let serving = tokio::spawn({
            let server = server.clone();
            async move {
                if let Err(error) = start_grpc_service_with_listener(listener, server).await {
                    tracing::error!(%error, "the scheduler's server ended");
                }
            }
        });
        tracing::info!(%address, "scheduler listens for executors");
        let runtime = Handle::current();
        let unfetched = Mutex::default();
        let inner = Inner { server, cluster, jobs, history, unfetched, address, serving, runtime };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Where executors reach the scheduler, as a URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.inner.address)
    }

    /// Changes whenever an executor registers or is removed.
    pub fn membership(&self) -> watch::Receiver<u64> {
        self.inner.cluster.changes()
    }

    /// Where executors can be told something, by their ids.
    pub fn executor_urls(&self) -> Vec<(String, String)> {
        self.inner.cluster.shuffle_urls()
    }

    /// Whether all these executors are there.
    pub fn has_all(&self, executor_ids: &BTreeSet<String>) -> bool {
        let present = self.inner.cluster.slots();
        executor_ids.iter().all(|id| present.contains_key(id))
    }

    /// Waits until one of these executors is gone.
    pub async fn lost_one_of(&self, executor_ids: &BTreeSet<String>) {
        let mut changes = self.membership();
        while self.has_all(executor_ids) {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Tasks and executors at this moment.
    pub async fn load(&self) -> ClusterLoad {
        let mut load = Load::default();
        for job in self.inner.server.state.task_manager.get_running_job_cache().values() {
            load.add(job.execution_graph.read().await.as_ref());
        }
        let pinned: HashSet<String> = self.unfetched().values().flatten().cloned().collect();
        let executors = self
            .inner
            .cluster
            .slots()
            .into_iter()
            .map(|(id, slots)| ExecutorLoad {
                running_tasks: load.running_tasks.get(&id).copied().unwrap_or(0),
                holds_shuffle: load.shuffle_holders.contains(&id) || pinned.contains(&id),
                id,
                slots,
            })
            .collect();
        ClusterLoad {
            pending_tasks: load.pending_tasks,
            running_tasks: load.running_tasks.values().sum(),
            executors,
        }
    }

    /// The application's jobs, stages and executors up to this moment.
    pub async fn report(&self) -> Report {
        for (job_id, job) in self.inner.server.state.task_manager.get_running_job_cache().iter() {
            self.inner.history.observed(job_id, graph::summaries(job.execution_graph.read().await.as_ref()));
        }
        self.inner.history.report()
    }

    /// Stops giving tasks to an executor. Answers whether it is free to go: it runs none and
    /// holds nothing that is still needed. Where it is not, it gets tasks again.
    pub async fn fence(&self, executor_id: &str) -> bool {
        self.inner.cluster.fence(executor_id, true).await;
        let load = self.load().await;
        let free = load
            .executors
            .iter()
            .find(|executor| executor.id == executor_id)
            .is_none_or(|executor| executor.running_tasks == 0 && !executor.holds_shuffle);
        if !free {
            self.inner.cluster.fence(executor_id, false).await;
            self.offer().await;
        }
        free
    }

    /// Forgets an executor that has ended or must end: its tasks and what only it held are
    /// computed again elsewhere, and it is refused should it call again.
    pub async fn remove_executor(&self, executor_id: &str, reason: &str) {
        self.inner.cluster.remove_for_good(executor_id).await;
        // Resetting tasks is left to the scheduler's own event loop: done from here it could run into
        // the end of a job, and the two would wait for each other.
        let params =
            ExecutorStoppedParams { executor_id: executor_id.to_string(), reason: reason.to_string() };
        if let Err(status) = SchedulerGrpc::executor_stopped(&self.inner.server, Request::new(params)).await {
            tracing::error!(executor_id, %status, "resetting the tasks of the lost executor");
        }
    }

    /// Has the scheduler look for tasks to start. An empty task report is the public way to ask for it.
    async fn offer(&self) {
        let Some(executor_id) = self.inner.cluster.any_member() else { return };
        let report = UpdateTaskStatusParams { executor_id, task_status: vec![] };
        if let Err(status) = SchedulerGrpc::update_task_status(&self.inner.server, Request::new(report)).await
        {
            tracing::warn!(%status, "asking the scheduler to start tasks");
        }
    }

    fn unfetched(&self) -> MutexGuard<'_, HashMap<JobId, BTreeSet<String>>> {
        self.inner.unfetched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A host as it stands in a URL: IPv6 addresses in brackets.
fn url_host(host: &str) -> String {
    if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_string() }
}

#[cfg(test)]
mod tests {
    use super::url_host;

    #[test]
    fn addresses_of_version_6_are_bracketed() {
        assert_eq!(url_host("10.0.0.1"), "10.0.0.1");
        assert_eq!(url_host("fd00::1"), "[fd00::1]");
    }
}
