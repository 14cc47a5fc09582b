//! The command line: Kubeflow's flags with Kubeflow's defaults, each also as an environment variable.

use std::time::Duration;

use cerium_crds::Engine;
use clap::{ArgAction, Args, Parser, Subcommand};
use jiff::SignedDuration;
use kube::core::Selector;

use crate::batch::BatchSchedulers;
use crate::build::ExposurePolicy;
use crate::decide::Patience;
use crate::leader::LeaseConfig;
use crate::metrics::MetricsConfig;
use crate::scheduled::Precision;
use crate::shard::Shard;
use crate::telemetry::LogFormat;

mod duration;
mod exposure;
mod gates;
mod inert;
mod lists;

pub use duration::parse_duration;
use exposure::ExposureFlags;
use gates::FeatureGates;
pub use inert::InertFlags;
use lists::{Labels, Listen, Namespaces, SchedulerNames};

/// Runs SparkApplication manifests on Kubernetes.
#[derive(Debug, Parser)]
#[command(name = "cerium-operator", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the program does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The controller of SparkApplications.
    #[command(subcommand)]
    Controller(ControllerCommand),
    /// Print the custom resource definitions as YAML.
    Crds,
}

/// What the controller does.
#[derive(Debug, Subcommand)]
pub enum ControllerCommand {
    /// Watch SparkApplications and run them.
    Start(Box<StartFlags>),
}

/// Flags of `controller start`.
#[derive(Debug, Args)]
pub struct StartFlags {
    /// Namespaces to watch, separated by commas; none or an empty one: all.
    #[arg(long, env = "CERIUM_NAMESPACES", default_value = "", value_parser = Namespaces::parse)]
    namespaces: Namespaces,

    /// Label selector of further namespaces to watch.
    #[arg(long, env = "CERIUM_NAMESPACE_SELECTOR", default_value = "", value_parser = lists::parse_selector)]
    namespace_selector: Selector,

    /// Number of operators that divide the namespaces among themselves, by a hash of their names.
    #[arg(long, env = "CERIUM_SHARD_COUNT", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    shard_count: u32,

    /// Which of them this one is, counted from 0. With more than one, the number is added to the name of
    /// the Lease.
    #[arg(long, env = "CERIUM_SHARD_INDEX", default_value_t = 0)]
    shard_index: u32,

    /// New applications worked on at once; as many again that are under way do not wait behind them.
    #[arg(long, env = "CERIUM_CONTROLLER_THREADS", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..))]
    controller_threads: u16,

    /// How long the first lists of applications and pods may take.
    #[arg(long, env = "CERIUM_CACHE_SYNC_TIMEOUT", default_value = "30s", value_parser = parse_duration)]
    cache_sync_timeout: Duration,

    /// Highest executor number listed in the status.
    #[arg(long, env = "CERIUM_MAX_TRACKED_EXECUTOR_PER_APP", default_value_t = 1000)]
    max_tracked_executor_per_app: u64,

    /// Seconds after which finished applications without timeToLiveSeconds are deleted; 0: never.
    #[arg(long, env = "CERIUM_DEFAULT_TIME_TO_LIVE_SECONDS", default_value_t = 0)]
    default_time_to_live_seconds: i64,

    /// How long a driver pod may be missing after its creation.
    #[arg(long, env = "CERIUM_DRIVER_POD_CREATION_GRACE_PERIOD", default_value = "10s", value_parser = parse_duration)]
    driver_pod_creation_grace_period: Duration,

    /// How long a driver that has a node may take to start, for example while its image cannot be
    /// pulled; after that it has failed. 0: for ever.
    #[arg(long, env = "CERIUM_DRIVER_STARTUP_TIMEOUT", default_value = "10m", value_parser = parse_duration)]
    driver_startup_timeout: Duration,

    /// How long a driver may wait for a node; after that it has failed. 0: for ever.
    #[arg(long, env = "CERIUM_DRIVER_SCHEDULING_TIMEOUT", default_value = "0", value_parser = parse_duration)]
    driver_scheduling_timeout: Duration,

    /// How long other containers of a driver pod may go on after the driver has ended; after that the
    /// pod is deleted. 0: for ever.
    #[arg(long, env = "CERIUM_DRIVER_SIDECAR_TIMEOUT", default_value = "30s", value_parser = parse_duration)]
    driver_sidecar_timeout: Duration,

