//! The running executor: Ballista's executor with services, memory and an end of our own.
//!
//! The only module that names `ballista_executor`.

mod connections;
mod memory;
mod stop;
mod task;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use arrow_flight::flight_service_server::FlightServiceServer;
use ballista_core::BALLISTA_PROTOCOL_VERSION;
use ballista_core::error::BallistaError;
use ballista_core::serde::BallistaCodec;
use ballista_core::serde::protobuf::executor_resource::Resource;
use ballista_core::serde::protobuf::scheduler_grpc_client::SchedulerGrpcClient;
use ballista_core::serde::protobuf::{
    ExecutorOperatingSystemSpecification, ExecutorRegistration, ExecutorResource, ExecutorSpecification,
    ExecutorStatus, HeartBeatParams, executor_status,
};
use ballista_core::utils::{GrpcServerConfig, create_grpc_client_endpoint, create_grpc_server};
use ballista_executor::executor::Executor;
use ballista_executor::executor_process::ExecutorProcessConfig;
use ballista_executor::executor_server::{self, TERMINATING};
use ballista_executor::flight_service::BallistaFlightService;
use ballista_executor::health::ExecutorHealth;
use ballista_executor::metrics::LoggingMetricsCollector;
use ballista_executor::shutdown::ShutdownNotifier;
use cerium_conf::{ConfError, SparkConf};
use cerium_engine::blocks::store::BlockStore;
use cerium_engine::session::{self, MAX_MESSAGE_SIZE};
use datafusion::error::DataFusionError;
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tonic::transport::Channel;
use tonic::transport::server::TcpIncoming;

use crate::control::Control;
use crate::environment::Environment;
use crate::metrics::{self, Tasks};

/// Seconds between two heartbeats. Five in a row that fail end the executor: its driver is gone.
const HEARTBEAT_SECONDS: u64 = 5;
/// How long the driver is tried for at the start.
const CONNECT_TIMEOUT: Duration = Duration::from_mins(1);
const CONNECT_PAUSE: Duration = Duration::from_millis(250);
/// Tries at a free port: another process may take the one just found.
const PORT_ATTEMPTS: u32 = 5;
/// From the order to end until the end: less than the 30 s that Kubernetes gives a pod.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(25);
const DRAIN_POLL: Duration = Duration::from_millis(200);
/// The longest that rows stay in memory after their plan is no longer cached.
const BLOCK_SWEEP: Duration = Duration::from_secs(5);

/// Why an executor did not run.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A work directory could not be made.
    #[error("cannot make the work directory {path} (SPARK_LOCAL_DIRS)")]
    WorkDir {
        /// The directory.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The memory is too little to run tasks in.
    #[error(transparent)]
    Memory(#[from] memory::TooLittle),
    /// A port could not be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// Host and port.
        address: String,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The driver could not be reached.
    #[error("cannot reach the driver at {url} within {} s", CONNECT_TIMEOUT.as_secs())]
    Connect {
        /// The driver's address.
        url: String,
        /// The last failure.
        source: BallistaError,
    },
    /// The driver refused the executor, or its services did not start.
    #[error("cannot register with the driver")]
    Register(#[source] BallistaError),
    /// The session could not be built.
    #[error("cannot build the session")]
    Session(#[from] DataFusionError),
    /// A setting could not be read.
    #[error(transparent)]
    Conf(#[from] ConfError),
    /// Metrics could not be served.
    #[error("cannot listen for metrics")]
    Metrics(#[source] std::io::Error),
    /// Signals cannot be waited for.
    #[error("cannot wait for signals")]
    Signal(#[source] std::io::Error),
}

/// How an executor came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It was told to end and its tasks are done, or their time is up.
    Drained,
    /// The driver told it to stop at once.
    Stopped,
    /// The process that started it is gone.
    ParentGone,
    /// The driver no longer answers.
    DriverGone,
}

impl End {
    /// The exit code of the process, Spark's where it has one.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Drained | Self::Stopped | Self::ParentGone => 0,
            Self::DriverGone => 56,
        }
    }
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Drained => "told to end",
            Self::Stopped => "stopped by the driver",
            Self::ParentGone => "the driver's process is gone",
            Self::DriverGone => "the driver no longer answers",
        })
    }
}

/// Runs an executor to its end.
pub async fn run(environment: Environment, parent_stdin: bool) -> Result<End, EngineError> {
    let work_dirs = WorkDirs::create(&environment)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(EngineError::Signal)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(EngineError::Signal)?;

    let mut driver = connect(&environment.driver_url).await?;
    let shutdown = ShutdownNotifier::new();
    let counted = Arc::new(Tasks::default());
    let metrics = metrics::serve(&environment, Arc::clone(&counted)).await.map_err(EngineError::Metrics)?;
    let (flight_port, flight) = serve_shuffle(&environment, work_dirs.shuffle(), &shutdown).await?;
    let (stop_sender, mut stopped) = mpsc::channel(1);
    let Started { executor, mut tasks } =
        start(&environment, &work_dirs, flight_port, driver.clone(), stop_sender, &shutdown, counted).await?;
    tracing::info!(
        executor_id = environment.executor_id,
        cores = environment.cores,
        driver = environment.driver_url,
        "executor registered"
    );

    let sweep = tokio::spawn(sweep_blocks());
    let end = tokio::select! {
        _ = terminate.recv() => End::Drained,
        _ = interrupt.recv() => End::Drained,
        () = parent_gone(), if parent_stdin => End::ParentGone,
        _ = stopped.recv() => End::Stopped,
        // Ends by itself only when heartbeats fail for good.
        _ = &mut tasks => End::DriverGone,
    };
    if end == End::Drained {
        drain(&executor, &mut driver, work_dirs.shuffle()).await;
    }
    sweep.abort();
    // An error means that nobody listens any more.
    let _ = shutdown.notify_shutdown.send(());
    flight.abort();
    if let Some(metrics) = metrics {
        metrics.abort();
    }
    Ok(end)
}

