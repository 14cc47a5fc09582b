//! `cache()` and `persist()`: results of plans that stay on the executors and serve later queries.
//!
//! A cached plan is run as a job of its own when a query first needs it. Its partitions stay where they
//! were computed, as Arrow files in the executors' local directories, that is in the page cache as long as
//! memory reaches; queries read them in place of the plan. When an executor with such partitions is lost,
//! the plan is run again at the next need.

mod table;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cerium_spark::identity::same_result;
use datafusion::common::Column;
use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::datasource::provider_as_source;
use datafusion::error::DataFusionError;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};

use self::table::CachedTable;
use crate::driver::{Driver, ExecuteError};
use crate::scheduler::{JobOutput, JobWatch};

/// Where Spark is asked to keep a cached plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StorageLevel {
    /// On disk, too.
    pub use_disk: bool,
    /// In memory.
    pub use_memory: bool,
    /// Outside of the JVM's heap.
    pub use_off_heap: bool,
    /// As objects, not as bytes.
    pub deserialized: bool,
    /// Copies of each partition.
    pub replication: i32,
}

impl StorageLevel {
    /// What `cache()` means: MEMORY_AND_DISK_DESER.
    pub const DEFAULT: Self =
        Self { use_disk: true, use_memory: true, use_off_heap: false, deserialized: true, replication: 1 };
}

/// The cached plans of an application.
#[derive(Default)]
pub struct Cache {
    entries: Mutex<Vec<Arc<Entry>>>,
}

struct Entry {
    plan: LogicalPlan,
    level: StorageLevel,
    blocks: tokio::sync::Mutex<Option<Arc<Blocks>>>,
}

/// The partitions of a cached plan. Dropping it deletes them.
pub struct Blocks {
    output: JobOutput,
    table: Arc<CachedTable>,
}

impl Blocks {
    /// The executors that hold partitions.
    pub fn holders(&self) -> BTreeSet<String> {
        self.output.partitions.iter().map(|partition| partition.executor_meta.id.clone()).collect()
    }
}

impl Cache {
    fn entries(&self) -> MutexGuard<'_, Vec<Arc<Entry>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, plan: &LogicalPlan) -> Result<Option<Arc<Entry>>, DataFusionError> {
        for entry in self.entries().iter() {
            if same_result(&entry.plan, plan)? {
                return Ok(Some(Arc::clone(entry)));
            }
        }
        Ok(None)
    }

    /// Marks a plan to be kept. A plan that is cached already stays as it is, as in Spark.
    pub fn persist(&self, plan: &LogicalPlan, level: StorageLevel) -> Result<(), DataFusionError> {
        if self.find(plan)?.is_some() {
            tracing::warn!("asked to cache already cached data");
            return Ok(());
        }
        let entry = Entry { plan: plan.clone(), level, blocks: tokio::sync::Mutex::default() };
        self.entries().push(Arc::new(entry));
        Ok(())
    }

    /// Forgets a plan and everything that was computed with it, as Spark does; what is kept of it is deleted.
    pub fn unpersist(&self, plan: &LogicalPlan) -> Result<(), DataFusionError> {
        let mut error = None;
        self.entries().retain(|entry| match contains(&entry.plan, plan) {
            Ok(found) => !found,
            Err(failed) => {
                error = Some(failed);
                true
            }
        });
        error.map_or(Ok(()), Err)
    }

    /// The level a plan is kept at, if it is.
    pub fn storage_level(&self, plan: &LogicalPlan) -> Result<Option<StorageLevel>, DataFusionError> {
        Ok(self.find(plan)?.map(|entry| entry.level))
    }

    /// Forgets all plans.
    pub fn clear(&self) {
        self.entries().clear();
    }
}

/// Whether `inner` is `plan` or a part of it.
fn contains(plan: &LogicalPlan, inner: &LogicalPlan) -> Result<bool, DataFusionError> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        found = same_result(node, inner)?;
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

