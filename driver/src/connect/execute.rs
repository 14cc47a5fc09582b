//! Carrying out one plan: rows, commands and progress, as responses of an operation.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use cerium_conf::keys;
use cerium_spark::connect::{self, CommandOutcome, ConnectPlan, Environment, Observations, QueryRunner};
use cerium_spark::error::SparkError;
use cerium_spark::session::cache::StorageLevel;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::default_table_source::provider_as_source;
use datafusion::datasource::MemTable;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use futures::FutureExt;
use spark_connect_proto as proto;
use spark_connect_proto::command::CommandType;
use spark_connect_proto::execute_plan_response::{
    ExecutionProgress, ResponseType, SqlCommandResult, execution_progress,
};

use super::arrow::{Encoder, Style};
use super::describe::describe;
use super::error::{Failure, handle};
use super::operation::Operation;
use super::plan::{Asked, unpack};
use super::session::Session;
use super::sessions::Sessions;
use super::{context, extension, observe};
use crate::cache::checkpoint::Checkpoint;
use crate::driver::{Driver, ExecuteError};
use crate::scheduler::{JobWatch, StageState};
use crate::write;

/// Name of the columns of a checkpoint's table; nobody sees it.
const CHECKPOINT: &str = "checkpoint";

/// Runs the plans that planning asks for.
pub struct Runner<'a> {
    driver: &'a Driver,
    description: &'a str,
    watch: JobWatch,
    /// What went wrong, where Spark's errors cannot say it.
    failure: Mutex<Option<Failure>>,
}

impl<'a> Runner<'a> {
    /// A runner for one request; `description` names its jobs.
    pub fn new(driver: &'a Driver, description: &'a str) -> Self {
        Self { driver, description, watch: JobWatch::default(), failure: Mutex::default() }
    }

    /// The same for jobs with these tags.
    #[must_use]
    pub fn tagged(self, tags: &[String]) -> Self {
        Self { watch: JobWatch::tagged(tags), ..self }
    }

    /// The failure behind an error that came through planning.
    pub fn failure(&self, error: SparkError) -> Failure {
        let kept = self.failure.lock().unwrap_or_else(PoisonError::into_inner).take();
        kept.unwrap_or_else(|| error.into())
    }
}

#[async_trait]
impl QueryRunner for Runner<'_> {
    async fn collect(&self, state: &SessionState, plan: LogicalPlan) -> Result<Vec<RecordBatch>, SparkError> {
        let result = self.driver.execute_watched(state, &plan, self.description, &self.watch).await;
        match result {
            Ok(result) => Ok(result.batches),
            Err(ExecuteError::Plan(error)) => Err(error.into()),
            Err(error) => {
                let failure = Failure::from(error);
                let told = failure.spark_error().cloned();
                let told = told.unwrap_or_else(|| SparkError::internal(failure.message()));
                *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
                Err(told)
            }
        }
    }
}

/// What an execution may do and how its results are to look.
pub struct Execution {
    /// All sessions, for the engine and the limits.
    pub sessions: Arc<Sessions>,
    /// The session it runs in.
    pub session: Arc<Session>,
    /// Where its responses go.
    pub operation: Arc<Operation>,
    /// The size of the chunks its batches may be split into.
    pub chunk: Option<usize>,
}

impl Execution {
    /// Carries the plan out, to its end or until it is interrupted.
    pub async fn run(self) {
        let work = AssertUnwindSafe(self.work()).catch_unwind();
        let outcome = tokio::select! {
            outcome = work => outcome.unwrap_or_else(|panic| Err(panicked(panic.as_ref()))),
            () = self.operation.interrupted() => Err(handle::operation_canceled()),
        };
        self.operation.finish(outcome.map_err(|failure| self.session.status(&failure)));
        self.session.touch();
        if !self.operation.is_reattachable() {
            self.session.release(&self.operation.id);
        }
    }

    async fn work(&self) -> Result<(), Failure> {
        let driver = &self.sessions.driver;
        let limit = driver.conf().get(&keys::CONNECT_MAX_PLAN_SIZE)?.bytes().max(0) as u64;
        let asked = unpack(self.operation.plan.clone(), limit)?;
        let description = describe(&asked);
        let runner = Runner::new(driver, &description).tagged(self.operation.tags());
        let work = async {
            let outcome = match asked {
                Asked::Relation(relation) => self.relation(&runner, &relation, None).await,
                Asked::Command(command) => self.command(&runner, &command).await,
            };
            self.accumulate(&runner.watch).await;
            outcome
        };
        tokio::select! {
            outcome = work => outcome,
            never = self.report_progress(&runner.watch) => match never {},
        }
    }

