//! The one task that makes, watches and deletes the pods.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use cerium_crds::progress::{PROGRESS_ANNOTATION, Progress};
use cerium_crds::scale::{SCALE_ANNOTATION, Scale};
use futures::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::runtime::{WatchStreamExt, watcher};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::super::{EventSender, ExecutorEvent, ExecutorId, ExecutorState, Exit, ProviderEvent};
use super::pod::{self, Condition, Stamp};

/// How long a pod may wait for its image, or for what its container refers to, before it counts as failed.
const START_GRACE: Duration = Duration::from_mins(1);
/// Pause after the API server refused a pod (a full quota, an overload); it doubles up to the longest.
const FIRST_REFUSAL_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_REFUSAL_PAUSE: Duration = Duration::from_secs(30);
/// How often pods that wait are looked at.
const TICK: Duration = Duration::from_secs(1);

/// What the worker is told.
pub(super) enum Command {
    Start { driver_url: String, events: EventSender },
    Template(Box<Pod>),
    Request(Vec<ExecutorId>),
    Release(Vec<ExecutorId>),
    Tell(Progress),
    Stop(oneshot::Sender<()>),
}

/// How pods are made and put away.
pub(super) struct Settings {
    /// Pods made at once.
    pub batch_size: usize,
    /// The pause between two batches.
    pub batch_delay: Duration,
    /// Whether pods that have ended are deleted.
    pub delete_on_termination: bool,
}

/// A pod that has been made, or is to be.
#[derive(Default)]
struct Tracked {
    /// Last condition reported.
    reported: Option<Condition>,
    /// Since when it cannot start, and why.
    stuck: Option<(Instant, String)>,
    released: bool,
}

/// Owns what is known of the pods; alone talks to the API server.
pub(super) struct Worker {
    pods: Api<Pod>,
    driver_pod: String,
    stamp: Stamp,
    settings: Settings,
    commands: mpsc::UnboundedReceiver<Command>,
    connection: Option<(String, EventSender)>,
    queue: VecDeque<ExecutorId>,
    tracked: BTreeMap<ExecutorId, Tracked>,
    /// What the driver's own pod said last of how many executors there may be.
    scale: Option<String>,
    next_batch: Instant,
    refusal_pause: Duration,
}

impl Worker {
    /// A worker that waits for its first command.
    pub fn new(
        pods: Api<Pod>,
        driver_pod: String,
        stamp: Stamp,
        settings: Settings,
        commands: mpsc::UnboundedReceiver<Command>,
    ) -> Self {
        Self {
            pods,
            driver_pod,
            stamp,
            settings,
            commands,
            connection: None,
            queue: VecDeque::new(),
            tracked: BTreeMap::new(),
            scale: None,
            next_batch: Instant::now(),
            refusal_pause: FIRST_REFUSAL_PAUSE,
        }
    }

