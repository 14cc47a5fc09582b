//! What is kept in memory, as EXPLAIN shows it.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Column;
use datafusion::datasource::provider_as_source;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, TableType};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, SendableRecordBatchStream,
};

use super::physical::columns;
use crate::identity;
use crate::session::cache::{PlanCache, StorageLevel};
use crate::{no_expressions, no_inputs};

/// The name of what stands in for the plan that is kept.
const KEPT: &str = "InMemoryRelation";

/// A plan in which the parts that are kept are scans of memory.
pub(super) fn marked(cache: &dyn PlanCache, plan: LogicalPlan) -> Result<LogicalPlan> {
    if cache.is_empty() {
        return Ok(plan);
    }
    identity::replace(plan, &mut |identity, node| {
        cache.level(identity).map(|level| scan(node, level)).transpose()
    })
}

fn scan(plan: &LogicalPlan, level: StorageLevel) -> Result<LogicalPlan> {
    let schema = Arc::new(Schema::new(plan.schema().fields().clone()));
    let table = Arc::new(Relation { schema, level });
    let scan = LogicalPlanBuilder::scan(KEPT, provider_as_source(table), None)?;
    let columns: Vec<Expr> = plan
        .schema()
        .columns()
        .into_iter()
        .map(|Column { relation, name, .. }| {
            Expr::Column(Column::new(Some(KEPT), name.clone())).alias_qualified(relation, name)
        })
        .collect();
    scan.project(columns)?.build()
}

/// What is kept of a plan. Only to be looked at.
#[derive(Debug)]
struct Relation {
    schema: SchemaRef,
    level: StorageLevel,
}

#[async_trait]
impl TableProvider for Relation {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = match projection {
            Some(columns) => Arc::new(self.schema.project(columns)?),
            None => Arc::clone(&self.schema),
        };
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        let relation = format!("{KEPT} {}, {}", columns(&self.schema), self.level);
        Ok(Arc::new(InMemoryTableScan { relation, properties: Arc::new(properties) }))
    }
}

/// A scan of what is kept.
#[derive(Debug)]
pub(super) struct InMemoryTableScan {
    /// What is scanned.
    pub relation: String,
    properties: Arc<PlanProperties>,
}

impl DisplayAs for InMemoryTableScan {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InMemoryTableScan {}", columns(&self.schema()))
    }
}

impl ExecutionPlan for InMemoryTableScan {
    fn name(&self) -> &'static str {
        "InMemoryTableScan"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    no_expressions!();

    no_inputs!();

    fn execute(&self, _partition: usize, _context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        Err(DataFusionError::Internal("a plan to look at was run".into()))
    }
}
