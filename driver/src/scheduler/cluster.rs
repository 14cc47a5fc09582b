//! The executors of the application as the scheduler sees them: members, heartbeats, fences and free slots.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use ballista_core::JobId;
use ballista_core::error::{BallistaError, Result};
use ballista_core::serde::protobuf::executor_status::Status;
use ballista_core::serde::protobuf::{ExecutorHeartbeat, ExecutorStatus};
use ballista_core::serde::scheduler::{ExecutorData, ExecutorMetadata};
use ballista_scheduler::cluster::event::ClusterEventSender;
use ballista_scheduler::cluster::{
    BoundTask, ClusterState, ClusterStateEvent, ClusterStateEventStream, ExecutorSlot,
};
use ballista_scheduler::config::TaskDistributionPolicy;
use ballista_scheduler::scheduler_server::timestamp_secs;
use ballista_scheduler::state::task_manager::JobInfoCache;
use jiff::Timestamp;
use tokio::sync::watch;

use super::bind::{FreeSlots, bind_job};
use super::graph::Load;
use super::history::History;
use super::url_host;

/// An executor that has registered.
#[derive(Debug, Clone)]
struct Member {
    metadata: ExecutorMetadata,
    /// Tasks it runs at a time.
    slots: u32,
    heartbeat: ExecutorHeartbeat,
    /// The driver gives it no tasks.
    fenced: bool,
    /// It said itself that it ends.
    draining: bool,
}

/// All members of one application's cluster.
///
/// Free slots are never counted up and down. They are what an executor registered with, less the
/// tasks that run on it by the graphs of the running jobs; so a task that vanished with its
/// stage's rollback cannot leak a slot.
pub struct Cluster {
    /// Cores a task counts for (`spark.task.cpus`); members are counted in tasks they can run.
    task_cpus: u32,
    members: Mutex<BTreeMap<String, Member>>,
    /// Ids that must not come back: released or reported dead.
    gone: Mutex<HashSet<String>>,
    /// Held while tasks are bound and while an executor is fenced or removed, so that no task is
    /// bound to an executor between its removal and the reset of its tasks.
    binding: tokio::sync::Mutex<()>,
    history: Arc<History>,
    events: ClusterEventSender<ClusterStateEvent>,
    changes: watch::Sender<u64>,
}

impl Cluster {
    /// A cluster without executors, where a task counts for `task_cpus` cores.
    pub fn new(task_cpus: u32, history: Arc<History>) -> Self {
        Self {
            task_cpus: task_cpus.max(1),
            members: Mutex::default(),
            gone: Mutex::default(),
            binding: tokio::sync::Mutex::default(),
            history,
            events: ClusterEventSender::default(),
            changes: watch::Sender::new(0),
        }
    }

    fn members(&self) -> MutexGuard<'_, BTreeMap<String, Member>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn gone(&self) -> MutexGuard<'_, HashSet<String>> {
        self.gone.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ids of the members, fenced ones included, and how many tasks each runs at a time.
    pub fn slots(&self) -> BTreeMap<String, u32> {
        self.members().iter().map(|(id, member)| (id.clone(), member.slots)).collect()
    }

    /// Where the members' shuffle services are, by their ids.
    pub fn shuffle_urls(&self) -> Vec<(String, String)> {
        let url = |at: &ExecutorMetadata| format!("http://{}:{}", url_host(&at.host), at.port);
        self.members().iter().map(|(id, member)| (id.clone(), url(&member.metadata))).collect()
    }

    /// Some member; any of them can stand for the cluster in a message.
    pub fn any_member(&self) -> Option<String> {
        self.members().keys().next().cloned()
    }

    /// Changes whenever an executor registers or is removed.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// From now on (or, with false, no longer) no task is bound to this executor.
    pub async fn fence(&self, executor_id: &str, fenced: bool) {
        let _binding = self.binding.lock().await;
        if let Some(member) = self.members().get_mut(executor_id) {
            member.fenced = fenced;
        }
    }

    /// Removes an executor that must not register again.
    pub async fn remove_for_good(&self, executor_id: &str) {
        self.gone().insert(executor_id.to_string());
        self.remove(executor_id).await;
    }

    async fn remove(&self, executor_id: &str) {
        let _binding = self.binding.lock().await;
        if self.members().remove(executor_id).is_some() {
            self.history.executor_removed(executor_id, Timestamp::now());
            self.events.send(&ClusterStateEvent::RemovedExecutor { executor_id: executor_id.to_string() });
            self.changes.send_modify(|version| *version += 1);
        }
    }

    /// Slots of members that may take tasks, less what runs on them.
    fn free_slots(&self, alive: Option<&HashSet<String>>, load: &Load) -> FreeSlots {
        self.members()
            .iter()
            .filter(|(id, member)| {
                !member.fenced && !member.draining && alive.is_none_or(|alive| alive.contains(*id))
            })
            .map(|(id, member)| {
                let busy = load.running_tasks.get(id).copied().unwrap_or(0) as u32;
                (id.clone(), member.slots.saturating_sub(busy))
            })
            .collect()
    }
}

fn active() -> ExecutorStatus {
    ExecutorStatus { status: Some(Status::Active(String::new())) }
}

#[async_trait]
impl ClusterState for Cluster {
    async fn bind_schedulable_tasks(
        &self,
        _distribution: TaskDistributionPolicy,
        active_jobs: Arc<HashMap<JobId, JobInfoCache>>,
        alive: Option<HashSet<String>>,
    ) -> Result<Vec<BoundTask>> {
        let _binding = self.binding.lock().await;
        let mut load = Load::default();
        let mut jobs = Vec::with_capacity(active_jobs.len());
        for (job_id, job) in active_jobs.iter() {
            let graph = job.execution_graph.read().await;
            load.add(graph.as_ref());
            jobs.push((graph.start_time(), job_id.clone(), job.execution_graph.clone()));
        }
        jobs.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));

