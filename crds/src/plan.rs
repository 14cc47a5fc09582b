//! A validated application: everything the operator needs to build pods, with nothing left that the API
//! server could have a later reason to reject for its form. Only [`crate::validate`] makes one.

use std::collections::BTreeMap;

use cerium_conf::{ConfError, SparkConf, keys};
use k8s_openapi::api::core::v1::{
    Affinity, Container, ContainerPort, EnvFromSource, EnvVar, HostAlias, Lifecycle, PodDNSConfig,
    PodSecurityContext, PodTemplateSpec, ResourceRequirements, SecurityContext, Toleration, Volume,
    VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use crate::application::{ApplicationType, SparkApplicationSpec};
use crate::memory::executor_memory;
use crate::quantity;

/// An application that can be submitted.
#[derive(Clone, Debug)]
pub struct ValidatedApplication {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.labels` that are copied to the pods.
    pub labels: BTreeMap<String, String>,
    /// `spec.sparkVersion`.
    pub spark_version: String,
    /// Name of the driver pod.
    pub driver_pod: String,
    /// Name prefix of executor pods, if the user chose one.
    pub executor_prefix: Option<String>,
    /// The Spark properties of the manifest.
    pub conf: SparkConf,
    /// The program.
    pub main_file: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// The driver pod.
    pub driver: PodPlan,
    /// The executor pods.
    pub executor: PodPlan,
    /// Memory of an executor's engine, in MiB.
    pub executor_memory_mib: u64,
    /// Tasks an executor runs at once.
    pub executor_cores: u32,
    /// Fields of the manifest that have no effect, in words.
    pub ignored: Vec<String>,
    /// What runs the program.
    pub run: Run,
    /// The specification with its defaults, for what only one of the engines needs of it.
    pub spec: SparkApplicationSpec,
}

/// What runs the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Run {
    /// Cerium's own engine.
    Native,
    /// The Apache Spark inside the user's image.
    Spark(SparkProgram),
}

/// A program as Spark's own driver container is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SparkProgram {
    /// The class to run: the user's, or Spark's own for programs in other languages.
    pub main_class: String,
    /// The user to impersonate towards Hadoop services.
    pub proxy_user: Option<String>,
    /// The language, by the program's file.
    pub language: Language,
}

/// The languages Spark tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Java, Scala and whatever else is in a jar file.
    Java,
    /// Python.
    Python,
    /// R.
    R,
}

impl ValidatedApplication {
    /// Executors the driver asks for at its start, as Spark counts them: with dynamic allocation the largest of
    /// instances, initial and least number.
    pub fn initial_executors(&self) -> u32 {
        // Validation has read them all; what a program could not be run with never comes here.
        let conf = &self.conf;
        let instances = conf.get(&keys::EXECUTOR_INSTANCES).ok().flatten();
        if !conf.get(&keys::DYNAMIC_ALLOCATION_ENABLED).unwrap_or_default() {
            return instances.unwrap_or(DEFAULT_INSTANCES);
        }
        let initial = conf.get(&keys::DYNAMIC_ALLOCATION_INITIAL_EXECUTORS).ok().flatten();
        let least = conf.get(&keys::DYNAMIC_ALLOCATION_MIN_EXECUTORS).unwrap_or_default();
        instances.unwrap_or(0).max(initial.unwrap_or(0)).max(least)
    }
}

/// Executors where nothing says how many, as in Spark.
const DEFAULT_INSTANCES: u32 = 2;

/// One of the two kinds of pods.
#[derive(Clone, Debug, Default)]
pub struct PodPlan {
    /// The pod to start from.
    pub template: PodTemplateSpec,
    /// The image.
    pub image: Image,
    /// `spec.imagePullPolicy`.
    pub image_pull_policy: Option<String>,
    /// `spec.imagePullSecrets`.
    pub image_pull_secrets: Vec<String>,
    /// CPU and memory of the Spark container.
    pub resources: Resources,
    /// Labels beyond those every pod has.
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
    /// Environment of the Spark container.
    pub env: Vec<EnvVar>,
    /// Sources of further environment variables.
    pub env_from: Vec<EnvFromSource>,
    /// Volumes that fields of the manifest declare; the mounts may name them.
    pub volumes: Vec<Volume>,
    /// Mounts of the Spark container that fields of the manifest ask for.
    pub volume_mounts: Vec<VolumeMount>,
    /// Volumes and mounts that Spark properties declare.
    pub by_property: Mounts,
    /// Further ports of the Spark container.
    pub ports: Vec<ContainerPort>,
    /// Hooks of the Spark container.
    pub lifecycle: Option<Lifecycle>,
    /// Security of the Spark container.
    pub security_context: Option<SecurityContext>,
    /// Security of the pod.
    pub pod_security_context: Option<PodSecurityContext>,
    /// Containers before the Spark container.
    pub init_containers: Vec<Container>,
    /// Containers beside it.
    pub sidecars: Vec<Container>,
    /// Node labels required.
    pub node_selector: BTreeMap<String, String>,
    /// Replaces the template's.
    pub affinity: Option<Affinity>,
    /// Added to the template's.
    pub tolerations: Vec<Toleration>,
    /// Scheduler.
    pub scheduler_name: Option<String>,
    /// Priority class.
    pub priority_class_name: Option<String>,
    /// Service account.
    pub service_account: Option<String>,
    /// Uses the node's network.
    pub host_network: Option<bool>,
    /// DNS settings.
    pub dns_config: Option<PodDNSConfig>,
    /// Entries of the hosts file.
    pub host_aliases: Vec<HostAlias>,
    /// Seconds to end by itself.
    pub termination_grace_period_seconds: Option<i64>,
    /// Containers see each other's processes.
    pub share_process_namespace: Option<bool>,
    /// Default scratch space is a tmpfs.
    pub local_dirs_tmpfs: bool,
}

/// Volumes, and where the Spark container mounts them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mounts {
    /// The volumes.
    pub volumes: Vec<Volume>,
    /// The mounts.
    pub mounts: Vec<VolumeMount>,
}

/// Where an image comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Image {
    /// Cerium's own: the engine is in it.
    #[default]
    Runtime,
    /// The user's: the engine is copied into it.
    User(String),
}

/// CPU and memory of a Spark container.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resources {
    /// CPU request.
    pub cpu_request: Quantity,
    /// CPU limit.
    pub cpu_limit: Option<Quantity>,
    /// Memory request in MiB, overhead included.
    pub memory_mib: u64,
    /// Memory limit in MiB, if it is not the request.
    pub memory_limit_mib: Option<u64>,
    /// Extended resources, such as GPUs.
    pub extended: BTreeMap<String, Quantity>,
}

impl Resources {
    /// What the properties alone say of an executor's container.
    ///
    /// # Errors
    /// A property that cannot be read.
    pub fn of_executor(conf: &SparkConf, application: ApplicationType) -> Result<Self, ConfError> {
        let cores = conf.get(&keys::EXECUTOR_CORES)?.to_string();
        let cpu = |key: &str, text: String| match quantity::parse(&text) {
            Some(value) if value > 0.0 => Ok(Quantity(text)),
            _ => Err(ConfError::new(key, &text, "expected a Kubernetes quantity above 0, such as 500m or 2")),
        };
        let request = conf.get(&keys::KUBERNETES_EXECUTOR_REQUEST_CORES)?.unwrap_or(cores);
        let limit = conf.get(&keys::KUBERNETES_EXECUTOR_LIMIT_CORES)?;
        Ok(Self {
            cpu_request: cpu("spark.kubernetes.executor.request.cores", request)?,
            cpu_limit: limit.map(|limit| cpu("spark.kubernetes.executor.limit.cores", limit)).transpose()?,
            memory_mib: executor_memory(conf, application)?.total_mib(),
            memory_limit_mib: None,
            extended: BTreeMap::new(),
        })
    }

    /// CPU and memory as Spark sets them, on top of other resources of `template`.
    pub fn on(&self, template: Option<ResourceRequirements>) -> ResourceRequirements {
        let mut all = template.unwrap_or_default();
        let mib = |mib: u64| Quantity(format!("{mib}Mi"));
        let requests = all.requests.get_or_insert_default();
        requests.insert("cpu".to_owned(), self.cpu_request.clone());
        requests.insert("memory".to_owned(), mib(self.memory_mib));
        let limits = all.limits.get_or_insert_default();
        limits.remove("cpu");
        if let Some(limit) = &self.cpu_limit {
            limits.insert("cpu".to_owned(), limit.clone());
        }
        limits.insert("memory".to_owned(), mib(self.memory_limit_mib.unwrap_or(self.memory_mib)));
        limits.extend(self.extended.clone());
        all
    }
}
