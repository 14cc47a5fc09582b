//! Executors as pods, made from the template that the operator wrote for this application.

mod pod;
mod worker;

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use cerium_conf::{ConfError, SparkConf, env, keys, paths};
use cerium_crds::progress::Progress;
use futures::FutureExt;
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{Api, Client};
use tokio::sync::{mpsc, oneshot};

use self::pod::Stamp;
use self::worker::{Command, Settings, Worker};
use super::{EventSender, ExecutorId, ExecutorProvider};

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
        let conf_dir = required(env::CERIUM_CONF_DIR)?;
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