        let mut free = self.free_slots(alive.as_ref(), &load);
        let mut bound = Vec::new();
        for (_, _, graph) in jobs {
            if free.values().all(|slots| *slots == 0) {
                break;
            }
            bind_job(graph.write().await.as_mut(), &mut free, &mut bound);
        }
        Ok(bound)
    }

    async fn unbind_tasks(&self, _slots: Vec<ExecutorSlot>) -> Result<()> {
        // Free slots follow from the graphs.
        Ok(())
    }

    async fn register_executor(&self, metadata: ExecutorMetadata, data: ExecutorData) -> Result<()> {
        let executor_id = metadata.id.clone();
        if self.gone().contains(&executor_id) {
            return Err(BallistaError::General(format!(
                "executor {executor_id} was removed from this application and must end"
            )));
        }
        let heartbeat = ExecutorHeartbeat {
            executor_id: executor_id.clone(),
            timestamp: timestamp_secs(),
            metrics: vec![],
            status: Some(active()),
            peak_proc_physical_memory: 0,
            peak_proc_virtual_memory: 0,
        };
        {
            let mut members = self.members();
            if members.contains_key(&executor_id) {
                return Err(BallistaError::Configuration(format!(
                    "executor {executor_id} is already registered"
                )));
            }
            let slots = (data.total_vcores / self.task_cpus).max(1);
            let address = format!("{}:{}", metadata.host, metadata.port);
            self.history.executor_added(&executor_id, address, slots, Timestamp::now());
            members.insert(
                executor_id.clone(),
                Member { metadata, slots, heartbeat, fenced: false, draining: false },
            );
        }
        self.events.send(&ClusterStateEvent::RegisteredExecutor { executor_id });
        self.changes.send_modify(|version| *version += 1);
        Ok(())
    }

    async fn save_executor_metadata(&self, metadata: ExecutorMetadata) -> Result<()> {
        Err(BallistaError::NotImplemented(format!(
            "executor {} polls for tasks, but this driver pushes them",
            metadata.id
        )))
    }

    async fn get_executor_metadata(&self, executor_id: &str) -> Result<ExecutorMetadata> {
        self.members()
            .get(executor_id)
            .map(|member| member.metadata.clone())
            .ok_or_else(|| BallistaError::General(format!("executor {executor_id} is not registered")))
    }

    async fn registered_executor_metadata(&self) -> Vec<ExecutorMetadata> {
        self.members().values().map(|member| member.metadata.clone()).collect()
    }

    async fn save_executor_heartbeat(&self, mut heartbeat: ExecutorHeartbeat) -> Result<()> {
        // A heartbeat that was on its way while its executor was removed is dropped.
        if let Some(member) = self.members().get_mut(&heartbeat.executor_id) {
            // The scheduler would take a draining executor for dead at its next check, and compute
            // everything again that it still serves.
            if matches!(heartbeat.status, Some(ExecutorStatus { status: Some(Status::Terminating(_)) })) {
                member.draining = true;
                heartbeat.status = Some(active());
            }
            self.history.executor_memory(&heartbeat.executor_id, heartbeat.peak_proc_physical_memory);
            member.heartbeat = heartbeat;
        }
        Ok(())
    }

    async fn remove_executor(&self, executor_id: &str) -> Result<()> {
        self.remove(executor_id).await;
        Ok(())
    }

    fn executor_heartbeats(&self) -> HashMap<String, ExecutorHeartbeat> {
        self.members().iter().map(|(id, member)| (id.clone(), member.heartbeat.clone())).collect()
    }

    fn get_executor_heartbeat(&self, executor_id: &str) -> Option<ExecutorHeartbeat> {
        self.members().get(executor_id).map(|member| member.heartbeat.clone())
    }

    async fn cluster_state_events(&self) -> Result<ClusterStateEventStream> {
        Ok(Box::pin(self.events.subscribe()))
    }
}
