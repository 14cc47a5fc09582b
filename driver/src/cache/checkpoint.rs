//! Local checkpoints: plans that others read as a table, computed when one first needs it.
//!
//! A checkpoint hides what it is computed from, so that plans of loops do not grow with each round, and it
//! keeps what it has read although its source may change. Its rows stay on the executors like those of a
//! cached plan; where they are lost with an executor, they are computed again.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use cerium_spark::identity::Identity;
use cerium_spark::session::cache::StorageLevel;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::default_table_source::source_as_provider;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::provider_as_source;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, TableType};
use datafusion::physical_plan::ExecutionPlan;

use super::Entry;
use super::table::projected;

/// Name of the table; nobody sees it.
const NAME: &str = "checkpoint";

/// A table of what a plan computes.
pub struct Checkpoint {
    plan: LogicalPlan,
    schema: SchemaRef,
    entry: Arc<Entry>,
}

impl Checkpoint {
    /// A plan that reads the rows of another one from the executors, at this storage level.
    ///
    /// # Errors
    /// Where the plan does not hold together.
    pub fn of(plan: LogicalPlan, level: StorageLevel) -> Result<LogicalPlan> {
        let entry = Arc::new(Entry::new(Identity::of(&plan)?, level));
        let schema = Arc::clone(plan.schema().inner());
        let table = Arc::new(Self { plan, schema, entry });
        LogicalPlanBuilder::scan(NAME, provider_as_source(table), None)?.build()
    }

    /// Whether a plan reads a checkpoint.
    pub(super) fn is_in(plan: &LogicalPlan) -> Result<bool> {
        let mut found = false;
        plan.apply_with_subqueries(|node| {
            found |= read_by(node).is_some();
            Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        })?;
        Ok(found)
    }

    /// What it computes.
    pub(super) fn plan(&self) -> &LogicalPlan {
        &self.plan
    }
}

/// The checkpoint that a node reads, if it is such a scan.
fn read_by(node: &LogicalPlan) -> Option<Arc<dyn TableProvider>> {
    let LogicalPlan::TableScan(scan) = node else { return None };
    source_as_provider(&scan.source).ok().filter(|table| table.is::<Checkpoint>())
}

/// What a scan of a checkpoint is kept as.
pub(super) fn entry(node: &LogicalPlan) -> Option<Arc<Entry>> {
    Some(Arc::clone(&read_by(node)?.downcast_ref::<Checkpoint>()?.entry))
}

/// What the checkpoint computes that a node reads.
pub(super) fn behind(node: &LogicalPlan) -> Option<LogicalPlan> {
    Some(read_by(node)?.downcast_ref::<Checkpoint>()?.plan().clone())
}

impl fmt::Debug for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checkpoint").field("schema", &self.schema).finish_non_exhaustive()
    }
}

#[async_trait]
impl TableProvider for Checkpoint {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    /// For plans that are only looked at: the driver replaces the scans of those that it runs.
    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = match self.entry.table().await {
            Some(table) => table.scan(state, None, &[], None).await?,
            None => state.create_physical_plan(&self.plan).await?,
        };
        projected(plan, &self.schema, projection)
    }
}
