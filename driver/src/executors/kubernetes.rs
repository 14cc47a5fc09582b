//! Executors as pods, made from the template that the operator wrote for this application.

mod pod;

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cerium_conf::{ConfError, SparkConf, env, keys, paths};
use cerium_crds::progress::{PROGRESS_ANNOTATION, Progress};
use cerium_crds::scale::{SCALE_ANNOTATION, Scale};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::{EventSender, ExecutorEvent, ExecutorId, ExecutorProvider, ExecutorState, Exit, ProviderEvent};
use pod::{Condition, Stamp};

/// How long a pod may wait for its image, or for what its container refers to, before it counts as failed.
const START_GRACE: Duration = Duration::from_mins(1);
/// Pause after the API server refused a pod (a full quota, an overload); it doubles up to the longest.
const FIRST_REFUSAL_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_REFUSAL_PAUSE: Duration = Duration::from_secs(30);
/// How often pods that wait are looked at.
const TICK: Duration = Duration::from_secs(1);

/// Why executor pods cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum KubernetesError {
    /// A configuration value is malformed.
    #[error(transparent)]
    Conf(#[from] ConfError),
    /// The environment lacks something the operator sets.
    #[error("the environment variable {0} is not set; driver pods are made by the Cerium operator")]
    Environment(&'static str),
    /// The template cannot be read.
    #[error("cannot read the executor pod template {path}")]
    Template {
        /// Its file.
        path: String,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The template is no pod.
    #[error("the executor pod template {path} is not a Pod")]
    Malformed {
        /// Its file.
        path: String,
        /// What is wrong with it.
        source: serde_yaml::Error,
    },
    /// The API server cannot be reached, or does not let the driver see itself.
    #[error("cannot read the driver's own pod {pod}; its service account needs the verb get on pods")]
    DriverPod {
        /// Its name.
        pod: String,
        /// The API's answer.
        source: Box<kube::Error>,
    },
    /// No client for the API server.
    #[error("cannot connect to the Kubernetes API")]
    Client(#[source] Box<kube::Error>),
}

enum Command {
    Start { driver_url: String, events: EventSender },
    Template(Box<Pod>),
    Request(Vec<ExecutorId>),
    Release(Vec<ExecutorId>),
    Tell(Progress),
    Stop(oneshot::Sender<()>),
}

/// Makes, watches and deletes executor pods.
pub struct KubernetesProvider {
    template: Pod,
    commands: mpsc::UnboundedSender<Command>,
    worker: Mutex<Option<Worker>>,
}

impl KubernetesProvider {
    /// A provider for the application of this driver pod, as its environment describes it.
    pub async fn from_environment(
        conf: &SparkConf,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, KubernetesError> {
        let required =
            |name| variable(name).filter(|v| !v.is_empty()).ok_or(KubernetesError::Environment(name));
        let conf_dir = required(env::SPARK_CONF_DIR)?;
        let application_id = required(env::SPARK_APPLICATION_ID)?;
        let driver_pod = required(env::SPARK_DRIVER_POD_NAME)?;
        let namespace = required(env::SPARK_DRIVER_NAMESPACE)?;

        let path = Path::new(&conf_dir).join(paths::EXECUTOR_POD_KEY);
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(&path)
            .map_err(|source| KubernetesError::Template { path: shown.clone(), source })?;
        let template: Pod = serde_yaml::from_str(&text)
            .map_err(|source| KubernetesError::Malformed { path: shown, source })?;

        let client = Client::try_default().await.map_err(|error| KubernetesError::Client(Box::new(error)))?;
        Self::new(conf, Api::namespaced(client, &namespace), &driver_pod, application_id, template).await
    }

    /// A provider for the application of the pod `driver_pod` among `pods`.
    pub async fn new(
        conf: &SparkConf,
        pods: Api<Pod>,
        driver_pod: &str,
        application_id: String,
        template: Pod,
    ) -> Result<Self, KubernetesError> {
        let driver = pods.get(driver_pod).await.map_err(|error| KubernetesError::DriverPod {
            pod: driver_pod.to_string(),
            source: Box::new(error),
        })?;
        let prefix = conf
            .get(&keys::KUBERNETES_EXECUTOR_POD_NAME_PREFIX)?
            .unwrap_or_else(|| driver_pod.strip_suffix("-driver").unwrap_or(driver_pod).to_string());
        let stamp = Stamp { template: template.clone(), prefix, application_id, owners: owners(&driver) };
        let settings = Settings {
            batch_size: conf.get(&keys::KUBERNETES_ALLOCATION_BATCH_SIZE)? as usize,
            batch_delay: conf.get(&keys::KUBERNETES_ALLOCATION_BATCH_DELAY)?.as_duration(),
            delete_on_termination: conf.get(&keys::KUBERNETES_EXECUTOR_DELETE_ON_TERMINATION)?,
        };
        let (commands, received) = mpsc::unbounded_channel();
        let driver_pod = driver_pod.to_owned();
        let worker = Mutex::new(Some(Worker::new(pods, driver_pod, stamp, settings, received)));
        Ok(Self { template, commands, worker })
    }

    fn worker(&self) -> MutexGuard<'_, Option<Worker>> {
        self.worker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&self, command: Command) {
        // The worker ends after `stop` only; nothing is asked of it then.
        let _ = self.commands.send(command);
    }
}

impl ExecutorProvider for KubernetesProvider {
    fn start(&self, driver_url: String, events: EventSender) {
        if let Some(worker) = self.worker().take() {
            tokio::spawn(worker.run());
        }
        self.send(Command::Start { driver_url, events });
    }

    fn reconfigure(&self, conf: &SparkConf) -> Result<(), ConfError> {
        self.send(Command::Template(Box::new(pod::resized(self.template.clone(), conf)?)));
        Ok(())
    }

    fn request(&self, ids: &[ExecutorId]) {
        self.send(Command::Request(ids.to_vec()));
    }

    fn release(&self, ids: &[ExecutorId]) {
        self.send(Command::Release(ids.to_vec()));
    }

    fn tell(&self, progress: Progress) {
        self.send(Command::Tell(progress));
    }

    fn stop(&self) -> BoxFuture<'_, ()> {
        let (done, stopped) = oneshot::channel();
        self.send(Command::Stop(done));
        async {
            // An error says that there is no worker, so no pod either.
            let _ = stopped.await;
        }
        .boxed()
    }
}

/// The driver pod alone owns the executors: a second owner that still lives, such as the
/// SparkApplication, would keep them when the driver is gone.
fn owners(driver: &Pod) -> Vec<OwnerReference> {
    vec![OwnerReference {
        api_version: "v1".into(),
        kind: "Pod".into(),
        name: driver.metadata.name.clone().unwrap_or_default(),
        uid: driver.metadata.uid.clone().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: None,
    }]
}

struct Settings {
    batch_size: usize,
    batch_delay: Duration,
    delete_on_termination: bool,
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

struct Worker {
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
    fn new(
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

    async fn run(mut self) {
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
