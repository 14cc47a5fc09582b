//! The engine of one application: scheduler, executors and the way of a plan to its rows.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use cerium_conf::{ConfError, SparkConf, keys};
use cerium_engine::layout::exec::in_order;
use cerium_engine::object_stores::ObjectStores;
use cerium_engine::partition::kept::KeptPartitionsExec;
use cerium_engine::repartition::RepartitionNode;
use cerium_engine::result_limit::ResultLimitExec;
use cerium_engine::session;
use cerium_spark::catalog::SharedViews;
use cerium_spark::layout::LayoutNode;
use cerium_spark::session::SparkSession;
use cerium_spark::session::cache::PlanCache;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::default_table_source::source_as_provider;
use datafusion::catalog::information_schema::INFORMATION_SCHEMA;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::MemTable;
use datafusion::error::DataFusionError;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{LogicalPlan, TableScan};
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, collect_partitioned};
use datafusion::prelude::SessionContext;
use jiff::Timestamp;

use crate::allocation::{Allocation, TooManyFailures};
use crate::cache::{Blocks, Cache, Prepared};
use crate::control::Control;
use crate::executors::ExecutorProvider;
use crate::files::{Files, FilesError};
use crate::parallelism::parallelism;
use crate::reporting::Reporting;
use crate::results::{self, ResultError};
use crate::scheduler::{JobError, JobOutput, JobWatch, Scheduler, SchedulerError};
use crate::session::SessionEngine;
use crate::settings;

/// Times a job is run when executors that hold its result are lost before it was fetched.
const RESULT_ATTEMPTS: u32 = 3;