/// Forgets again and again what is not cached any more: Ballista deletes the files and tells nobody.
async fn sweep_blocks() {
    loop {
        tokio::time::sleep(BLOCK_SWEEP).await;
        BlockStore::shared().sweep(Path::exists);
    }
}

struct Started {
    executor: Arc<Executor>,
    /// The task service.
    tasks: JoinHandle<Result<(), BallistaError>>,
}

/// Starts the task service and registers with the driver.
async fn start(
    environment: &Environment,
    work_dirs: &WorkDirs,
    flight_port: u16,
    driver: SchedulerGrpcClient<Channel>,
    stop: mpsc::Sender<bool>,
    shutdown: &ShutdownNotifier,
    counted: Arc<Tasks>,
) -> Result<Started, EngineError> {
    // Settings arrive with each task; what is built here is what does not travel: functions and codecs.
    let state = session::new_session_state(&SparkConf::new(), 1, Arc::default())?;
    let registry = Arc::new(session::function_registry(&state));
    drop(state);
    let base_config = session::session_config(&SparkConf::new(), 1)?;
    let (logical_codec, physical_codec) = session::codecs();
    let codec: BallistaCodec<LogicalPlanNode, PhysicalPlanNode> =
        BallistaCodec::new(logical_codec, physical_codec);
    let runtimes = memory::Runtimes::new(environment.memory, environment.cores, work_dirs.spill())?;
    let memory = memory::shared_memory(environment.memory, environment.cores)?;
    BlockStore::shared().open(work_dirs.shuffle(), memory as usize);

    let mut attempt = 1;
    loop {
        let port = task_port(environment).await?;
        let executor = Executor::new(
            registration(environment, flight_port, port),
            &work_dirs.shuffle().to_string_lossy(),
            runtimes.producer(),
            Arc::new({
                let base_config = base_config.clone();
                move || base_config.clone()
            }),
            Arc::clone(&registry),
            Arc::new(LoggingMetricsCollector::default()),
            environment.cores,
            Arc::new(task::TaskEngine::new(environment.executor_id, environment.cores, Arc::clone(&counted))),
        )
        .with_session_runtime_cache(Some(runtimes.cache()));
        let executor = Arc::new(executor);
        let config = ExecutorProcessConfig {
            executor_id: environment.executor_id.to_string(),
            bind_host: environment.host(),
            grpc_max_decoding_message_size: MAX_MESSAGE_SIZE,
            grpc_max_encoding_message_size: MAX_MESSAGE_SIZE,
            executor_heartbeat_interval_seconds: HEARTBEAT_SECONDS,
            ..ExecutorProcessConfig::default()
        };
        let started = executor_server::startup(
            driver.clone(),
            Arc::new(config),
            Arc::clone(&executor),
            codec.clone(),
            stop.clone(),
            shutdown,
            ExecutorHealth::new(),
        )
        .await;
        match started {
            Ok(tasks) => return Ok(Started { executor, tasks }),
            Err(BallistaError::TonicError(error))
                if environment.ports.task == 0 && attempt < PORT_ATTEMPTS =>
            {
                tracing::warn!(port, %error, "the port was taken meanwhile");
                attempt += 1;
            }
            Err(error) => return Err(EngineError::Register(error)),
        }
    }
}

fn registration(environment: &Environment, flight_port: u16, task_port: u16) -> ExecutorRegistration {
    ExecutorRegistration {
        id: environment.executor_id.to_string(),
        host: Some(environment.host()),
        port: u32::from(flight_port),
        grpc_port: u32::from(task_port),
        specification: Some(ExecutorSpecification {
            resources: vec![ExecutorResource { resource: Some(Resource::Vcores(environment.cores as u32)) }],
        }),
        os_info: Some(ExecutorOperatingSystemSpecification::default()),
        ballista_protocol_version: BALLISTA_PROTOCOL_VERSION,
    }
}

