//! `cache()` and `persist()`: results of plans that stay on the executors and serve later queries.
//!
//! A cached plan is run as a job of its own when a query first needs it. Its partitions stay where they
//! were computed, as Arrow files in the executors' local directories; queries read them in place of the
//! plan. If the storage level says so, executors also keep what they read of their own files in memory
//! (`cerium_engine::blocks`). When an executor with such partitions is lost, the plan is run again at the
//! next need.

pub mod checkpoint;
mod table;

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cerium_spark::identity::{self, Identity};
use cerium_spark::session::cache::{PlanCache, StorageLevel};
use cerium_spark::source::table::FileTable;
use datafusion::common::Column;
use datafusion::datasource::provider_as_source;
use datafusion::error::DataFusionError;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};

use self::checkpoint::Checkpoint;
use self::table::CachedTable;
use crate::driver::{Driver, ExecuteError};
use crate::scheduler::{JobOutput, JobWatch};

/// The cached plans of an application.
#[derive(Default)]
pub struct Cache {
    entries: Mutex<HashMap<u64, Vec<Arc<Entry>>>>,
}

struct Entry {
    plan: Identity,
    level: StorageLevel,
    blocks: tokio::sync::Mutex<Option<Arc<Blocks>>>,
    /// Its sources have changed since the blocks were computed.
    stale: AtomicBool,
}

impl Entry {
    fn new(plan: Identity, level: StorageLevel) -> Self {
        Self { plan, level, blocks: tokio::sync::Mutex::default(), stale: AtomicBool::default() }
    }

    /// The table of what is kept now.
    async fn table(&self) -> Option<Arc<CachedTable>> {
        self.blocks.lock().await.as_ref().map(|blocks| Arc::clone(&blocks.table))
    }
}

/// The partitions of a cached plan. Dropping it deletes them.
pub struct Blocks {
    output: JobOutput,
    table: Arc<CachedTable>,
    /// A task could not read one of them.
    lost: AtomicBool,
}

impl Blocks {
    /// The executors that hold partitions.
    pub fn holders(&self) -> BTreeSet<String> {
        self.output.partitions.iter().map(|partition| partition.executor_meta.id.clone()).collect()
    }

    /// Has the plan computed again at the next need.
    pub fn give_up(&self) {
        self.lost.store(true, Ordering::Release);
    }
}

impl Cache {
    fn entries(&self) -> MutexGuard<'_, HashMap<u64, Vec<Arc<Entry>>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes of cached partitions, by the ids of the executors that hold them.
    pub fn sizes(&self) -> HashMap<String, u64> {
        let mut sizes = HashMap::new();
        for entry in self.entries().values().flatten() {
            // What is being computed is not there yet.
            let Ok(kept) = entry.blocks.try_lock() else { continue };
            for partition in kept.iter().flat_map(|blocks| &blocks.output.partitions) {
                let size = partition.partition_stats.num_bytes().unwrap_or(0);
                *sizes.entry(partition.executor_meta.id.clone()).or_default() += size;
            }
        }
        sizes
    }

    fn find(&self, plan: &Identity) -> Option<Arc<Entry>> {
        self.entries().get(&plan.hash())?.iter().find(|entry| entry.plan == *plan).cloned()
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("plans", &self.entries().len()).finish()
    }
}

impl PlanCache for Cache {
    fn persist(&self, plan: Identity, level: StorageLevel) {
        if self.find(&plan).is_some() {
            tracing::warn!("asked to cache already cached data");
            return;
        }
        self.entries().entry(plan.hash()).or_default().push(Arc::new(Entry::new(plan, level)));
    }

    fn unpersist(&self, plan: &Identity, cascade: bool) {
        self.entries().retain(|_, entries| {
            entries.retain(|entry| if cascade { !entry.plan.contains(plan) } else { entry.plan != *plan });
            !entries.is_empty()
        });
    }

    fn level(&self, plan: &Identity) -> Option<StorageLevel> {
        self.find(plan).map(|entry| entry.level)
    }

    fn is_empty(&self) -> bool {
        self.entries().is_empty()
    }

    fn clear(&self) {
        self.entries().clear();
    }