/// Why the engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A configuration value is malformed or contradicts another.
    #[error(transparent)]
    Conf(#[from] ConfError),
    /// The scheduler did not start.
    #[error(transparent)]
    Scheduler(#[from] SchedulerError),
    /// Files cannot be handed out.
    #[error(transparent)]
    Files(#[from] FilesError),
}

/// Why a plan gave no result.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// The plan could not be made physical, or failed in the driver.
    #[error(transparent)]
    Plan(#[from] DataFusionError),
    /// The job failed.
    #[error(transparent)]
    Job(#[from] JobError),
    /// The result is too large, or its executors were lost again and again.
    #[error(transparent)]
    Result(#[from] ResultError),
    /// There are no executors to be had.
    #[error(transparent)]
    Executors(#[from] TooManyFailures),
    /// A configuration value is malformed.
    #[error(transparent)]
    Conf(#[from] ConfError),
    /// An executor with cached partitions that the job reads was lost, or a task cannot read them.
    #[error("cached data was lost while it was read")]
    CacheLost,
}

/// The rows of a plan.
#[derive(Debug, Clone)]
pub struct JobResult {
    /// Their columns, also where there are no rows.
    pub schema: SchemaRef,
    /// The rows, in the order of the plan.
    pub batches: Vec<RecordBatch>,
}

/// The engine of one application.
pub struct Driver {
    conf: RwLock<SparkConf>,
    /// Whether a job has been submitted; the executors' settings are final then.
    used: Mutex<bool>,
    scheduler: Scheduler,
    allocation: Allocation,
    reporting: Reporting,
    provider: Arc<dyn ExecutorProvider>,
    cache: Arc<Cache>,
    files: Files,
    control: Control,
    started: Timestamp,
    ui_url: OnceLock<String>,
}

impl Driver {
    /// Starts the scheduler, listening for executors on `host`, and asks `provider` for the first
    /// executors. Does not wait for them.
    pub async fn start(
        mut conf: SparkConf,
        provider: Arc<dyn ExecutorProvider>,
        host: &str,
    ) -> Result<Self, StartError> {
        provider.set_defaults(&mut conf);
        parallelism(&conf)?;
        let scheduler = Scheduler::start(&conf, host).await?;
        let files = Files::start(&conf, host).await?;
        let allocation = Allocation::start(&conf, scheduler.clone(), Arc::clone(&provider))?;
        let reporting = Reporting::start(scheduler.clone(), Arc::clone(&provider));
        let control = Control::start(scheduler.clone());
        Ok(Self {
            conf: RwLock::new(conf),
            used: Mutex::new(false),
            scheduler,
            allocation,
            reporting,
            provider,
            cache: Arc::default(),
            files,
            control,
            started: Timestamp::now(),
            ui_url: OnceLock::new(),
        })
    }

    /// A session of the application that shares `views` with its others. Executors know its functions and
    /// get its settings with each task.
    pub fn session(&self, views: Arc<SharedViews>) -> Result<SparkSession, DataFusionError> {
        let conf = self.conf();
        let stores = Arc::new(ObjectStores::new(conf.clone()));
        let parallelism = parallelism(&conf).map_err(|error| DataFusionError::External(Box::new(error)))?;
        let state = session::new_session_state(&conf, parallelism, Arc::clone(&stores))?;
        let session = SparkSession::in_application(state, conf, views);
        let session = session.with_cache(Arc::clone(&self.cache) as Arc<dyn PlanCache>);
        Ok(session.on(Arc::new(SessionEngine::new(stores))))
    }

    /// The application's configuration.
    pub fn conf(&self) -> SparkConf {
        self.conf.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn used(&self) -> MutexGuard<'_, bool> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces settings of the application, and its executors where they were made with others, unless a
    /// job has run: then nothing is changed and the answer is false.
    ///
    /// # Errors
    /// A value that cannot be read, or that contradicts another; nothing has changed then.
    pub fn reconfigure(&self, settings: &[(String, String)]) -> Result<bool, ConfError> {
        let used = self.used();
        if *used {
            return Ok(false);
        }
        let mut conf = self.conf();
        let mut others = false;
        for (key, value) in settings {
            others |= settings::is_of_executors(key) && conf.get_str(key) != Some(value);
            conf.set(key, value);
        }
        parallelism(&conf)?;
        conf.get(&keys::DRIVER_MAX_RESULT_SIZE)?;
        if others {
            self.provider.reconfigure(&conf)?;
            self.allocation.restart(&conf)?;
        }
        *self.conf.write().unwrap_or_else(PoisonError::into_inner) = conf;
        drop(used);
        Ok(true)
    }

    /// The scheduler, for what shows its state.
    pub fn scheduler(&self) -> &Scheduler {
        &self.scheduler
    }

    /// The files that executors may fetch.
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// Tells executors what concerns all of them.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// When the application started.
    pub fn started(&self) -> Timestamp {
        self.started
    }

    /// Where the web UI is, if there is one.
    pub fn ui_url(&self) -> Option<&str> {
        self.ui_url.get().map(String::as_str)
    }

    /// Notes where the web UI is; the first time counts.
    pub(crate) fn set_ui_url(&self, address: SocketAddr) {
        // At all addresses: at that which executors know.
        let everywhere = address.ip().is_unspecified();
        let host = self.files.address();
        let host = host.rsplit_once(':').map_or("", |(host, _)| host);
        self.ui_url.get_or_init(|| match everywhere {
            true => format!("http://{host}:{}", address.port()),
            false => format!("http://{address}"),
        });
    }

    /// How many partitions the rows of a plan come in. Runs nothing but what range partitioning must know.
    pub async fn partition_count(
        &self,
        session: &SessionState,
        plan: &LogicalPlan,
    ) -> Result<usize, ExecuteError> {
        let plan = self.bounded(session, plan.clone()).await?;
        let physical = session.create_physical_plan(&plan).await?;
        Ok(physical.output_partitioning().partition_count())
    }

    /// What the application has cached.
    pub fn cache(&self) -> &Arc<Cache> {
        &self.cache
    }

    /// Runs a plan made in `session` and fetches its rows: in the driver where it reads no data, else
    /// on executors. `description` names the job in logs. Dropping the future cancels the job.
    pub async fn execute(
        &self,
        session: &SessionState,
        plan: &LogicalPlan,
        description: &str,
    ) -> Result<JobResult, ExecuteError> {
        self.execute_watched(session, plan, description, &JobWatch::default()).await
    }

    /// As [`Self::execute`]; by `watch` the scheduler tells how far the job is.
    pub async fn execute_watched(
        &self,
        session: &SessionState,
        plan: &LogicalPlan,
        description: &str,
        watch: &JobWatch,
    ) -> Result<JobResult, ExecuteError> {
        self.execute_partitions(session, plan, None, description, watch).await
    }

    /// As [`Self::execute_watched`]; where there is a `keep`, only these partitions are computed.
    pub async fn execute_partitions(
        &self,
        session: &SessionState,
        plan: &LogicalPlan,
        keep: Option<&[usize]>,
        description: &str,
        watch: &JobWatch,
    ) -> Result<JobResult, ExecuteError> {
        let mut attempt = 1;
        loop {
            match self.attempt(session, plan, keep, description, watch).await {
                Err(error @ (ExecuteError::Result(ResultError::Lost { .. }) | ExecuteError::CacheLost))
                    if attempt < RESULT_ATTEMPTS =>
                {
                    tracing::warn!(attempt, "running the job again: {error}");
                    attempt += 1;
                }
                done => return done,
            }
        }
    }

    async fn attempt(
        &self,
        session: &SessionState,
        plan: &LogicalPlan,
        keep: Option<&[usize]>,
        description: &str,
        watch: &JobWatch,
    ) -> Result<JobResult, ExecuteError> {
        let Prepared { plan, blocks } = self.prepare(session, plan, watch).await?;
        let plan = self.bounded(session, plan).await?;
        let distributed = needs_executors(&plan)?;
        let mut physical = session.create_physical_plan(&plan).await?;
        if let Some(keep) = keep {
            physical = Arc::new(KeptPartitionsExec::over(physical, keep)?);
        }
        let schema = physical.schema();
        if !distributed {
            let batches = collect_partitioned(in_order(physical)?, session.task_ctx()).await?;
            return Ok(JobResult { schema, batches: batches.concat() });
        }
        let max_result_size = self.conf().get(&keys::DRIVER_MAX_RESULT_SIZE)?.bytes().max(0) as u64;
        let limited: Arc<dyn ExecutionPlan> = match max_result_size {
            0 => physical,
            limit => Arc::new(ResultLimitExec::new(physical, limit)),
        };
        let mut output = self.run_job(session, limited, description, watch, &blocks).await?;
        results::check_size(&output.partitions, max_result_size)?;
        let batches = results::fetch(&output.partitions).await?;
        watch.accumulate(&mut output);
        Ok(JobResult { schema, batches })
    }

    /// Runs a physical plan on executors and leaves its result there. `blocks` are the cached partitions
    /// it reads: the job ends early when one of their holders is lost or a task cannot read one.
    pub(crate) async fn run_job(
        &self,
        session: &SessionState,
        plan: Arc<dyn ExecutionPlan>,
        description: &str,
        watch: &JobWatch,
        blocks: &[Arc<Blocks>],
    ) -> Result<JobOutput, ExecuteError> {
        *self.used() = true;
        let context = Arc::new(SessionContext::new_with_state(session.clone()));
        let holders = blocks.iter().flat_map(|blocks| blocks.holders()).collect();
        tokio::select! {
            output = self.scheduler.run(plan, context, description, watch) => match output {
                Err(JobError::Task(failure, _)) if failure.is_of_lost_block() => {
                    tracing::warn!("{failure}");
                    for blocks in blocks {
                        blocks.give_up();
                    }
                    Err(ExecuteError::CacheLost)
                }
                output => Ok(output?),
            },
            failure = self.allocation.failed() => Err(failure.into()),
            () = self.scheduler.lost_one_of(&holders) => Err(ExecuteError::CacheLost),
        }
    }

    /// Ends all executors.
    pub async fn stop(&self) {
        self.cache.clear();
        // First, or lost executors would be replaced.
        self.allocation.stop();
        self.reporting.stop().await;
        self.provider.stop().await;
    }
}

/// Whether a plan reads or writes data outside of the driver. What does not, such as `SELECT 1`, local
/// relations and catalog listings, is quicker done in place.
fn needs_executors(plan: &LogicalPlan) -> Result<bool, DataFusionError> {
    let mut needed = false;
    plan.apply_with_subqueries(|node| {
        needed = match node {
            LogicalPlan::Explain(_) => return Ok(TreeNodeRecursion::Stop),
            LogicalPlan::TableScan(scan) => !is_local(scan),
            LogicalPlan::Extension(extension) => {
                let node = extension.node.as_any();
                !node.is::<LayoutNode>() && !node.is::<RepartitionNode>()
            }
            LogicalPlan::Copy(_) | LogicalPlan::Dml(_) => true,
            _ => false,
        };
        Ok(if needed { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(needed)
}

fn is_local(scan: &TableScan) -> bool {
    scan.table_name.schema() == Some(INFORMATION_SCHEMA)
        || source_as_provider(&scan.source).is_ok_and(|provider| provider.is::<MemTable>())
}