    /// Kubeflow's feature gates, such as `PartialRestart=true`.
    #[arg(long, env = "CERIUM_FEATURE_GATES", default_value = "", value_parser = FeatureGates::parse)]
    feature_gates: FeatureGates,

    /// Image of driver and executors, also the one from which the engine is copied into images of users.
    #[arg(long, env = "CERIUM_RUNTIME_IMAGE", default_value = DEFAULT_RUNTIME_IMAGE)]
    runtime_image: String,

    /// Pull policy of the runtime image where the application names none.
    #[arg(long, env = "CERIUM_RUNTIME_IMAGE_PULL_POLICY", default_value = "IfNotPresent", value_parser = ["Always", "IfNotPresent", "Never"])]
    runtime_image_pull_policy: String,

    /// What runs Python programs whose sparkConf has no spark.cerium.engine: native, or spark for the Apache
    /// Spark inside their own image.
    #[arg(long, env = "CERIUM_DEFAULT_ENGINE", default_value = "native", value_parser = parse_engine)]
    default_engine: Engine,

    /// Let applications name a batch scheduler: volcano, yunikorn or one of --kube-scheduler-names.
    #[arg(long, env = "CERIUM_ENABLE_BATCH_SCHEDULER", action = ArgAction::Set, num_args = 0..=1, default_value_t = false, default_missing_value = "true")]
    enable_batch_scheduler: bool,

    /// Names of kube-schedulers with the plugin for coscheduling, separated by commas.
    #[arg(long, env = "CERIUM_KUBE_SCHEDULER_NAMES", default_value = "", value_parser = SchedulerNames::parse)]
    kube_scheduler_names: SchedulerNames,

    /// Batch scheduler of applications that name none.
    #[arg(long, env = "CERIUM_DEFAULT_BATCH_SCHEDULER", default_value = "")]
    default_batch_scheduler: String,

    /// Check the ResourceQuotas of its namespace before anything is made for an application.
    #[arg(long, env = "CERIUM_ENABLE_RESOURCE_QUOTA_ENFORCEMENT", action = ArgAction::Set, num_args = 0..=1, default_value_t = false, default_missing_value = "true")]
    enable_resource_quota_enforcement: bool,

    /// Let only the holder of a Lease work.
    #[arg(long, env = "CERIUM_LEADER_ELECTION", action = ArgAction::Set, num_args = 0..=1, default_value_t = false, default_missing_value = "true")]
    leader_election: bool,

    /// Name of the Lease.
    #[arg(long, env = "CERIUM_LEADER_ELECTION_LOCK_NAME", default_value = "spark-operator-lock")]
    leader_election_lock_name: String,

    /// Namespace of the Lease.
    #[arg(long, env = "CERIUM_LEADER_ELECTION_LOCK_NAMESPACE", default_value = "spark-operator")]
    leader_election_lock_namespace: String,

    /// After this time without a renewal others may take the Lease.
    #[arg(long, env = "CERIUM_LEADER_ELECTION_LEASE_DURATION", default_value = "15s", value_parser = parse_duration)]
    leader_election_lease_duration: Duration,

    /// After this time without a successful renewal the holder stops.
    #[arg(long, env = "CERIUM_LEADER_ELECTION_RENEW_DEADLINE", default_value = "10s", value_parser = parse_duration)]
    leader_election_renew_deadline: Duration,

    /// Pause between attempts to take or renew the Lease.
    #[arg(long, env = "CERIUM_LEADER_ELECTION_RETRY_PERIOD", default_value = "2s", value_parser = parse_duration)]
    leader_election_retry_period: Duration,

    /// Name of this process among the candidates and in events.
    #[arg(long, env = "HOSTNAME", default_value = "cerium-operator")]
    identity: String,

    /// Serve metrics.
    #[arg(long, env = "CERIUM_ENABLE_METRICS", action = ArgAction::Set, num_args = 0..=1, default_value_t = false, default_missing_value = "true")]
    enable_metrics: bool,

    /// Address of the metrics, such as `:8080`; 0: none.
    #[arg(long, env = "CERIUM_METRICS_BIND_ADDRESS", default_value = "0", value_parser = Listen::parse)]
    metrics_bind_address: Listen,

    /// Path of the metrics.
    #[arg(long, env = "CERIUM_METRICS_ENDPOINT", default_value = "/metrics", value_parser = lists::parse_path)]
    metrics_endpoint: String,