async fn listen(environment: &Environment, port: u16) -> Result<(TcpListener, u16), EngineError> {
    let address = SocketAddr::new(environment.address, port);
    let failed = |source| EngineError::Listen { address: address.to_string(), source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let port = listener.local_addr().map_err(failed)?.port();
    Ok((listener, port))
}

/// The port for tasks. Ballista binds it by itself, so a free one is found and let go again.
async fn task_port(environment: &Environment) -> Result<u16, EngineError> {
    match environment.ports.task {
        0 => listen(environment, 0).await.map(|(_, port)| port),
        port => Ok(port),
    }
}

/// Serves shuffle files to other executors and to the driver.
async fn serve_shuffle(
    environment: &Environment,
    work_dir: &Path,
    shutdown: &ShutdownNotifier,
) -> Result<(u16, JoinHandle<()>), EngineError> {
    let (listener, port) = listen(environment, environment.ports.block_manager).await?;
    let service =
        FlightServiceServer::new(BallistaFlightService::new(work_dir.to_string_lossy().into_owned()))
            .max_decoding_message_size(MAX_MESSAGE_SIZE as usize)
            .max_encoding_message_size(MAX_MESSAGE_SIZE as usize);
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let mut end = shutdown.subscribe_for_shutdown();
    let server = tokio::spawn(async move {
        let served = create_grpc_server(&GrpcServerConfig::default())
            .add_service(service)
            .add_service(Control)
            .serve_with_incoming_shutdown(incoming, end.recv())
            .await;
        if let Err(error) = served {
            tracing::error!(%error, "the shuffle service ended");
        }
    });
    Ok((port, server))
}

async fn connect(url: &str) -> Result<SchedulerGrpcClient<Channel>, EngineError> {
    let deadline = Instant::now() + CONNECT_TIMEOUT;
    loop {
        let attempt = async {
            let channel = create_grpc_client_endpoint(url.to_string(), None)?.connect().await?;
            Ok::<_, BallistaError>(
                SchedulerGrpcClient::new(channel)
                    .max_decoding_message_size(MAX_MESSAGE_SIZE as usize)
                    .max_encoding_message_size(MAX_MESSAGE_SIZE as usize),
            )
        };
        match attempt.await {
            Ok(client) => return Ok(client),
            Err(source) if Instant::now() >= deadline => {
                return Err(EngineError::Connect { url: url.to_string(), source });
            }
            Err(error) => tracing::debug!(%error, "the driver does not answer yet"),
        }
        tokio::time::sleep(CONNECT_PAUSE).await;
    }
}

/// Waits until standard input is closed, which the system does when the parent process ends.
async fn parent_gone() {
    let mut stdin = tokio::io::stdin();
    let mut buffer = [0; 64];
    while let Ok(1..) = stdin.read(&mut buffer).await {}
}

/// Takes no more tasks, finishes those that run and goes on serving shuffle files until the driver
/// has had them deleted; all that until the time is up.
async fn drain(executor: &Executor, driver: &mut SchedulerGrpcClient<Channel>, shuffle_dir: &Path) {
    tracing::info!("told to end; finishing tasks");
    let deadline = Instant::now() + DRAIN_TIMEOUT;
    // From here on the periodic heartbeats say it, too.
    TERMINATING.store(true, Ordering::Release);
    let heartbeat = HeartBeatParams {
        executor_id: executor.metadata.id.clone(),
        metrics: vec![],
        status: Some(ExecutorStatus { status: Some(executor_status::Status::Terminating(String::new())) }),
        metadata: Some(executor.metadata.clone()),
    };
    if let Err(status) = driver.heart_beat_from_executor(heartbeat).await {
        tracing::warn!(%status, "the driver could not be told");
    }
    while Instant::now() < deadline && (executor.active_task_count() > 0 || has_entries(shuffle_dir)) {
        tokio::time::sleep(DRAIN_POLL).await;
    }
}

fn has_entries(dir: &Path) -> bool {
    std::fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some())
}

/// This executor's directories within the local directories, deleted at its end, and where its shuffle files
/// go: into one of them, or into a directory that is not its own.
struct WorkDirs {
    dirs: Vec<PathBuf>,
    shuffle: PathBuf,
    spill: Vec<PathBuf>,
}

impl WorkDirs {
    fn create(environment: &Environment) -> Result<Self, EngineError> {
        let name = format!("executor-{}-{}", environment.application_id, environment.executor_id);
        let dirs: Vec<PathBuf> = environment.local_dirs.iter().map(|dir| dir.join(&name)).collect();
        let spill: Vec<PathBuf> = dirs.iter().map(|dir| dir.join("spill")).collect();
        let own = || dirs.first().map(|dir| dir.join("shuffle")).unwrap_or_default();
        let shuffle = environment.shuffle_dir.clone().unwrap_or_else(own);
        for path in spill.iter().chain([&shuffle]) {
            std::fs::create_dir_all(path)
                .map_err(|source| EngineError::WorkDir { path: path.clone(), source })?;
        }
        Ok(Self { dirs, shuffle, spill })
    }

    fn shuffle(&self) -> &Path {
        &self.shuffle
    }

    fn spill(&self) -> &[PathBuf] {
        &self.spill
    }
}

impl Drop for WorkDirs {
    fn drop(&mut self) {
        for dir in &self.dirs {
            if let Err(error) = std::fs::remove_dir_all(dir) {
                tracing::debug!(dir = %dir.display(), %error, "the work directory stays");
            }
        }
    }
}