    fn refresh(&self, place: &str) {
        for entry in self.entries().values().flatten() {
            let concerned = entry.plan.files().iter().any(|table| {
                table
                    .downcast_ref::<FileTable>()
                    .is_some_and(|table| table.origin().places.iter().any(|known| overlap(known, place)))
            });
            if concerned {
                entry.stale.store(true, Ordering::Release);
            }
        }
    }
}

/// Whether one of two places lies in the other.
fn overlap(a: &str, b: &str) -> bool {
    let within = |inner: &str, outer: &str| {
        let outer = outer.trim_end_matches('/');
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    within(a, b) || within(b, a)
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
        watch: &JobWatch,
    ) -> Result<Prepared, ExecuteError> {
        if self.cache().is_empty() && !Checkpoint::is_in(plan)? {
            return Ok(Prepared { plan: plan.clone(), blocks: vec![] });
        }
        let mut used: Vec<(Arc<Entry>, LogicalPlan)> = Vec::new();
        identity::replace(plan.clone(), &mut |identity, node| {
            // A checkpoint may be cached, too: it is kept once.
            let entry = self.cache().find(identity).or_else(|| checkpoint::entry(node));
            Ok(entry.map(|entry| {
                used.push((entry, node.clone()));
                node.clone()
            }))
        })?;
        let mut blocks = Vec::new();
        for (entry, node) in &used {
            blocks.push(Box::pin(self.blocks_of(session, entry, node, watch)).await?);
        }
        let mut found = blocks.iter().zip(&used);
        let plan = identity::replace(plan.clone(), &mut |identity, node| {
            if is_next(identity, node, found.clone().next()) {
                return found.next().map(|(blocks, _)| scan(node, blocks)).transpose();
            }
            Ok(None)
        })?;
        Ok(Prepared { plan, blocks })
    }

    /// The partitions of a cached plan, computed if they are not there or no longer; `plan` is its latest
    /// form, which knows the files of today.
    async fn blocks_of(
        &self,
        session: &SessionState,
        entry: &Entry,
        plan: &LogicalPlan,
        watch: &JobWatch,
    ) -> Result<Arc<Blocks>, ExecuteError> {
        let mut kept = entry.blocks.lock().await;
        let stale = entry.stale.swap(false, Ordering::AcqRel);
        if let Some(blocks) = kept.as_ref()
            && !stale
            && !blocks.lost.load(Ordering::Acquire)
            && self.scheduler().has_all(&blocks.holders())
        {
            return Ok(Arc::clone(blocks));
        }
        *kept = None;
        // Parts of it may be cached themselves, but what only has other names is this entry again.
        let plan = identity::below_names(plan)?;
        let (plan, held) = match checkpoint::behind(plan) {
            Some(behind) => {
                let Prepared { plan, blocks } = self.prepare(session, &behind, watch).await?;
                (plan, vec![blocks])
            }
            None => {
                let mut inputs = Vec::new();
                for input in plan.inputs() {
                    inputs.push(self.prepare(session, input, watch).await?);
                }
                let (plans, held): (Vec<_>, Vec<_>) = inputs.into_iter().map(|p| (p.plan, p.blocks)).unzip();
                (plan.with_new_exprs(plan.expressions(), plans)?, held)
            }
        };
        let plan = self.bounded(session, plan).await?;
        let physical = session.create_physical_plan(&numbered(plan)?).await?;
        let schema = physical.schema();
        let mut output = self.run_job(session, physical, "cache", watch, &held.concat()).await?;
        watch.accumulate(&mut output);
        let table = Arc::new(CachedTable::new(schema, entry.level, &output.partitions));
        let blocks = Arc::new(Blocks { output, table, lost: AtomicBool::default() });
        *kept = Some(Arc::clone(&blocks));
        Ok(blocks)
    }
}

/// Whether a node, of this identity, is the one that is cached and comes next.
fn is_next<B>(
    identity: &Identity,
    node: &LogicalPlan,
    next: Option<(B, &(Arc<Entry>, LogicalPlan))>,
) -> bool {
    next.is_some_and(|(_, (entry, _))| {
        entry.plan == *identity || checkpoint::entry(node).is_some_and(|own| Arc::ptr_eq(&own, entry))
    })
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