    /// What the names of the application metrics start with.
    #[arg(long, env = "CERIUM_METRICS_PREFIX", default_value = "")]
    metrics_prefix: String,

    /// Labels of applications that become labels of their metrics, separated by commas.
    #[arg(long, env = "CERIUM_METRICS_LABELS", default_value = "app_type", value_parser = Labels::parse)]
    metrics_labels: Labels,

    /// Upper bounds of the submit latency histogram, in seconds.
    #[arg(
        long,
        env = "CERIUM_METRICS_JOB_SUBMIT_LATENCY_BUCKETS",
        value_delimiter = ',',
        default_value = "0.5,1,2,4,8,16,32,64,128,256"
    )]
    metrics_job_submit_latency_buckets: Vec<f64>,

    /// Upper bounds of the start latency histogram, in seconds.
    #[arg(
        long,
        env = "CERIUM_METRICS_JOB_START_LATENCY_BUCKETS",
        value_delimiter = ',',
        default_value = "1,2,5,10,30,60,90,120,150,180,210,240,270,300"
    )]
    metrics_job_start_latency_buckets: Vec<f64>,

    /// Address of /healthz and /readyz, such as `:8081`; 0: none.
    #[arg(long, env = "CERIUM_HEALTH_PROBE_BIND_ADDRESS", default_value = ":8081", value_parser = Listen::parse)]
    health_probe_bind_address: Listen,

    /// Precision of the time in the names of scheduled runs.
    #[arg(long, env = "CERIUM_SCHEDULED_SPARK_APPLICATION_TIMESTAMP_PRECISION", default_value = "nanos")]
    scheduled_spark_application_timestamp_precision: Precision,

    /// File with the access to the API server; default: that of the pod, else ~/.kube/config.
    #[arg(long, env = "KUBECONFIG")]
    kubeconfig: Option<std::path::PathBuf>,

    /// Least important level that is logged: debug, info, error, or a filter of tracing-subscriber.
    #[arg(long, env = "CERIUM_ZAP_LOG_LEVEL", default_value = "info")]
    zap_log_level: String,

    /// Form of the log: json, or console for text.
    #[arg(long, visible_alias = "log-format", env = "CERIUM_ZAP_ENCODER", default_value = "console")]
    zap_encoder: LogFormat,

    #[command(flatten)]
    exposure: ExposureFlags,

    #[command(flatten)]
    inert: InertFlags,
}

/// The image of this version.
const DEFAULT_RUNTIME_IMAGE: &str =
    concat!("ghcr.io/cerium-engine/cerium-runtime:", env!("CARGO_PKG_VERSION"));

/// Everything the controller is told, part by part.
#[derive(Debug)]
pub struct Settings {
    /// Which namespaces are watched.
    pub scope: Scope,
    /// Applications worked on at once.
    pub concurrency: u16,
    /// How long the first lists may take.
    pub cache_sync_timeout: Duration,
    /// Settings of reconciling.
    pub policy: Policy,
    /// Precision of the time in the names of scheduled runs.
    pub precision: Precision,
    /// The lease, if only its holder works.
    pub lease: Option<LeaseConfig>,
    /// The metrics.
    pub metrics: MetricsConfig,
    /// Where and at which path metrics are served.
    pub metrics_listen: Listen,
    /// Path of the metrics.
    pub metrics_endpoint: String,
    /// Where health is served.
    pub health_listen: Listen,
    /// File with the access to the API server.
    pub kubeconfig: Option<std::path::PathBuf>,
    /// Filter of the log.
    pub log_level: String,
    /// Form of the log.
    pub log_format: LogFormat,
    /// Flags that were set and have no effect.
    pub without_effect: Vec<&'static str>,
}

/// Which namespaces are watched.
#[derive(Clone, Debug)]
pub struct Scope {
    /// These; empty: all of them, or only those of the selector if there is one.
    pub namespaces: Vec<String>,
    /// And those with these labels.
    pub selector: Option<Selector>,
    /// Of all these, the ones of this shard.
    pub shard: Shard,
}