    fn environment<'a>(&'a self, runner: &'a Runner<'_>) -> Environment<'a> {
        Environment { session: &self.session.spark, runner, artifacts: self.session.as_ref() }
    }

    /// Sends the rows of a relation; where there is a `keep`, those of these partitions.
    async fn relation(
        &self,
        runner: &Runner<'_>,
        relation: &proto::Relation,
        keep: Option<&[usize]>,
    ) -> Result<(), Failure> {
        let env = self.environment(runner);
        let planned = connect::observed_relation(&env, relation).await;
        let (planned, observations) = planned.map_err(|error| runner.failure(error))?;
        match planned {
            ConnectPlan::Local(batches, schema) => {
                let kept = keep.is_none_or(|keep| keep.contains(&0));
                self.send(&schema, &schema, if kept { batches } else { Vec::new() }).await?;
            }
            ConnectPlan::Query(plan) => {
                let state = self.session.spark.state()?;
                let result = self
                    .sessions
                    .driver
                    .execute_partitions(&state, &plan, keep, runner.description, &runner.watch)
                    .await?;
                let planned = Arc::clone(plan.schema().inner());
                self.send(&planned, &result.schema, result.batches).await?;
            }
        }
        self.observe(runner, observations).await
    }

    /// Tells the client what was observed.
    async fn observe(&self, runner: &Runner<'_>, observations: Observations) -> Result<(), Failure> {
        if observations.is_empty() {
            return Ok(());
        }
        let state = self.session.spark.state()?;
        let driver = &self.sessions.driver;
        let id = &self.operation.id;
        let metrics = observe::metrics(driver, &state, observations, id, &runner.watch).await?;
        self.operation.observed(metrics).await;
        Ok(())
    }

    /// Sends rows; `planned` is the schema that the client is told, `schema` that of the batches.
    async fn send(
        &self,
        planned: &Schema,
        schema: &SchemaRef,
        batches: Vec<RecordBatch>,
    ) -> Result<(), Failure> {
        let spark = &self.session.spark;
        let large = spark.get("spark.sql.execution.arrow.useLargeVarTypes")?;
        let style = Style {
            time_zone: spark.time_zone()?,
            large_types: large.is_some_and(|value| value.eq_ignore_ascii_case("true")),
            chunk: self.chunk,
        };
        let mut told = Some(connect::data_type::schema_to_proto(planned));
        let mut encoder = Encoder::new(schema, batches, style);
        while let Some(batch) = encoder.next().map_err(SparkError::internal)? {
            self.operation.respond(Some(ResponseType::ArrowBatch(batch)), told.take()).await;
        }
        Ok(())
    }

    /// Tells the client what jobs have added to accumulators.
    async fn accumulate(&self, watch: &JobWatch) {
        let updates = watch.take_accumulators();
        for part in observe::accumulators(updates) {
            self.operation.observed(vec![part]).await;
        }
    }

    async fn command(&self, runner: &Runner<'_>, command: &proto::Command) -> Result<(), Failure> {
        if let Some(CommandType::Extension(extension)) = &command.command_type
            && let Some(asked) = extension::parse(extension)?
        {
            return self.extension(runner, asked).await;
        }
        let env = self.environment(runner);
        let outcome = connect::command(&env, command).await.map_err(|error| runner.failure(error))?;
        match outcome {
            CommandOutcome::Done => {}
            CommandOutcome::Write(write) => {
                let driver = &self.sessions.driver;
                let spark = &self.session.spark;
                // Before the write, which may replace what is observed.
                let observed = connect::observed_in_write(&env, command).await;
                self.observe(runner, observed.map_err(|error| runner.failure(error))?).await?;
                write::run(driver, spark, *write, runner.description, &runner.watch).await?;
            }
            CommandOutcome::Rows(relation) => {
                let result = SqlCommandResult { relation: Some(*relation) };
                self.operation.respond(Some(ResponseType::SqlCommandResult(result)), None).await;
            }
            CommandOutcome::Checkpoint { plan, eager, local } => {
                let plan = self.checkpoint(runner, plan, eager, local).await?;
                let id = self.session.add_checkpoint(plan);
                let relation = proto::CachedRemoteRelation { relation_id: id };
                let result = proto::CheckpointCommandResult { relation: Some(relation) };
                self.operation.respond(Some(ResponseType::CheckpointCommandResult(result)), None).await;
            }
            CommandOutcome::Forget(id) => self.session.remove_checkpoint(&id),
            CommandOutcome::Resources => {
                let result = proto::GetResourcesCommandResult::default();
                self.operation.respond(Some(ResponseType::GetResourcesCommandResult(result)), None).await;
            }
        }
        Ok(())
    }

    /// Answers what Cerium's add-on asks.
    async fn extension(&self, runner: &Runner<'_>, asked: extension::Asked) -> Result<(), Failure> {
        let driver = &self.sessions.driver;
        let answer = match asked {
            extension::Asked::SetLogLevel(level) => {
                driver.control().set_log_level(level).await;
                context::Answer::new()
            }
            extension::Asked::ExecutorMemoryStatus => context::executor_memory_status(driver).await?,
            extension::Asked::Application => context::application(driver, &self.session.spark.conf())?,
            extension::Asked::Partitions(plan) => {
                let count = self.partition_count(runner, plan).await?;
                [("partitions".to_owned(), count.into())].into_iter().collect()
            }
            extension::Asked::CollectPartitions(plan, keep) => {
                let rows = self.relation(runner, &self.unpacked(plan)?, keep.as_deref()).await;
                return rows.map_err(Failure::of_job);
            }
            extension::Asked::Status(group) => {
                context::status(&driver.scheduler().report().await, group.as_deref())
            }
            extension::Asked::UnpersistBroadcast(content) => {
                driver.control().forget_broadcast(&content).await;
                context::Answer::new()
            }
            extension::Asked::DestroyBroadcast(content) => {
                self.session.destroy_broadcast(driver.files(), &content);
                driver.control().forget_broadcast(&content).await;
                context::Answer::new()
            }
        };
        self.operation.respond(Some(ResponseType::Extension(extension::answer(answer))), None).await;
        Ok(())
    }

    fn unpacked(&self, plan: proto::Plan) -> Result<proto::Relation, Failure> {
        let limit = self.sessions.driver.conf().get(&keys::CONNECT_MAX_PLAN_SIZE)?.bytes().max(0) as u64;
        match unpack(plan, limit)? {
            Asked::Relation(relation) => Ok(relation),
            Asked::Command(_) => Err(handle::missing("a relation")),
        }
    }

    async fn partition_count(&self, runner: &Runner<'_>, plan: proto::Plan) -> Result<usize, Failure> {
        let relation = self.unpacked(plan)?;
        let planned = connect::relation(&self.environment(runner), &relation).await;
        match planned.map_err(|error| runner.failure(error))? {
            ConnectPlan::Local(..) => Ok(1),
            ConnectPlan::Query(plan) => {
                let state = self.session.spark.state()?;
                Ok(self.sessions.driver.partition_count(&state, &plan).await?)
            }
        }
    }

    /// A plan that reads the rows another one has, now if it is `eager`, else at its first use.
    async fn checkpoint(
        &self,
        runner: &Runner<'_>,
        plan: LogicalPlan,
        eager: bool,
        local: Option<StorageLevel>,
    ) -> Result<LogicalPlan, Failure> {
        let Some(level) = local.or((!eager).then_some(StorageLevel::DEFAULT)) else {
            return self.materialised(runner, plan).await;
        };
        let checkpoint = Checkpoint::of(plan, level).map_err(ExecuteError::from)?;
        if eager {
            let state = self.session.spark.state()?;
            self.sessions.driver.prepare(&state, &checkpoint, &runner.watch).await?;
        }
        Ok(checkpoint)
    }

    /// A plan that reads the rows another one has now, which the driver keeps.
    async fn materialised(&self, runner: &Runner<'_>, plan: LogicalPlan) -> Result<LogicalPlan, Failure> {
        let state = self.session.spark.state()?;
        let driver = &self.sessions.driver;
        let result = driver.execute_watched(&state, &plan, runner.description, &runner.watch).await?;
        let table = MemTable::try_new(result.schema, vec![result.batches])?;
        Ok(LogicalPlanBuilder::scan(CHECKPOINT, provider_as_source(Arc::new(table)), None)?.build()?)
    }

    /// Tells the client from time to time how far its jobs are, as long as that changes.
    async fn report_progress(&self, watch: &JobWatch) -> std::convert::Infallible {
        let Some(interval) = self.sessions.limits.progress else { return std::future::pending().await };
        let mut told = ExecutionProgress::default();
        loop {
            tokio::time::sleep(interval).await;
            let stages = self.sessions.driver.scheduler().progress(watch).await;
            let progress = ExecutionProgress {
                num_inflight_tasks: stages.iter().map(|stage| stage.running as i64).sum(),
                stages: stages
                    .into_iter()
                    .map(|stage| execution_progress::StageInfo {
                        stage_id: stage.id as i64,
                        num_tasks: stage.tasks as i64,
                        num_completed_tasks: stage.completed as i64,
                        input_bytes_read: stage.input_bytes as i64,
                        done: stage.state == StageState::Complete,
                    })
                    .collect(),
            };
            if progress != told {
                told = progress.clone();
                self.operation.respond(Some(ResponseType::ExecutionProgress(progress)), None).await;
            }
        }
    }
}

/// The failure of code that should not have panicked.
pub fn panicked(panic: &(dyn std::any::Any + Send)) -> Failure {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "unknown cause".to_owned());
    tracing::error!("a request panicked: {text}");
    SparkError::internal(text).into()
}