    /// Works until it is told to stop.
    pub async fn run(mut self) {
        let selector = watcher::Config::default().labels(&self.stamp.selector());
        let mut events = watcher(self.pods.clone(), selector).default_backoff().boxed();
        let mut listed = Vec::new();
        let mut ticks = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                command = self.commands.recv() => match command {
                    Some(Command::Start { driver_url, events }) => self.connection = Some((driver_url, events)),
                    Some(Command::Template(template)) => self.stamp.template = *template,
                    Some(Command::Request(ids)) => {
                        for id in ids {
                            self.tracked.insert(id, Tracked::default());
                            self.queue.push_back(id);
                        }
                    }
                    Some(Command::Release(ids)) => self.release(&ids).await,
                    Some(Command::Tell(progress)) => self.tell(progress).await,
                    Some(Command::Stop(done)) => {
                        self.stop().await;
                        // Nobody waiting is fine.
                        let _ = done.send(());
                        return;
                    }
                    None => return,
                },
                // Not before there is somebody to report to.
                Some(event) = events.next(), if self.connection.is_some() => match event {
                    Ok(watcher::Event::Init) => listed.clear(),
                    Ok(watcher::Event::InitApply(pod)) => {
                        listed.extend(pod::executor_id(&pod));
                        self.observe(&pod).await;
                    }
                    Ok(watcher::Event::InitDone) => self.missing(&listed),
                    Ok(watcher::Event::Apply(pod)) => self.observe(&pod).await,
                    Ok(watcher::Event::Delete(pod)) => self.deleted(&pod),
                    Err(error) => tracing::warn!(%error, "watching the executor pods"),
                },
                () = tokio::time::sleep_until(self.next_batch), if !self.queue.is_empty() => self.create_batch().await,
                _ = ticks.tick() => self.give_up_stuck().await,
            }
        }
    }

    fn report(&mut self, id: ExecutorId, state: ExecutorState) {
        if let Some((_, events)) = &self.connection {
            // Without a receiver the application is over.
            let _ = events.send(ProviderEvent::Executor(ExecutorEvent { id, state }));
        }
    }

    fn report_exit(&mut self, id: ExecutorId, exit: Exit) {
        if let Some(tracked) = self.tracked.remove(&id) {
            self.queue.retain(|queued| *queued != id);
            let exit = if tracked.released {
                Exit { reason: "released by the driver".into(), failed: false }
            } else {
                exit
            };
            self.report(id, ExecutorState::Exited(exit));
        }
    }

    async fn create_batch(&mut self) {
        self.next_batch = Instant::now() + self.settings.batch_delay;
        let Some((driver_url, _)) = self.connection.clone() else { return };
        for _ in 0..self.settings.batch_size {
            let Some(id) = self.queue.pop_front() else { return };
            let pod = self.stamp.pod(id, &driver_url);
            match self.pods.create(&PostParams::default(), &pod).await {
                Ok(_) => self.refusal_pause = FIRST_REFUSAL_PAUSE,
                Err(error) if is_passing(&error) => {
                    self.queue.push_front(id);
                    self.next_batch = Instant::now() + self.refusal_pause;
                    self.refusal_pause = (self.refusal_pause * 2).min(LONGEST_REFUSAL_PAUSE);
                    let reason = format!("its pod cannot be made yet: {error}");
                    self.report_condition(id, Condition::Pending(reason));
                    return;
                }
                Err(error) => {
                    let reason = format!("its pod cannot be made: {error}");
                    self.report_exit(id, Exit { reason, failed: true });
                }
            }
        }
    }

    async fn observe(&mut self, pod: &Pod) {
        if pod.metadata.name.as_ref() == Some(&self.driver_pod) {
            self.observe_driver(pod);
            return;
        }
        let Some(id) = pod::executor_id(pod) else { return };
        let condition = pod::condition(pod);
        if let Condition::Ended(exit) = condition {
            if self.tracked.contains_key(&id) {
                self.report_exit(id, exit);
                self.put_away(id).await;
            }
            return;
        }
        if let Some(tracked) = self.tracked.get_mut(&id) {
            match &condition {
                Condition::CannotStart(reason) => {
                    let since = tracked.stuck.as_ref().map_or_else(Instant::now, |(since, _)| *since);
                    tracked.stuck = Some((since, reason.clone()));
                }
                Condition::Pending(_) | Condition::Running | Condition::Ended(_) => tracked.stuck = None,
            }
        }
        self.report_condition(id, condition);
    }

    /// The operator writes on the driver's own pod how many executors there may be from now on.
    fn observe_driver(&mut self, pod: &Pod) {
        let Some(text) = pod.metadata.annotations.as_ref().and_then(|all| all.get(SCALE_ANNOTATION)) else {
            return;
        };
        if self.scale.as_ref() == Some(text) {
            return;
        }
        self.scale = Some(text.clone());
        match text.parse::<Scale>() {
            Ok(scale) => {
                if let Some((_, events)) = &self.connection {
                    // Without a receiver the application is over.
                    let _ = events.send(ProviderEvent::Scale(scale));
                }
            }
            Err(error) => {
                tracing::warn!(pod = self.driver_pod, %error, "cannot read the annotation {SCALE_ANNOTATION}");
            }
        }
    }

    fn report_condition(&mut self, id: ExecutorId, condition: Condition) {
        let Some(tracked) = self.tracked.get_mut(&id) else { return };
        if tracked.reported.as_ref() == Some(&condition) {
            return;
        }
        tracked.reported = Some(condition.clone());
        match condition {
            Condition::Pending(reason) | Condition::CannotStart(reason) => {
                self.report(id, ExecutorState::Pending(reason));
            }
            Condition::Running => self.report(id, ExecutorState::Running),
            Condition::Ended(_) => {}
        }
    }

    fn deleted(&mut self, pod: &Pod) {
        let Some(id) = pod::executor_id(pod) else { return };
        let exit = match pod::condition(pod) {
            Condition::Ended(exit) => exit,
            _ => pod::deleted(id),
        };
        self.report_exit(id, exit);
    }

    /// After a new listing: pods that have been reported and are no longer there were deleted unseen.
    fn missing(&mut self, listed: &[ExecutorId]) {
        let gone: Vec<ExecutorId> = self
            .tracked
            .iter()
            .filter(|(id, tracked)| {
                tracked.reported.is_some() && !self.queue.contains(id) && !listed.contains(id)
            })
            .map(|(id, _)| *id)
            .collect();
        for id in gone {
            self.report_exit(id, pod::deleted(id));
        }
    }

    async fn give_up_stuck(&mut self) {
        let stuck: Vec<(ExecutorId, String)> = self
            .tracked
            .iter()
            .filter_map(|(id, tracked)| match &tracked.stuck {
                Some((since, reason)) if since.elapsed() >= START_GRACE => Some((*id, reason.clone())),
                _ => None,
            })
            .collect();
        for (id, reason) in stuck {
            self.report_exit(id, Exit { reason, failed: true });
            self.delete(id).await;
        }
    }

    async fn release(&mut self, ids: &[ExecutorId]) {
        for &id in ids {
            let Some(tracked) = self.tracked.get_mut(&id) else { continue };
            tracked.released = true;
            let never_made = self.queue.contains(&id);
            if never_made {
                self.report_exit(id, Exit { reason: String::new(), failed: false });
            } else {
                self.delete(id).await;
            }
        }
    }

    /// Deletes an ended pod, or marks it where it is to be kept for a look.
    async fn put_away(&mut self, id: ExecutorId) {
        if self.settings.delete_on_termination {
            self.delete(id).await;
            return;
        }
        let name = self.stamp.name(id);
        let patch = pod::inactive();
        if let Err(error) = self.pods.patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await {
            tracing::warn!(pod = name, %error, "marking the ended executor");
        }
    }

    /// Writes the progress on the driver's own pod, from where the operator takes it.
    async fn tell(&self, progress: Progress) {
        let patch = serde_json::json!({
            "metadata": {"annotations": {PROGRESS_ANNOTATION: progress.to_string()}},
        });
        let told = self.pods.patch(&self.driver_pod, &PatchParams::default(), &Patch::Merge(patch)).await;
        if let Err(error) = told {
            tracing::debug!(pod = self.driver_pod, %error, "telling the progress");
        }
    }

    async fn delete(&self, id: ExecutorId) {
        let name = self.stamp.name(id);
        match self.pods.delete(&name, &DeleteParams::default()).await {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            Err(error) => tracing::warn!(pod = name, %error, "deleting the executor pod"),
        }
    }

    async fn stop(&mut self) {
        if !self.settings.delete_on_termination {
            // They end by themselves once the driver no longer answers.
            return;
        }
        let made = self.tracked.keys().filter(|id| !self.queue.contains(id));
        futures::future::join_all(made.map(|id| self.delete(*id))).await;
    }
}

/// Whether asking again later can help: a full quota, an overloaded or restarting API server.
fn is_passing(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(status) => {
            status.code == 429
                || status.code >= 500
                || (status.code == 403 && status.message.contains("exceeded quota"))
        }
        _ => true,
    }
}