/// Settings of reconciling.
#[derive(Clone, Debug)]
pub struct Policy {
    /// How patient the operator is with drivers.
    pub patience: Patience,
    /// A change of where executors are placed does not restart an application.
    pub partial_restart: bool,
    /// Time to live of applications that name none.
    pub default_time_to_live: Option<SignedDuration>,
    /// Highest executor number listed in the status.
    pub max_tracked_executors: u64,
    /// Image of driver and executors.
    pub runtime_image: String,
    /// Its pull policy.
    pub runtime_image_pull_policy: String,
    /// What runs applications that do not say it.
    pub default_engine: Engine,
    /// What is made around driver pods.
    pub exposure: ExposurePolicy,
    /// The batch schedulers, if they are switched on.
    pub batch: Option<BatchSchedulers>,
    /// Quotas are checked before anything is made.
    pub enforce_quotas: bool,
}

impl StartFlags {
    /// Sorts the flags into the settings of the parts.
    pub fn into_settings(self) -> Settings {
        // Without `..`: a flag that is not wired up does not compile.
        let StartFlags {
            namespaces,
            namespace_selector,
            shard_count,
            shard_index,
            controller_threads,
            cache_sync_timeout,
            max_tracked_executor_per_app,
            default_time_to_live_seconds,
            driver_pod_creation_grace_period,
            driver_startup_timeout,
            driver_scheduling_timeout,
            driver_sidecar_timeout,
            feature_gates,
            runtime_image,
            runtime_image_pull_policy,
            default_engine,
            enable_batch_scheduler,
            kube_scheduler_names,
            default_batch_scheduler,
            enable_resource_quota_enforcement,
            leader_election,
            leader_election_lock_name,
            leader_election_lock_namespace,
            leader_election_lease_duration,
            leader_election_renew_deadline,
            leader_election_retry_period,
            identity,
            enable_metrics,
            metrics_bind_address,
            metrics_endpoint,
            metrics_prefix,
            metrics_labels,
            metrics_job_submit_latency_buckets,
            metrics_job_start_latency_buckets,
            health_probe_bind_address,
            scheduled_spark_application_timestamp_precision,
            kubeconfig,
            zap_log_level,
            zap_encoder,
            exposure,
            inert,
        } = self;
        let shard = Shard { count: shard_count, index: shard_index };
        let unless_zero = |limit: Duration| (!limit.is_zero()).then(|| signed(limit));
        Settings {
            scope: Scope {
                namespaces: namespaces.0,
                selector: (!namespace_selector.selects_all()).then_some(namespace_selector),
                shard,
            },
            concurrency: controller_threads,
            cache_sync_timeout,
            policy: Policy {
                patience: Patience {
                    creation_grace: signed(driver_pod_creation_grace_period),
                    startup: unless_zero(driver_startup_timeout),
                    scheduling: unless_zero(driver_scheduling_timeout),
                    sidecars: unless_zero(driver_sidecar_timeout),
                },
                partial_restart: feature_gates.partial_restart,
                default_time_to_live: (default_time_to_live_seconds > 0)
                    .then(|| SignedDuration::from_secs(default_time_to_live_seconds)),
                max_tracked_executors: max_tracked_executor_per_app,
                runtime_image,
                runtime_image_pull_policy,
                default_engine,
                exposure: exposure.into_policy(),
                batch: enable_batch_scheduler.then(|| BatchSchedulers {
                    kube_schedulers: kube_scheduler_names.0,
                    default: Some(default_batch_scheduler).filter(|name| !name.is_empty()),
                }),
                enforce_quotas: enable_resource_quota_enforcement,
            },
            precision: scheduled_spark_application_timestamp_precision,
            lease: leader_election.then_some(LeaseConfig {
                name: shard.lease_name(leader_election_lock_name),
                namespace: leader_election_lock_namespace,
                identity,
                duration: leader_election_lease_duration,
                renew_deadline: leader_election_renew_deadline,
                retry_period: leader_election_retry_period,
            }),
            metrics: MetricsConfig {
                prefix: metrics_prefix,
                labels: metrics_labels.0,
                submit_latency_buckets: metrics_job_submit_latency_buckets,
                start_latency_buckets: metrics_job_start_latency_buckets,
            },
            metrics_listen: if enable_metrics { metrics_bind_address } else { Listen(None) },
            metrics_endpoint,
            health_listen: health_probe_bind_address,
            kubeconfig,
            log_level: zap_log_level,
            log_format: zap_encoder,
            without_effect: [inert.set(), feature_gates.without_effect].concat(),
        }
    }
}

fn parse_engine(name: &str) -> Result<Engine, String> {
    Engine::parse(name).ok_or_else(|| "expected native or spark".to_owned())
}

/// Limits beyond some 292 billion years are as good as that.
fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests;