/// A plan with its cached parts replaced by scans of what is kept.
pub struct Prepared {
    /// The plan to run.
    pub plan: LogicalPlan,
    /// What it reads; to be held while it runs.
    pub blocks: Vec<Arc<Blocks>>,
}

impl Driver {
    /// Replaces the cached parts of a plan, computing those that are not there yet.
    pub(crate) async fn prepare(
        &self,
        session: &SessionState,
        plan: &LogicalPlan,
    ) -> Result<Prepared, ExecuteError> {
        if self.cache().entries().is_empty() {
            return Ok(Prepared { plan: plan.clone(), blocks: vec![] });
        }
        let mut used: Vec<Arc<Entry>> = Vec::new();
        plan.apply_with_subqueries(|node| {
            Ok(match self.cache().find(node)? {
                Some(entry) => {
                    used.push(entry);
                    TreeNodeRecursion::Jump
                }
                None => TreeNodeRecursion::Continue,
            })
        })?;
        let mut blocks = Vec::new();
        for entry in &used {
            blocks.push(Box::pin(self.blocks_of(session, entry)).await?);
        }
        let replaced = plan.clone().transform_down_with_subqueries(|node| {
            for (entry, blocks) in used.iter().zip(&blocks) {
                if same_result(&entry.plan, &node)? {
                    let scan = scan(&node, blocks)?;
                    return Ok(Transformed::new(scan, true, TreeNodeRecursion::Jump));
                }
            }
            Ok(Transformed::no(node))
        })?;
        Ok(Prepared { plan: replaced.data, blocks })
    }

    /// The partitions of a cached plan, computed if they are not there or no longer.
    async fn blocks_of(&self, session: &SessionState, entry: &Entry) -> Result<Arc<Blocks>, ExecuteError> {
        let mut kept = entry.blocks.lock().await;
        if let Some(blocks) = kept.as_ref()
            && self.scheduler().has_all(&blocks.holders())
        {
            return Ok(Arc::clone(blocks));
        }
        *kept = None;
        // Parts of it may be cached themselves.
        let mut inputs = Vec::new();
        for input in entry.plan.inputs() {
            inputs.push(self.prepare(session, input).await?);
        }
        let (plans, held): (Vec<_>, Vec<_>) = inputs.into_iter().map(|p| (p.plan, p.blocks)).unzip();
        let plan = entry.plan.with_new_exprs(entry.plan.expressions(), plans)?;
        let physical = session.create_physical_plan(&numbered(plan)?).await?;
        let schema = physical.schema();
        let output = self.run_job(session, physical, "cache", &JobWatch::default(), &held.concat()).await?;
        let table = Arc::new(CachedTable::new(schema, &output.partitions));
        let blocks = Arc::new(Blocks { output, table });
        *kept = Some(Arc::clone(&blocks));
        Ok(blocks)
    }
}

fn number(index: usize) -> String {
    format!("c{index}")
}

/// A plan whose columns have numbers for names: those of a query may share one.
fn numbered(plan: LogicalPlan) -> Result<LogicalPlan, DataFusionError> {
    let columns: Vec<Expr> = plan
        .schema()
        .columns()
        .into_iter()
        .enumerate()
        .map(|(index, column)| Expr::Column(column).alias(number(index)))
        .collect();
    LogicalPlanBuilder::from(plan).project(columns)?.build()
}

/// A scan with the columns of the plan it replaces.
fn scan(plan: &LogicalPlan, blocks: &Blocks) -> Result<LogicalPlan, DataFusionError> {
    let table = Arc::clone(&blocks.table);
    let scan = LogicalPlanBuilder::scan("cached", provider_as_source(table), None)?;
    let columns: Vec<Expr> = plan
        .schema()
        .columns()
        .into_iter()
        .enumerate()
        .map(|(index, Column { relation, name, .. })| {
            let kept = Expr::Column(Column::new(Some("cached"), number(index)));
            kept.alias_qualified(relation, name)
        })
        .collect();
    scan.project(columns)?.build()
}
