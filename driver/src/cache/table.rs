//! Kept partitions as a table.

use std::sync::Arc;

use async_trait::async_trait;
use ballista_core::execution_plans::ShuffleReaderExec;
use ballista_core::serde::scheduler::PartitionLocation;
use cerium_engine::blocks::exec::BlockExec;
use cerium_spark::session::cache::StorageLevel;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::{ExecutionPlan, Partitioning};

/// The stage that the partitions are said to be of. No job has so many stages, so that none takes them
/// for its own.
const NO_STAGE: usize = u32::MAX as usize;

/// Partitions of a finished job, where they lie.
#[derive(Debug)]
pub struct CachedTable {
    schema: SchemaRef,
    level: StorageLevel,
    partitions: Vec<Vec<PartitionLocation>>,
}

impl CachedTable {
    /// A table of these partitions, in order.
    pub fn new(schema: SchemaRef, level: StorageLevel, partitions: &[PartitionLocation]) -> Self {
        let partitions = partitions.iter().map(|partition| vec![partition.clone()]).collect();
        Self { schema, level, partitions }
    }
}

#[async_trait]
impl TableProvider for CachedTable {
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
        let partitioning = Partitioning::UnknownPartitioning(self.partitions.len());
        let reader = ShuffleReaderExec::try_new(
            NO_STAGE,
            self.partitions.clone(),
            Arc::clone(&self.schema),
            partitioning,
        )?;
        let reader: Arc<dyn ExecutionPlan> =
            Arc::new(BlockExec::new(Arc::new(reader), self.level.use_memory));
        match projection {
            Some(projection) => projected(reader, &self.schema, Some(projection)),
            None => Ok(reader),
        }
    }
}

/// Some columns of a plan, or all of them, under the names that a schema has for them.
pub fn projected(
    plan: Arc<dyn ExecutionPlan>,
    names: &Schema,
    projection: Option<&Vec<usize>>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let schema = plan.schema();
    let all: Vec<usize> = (0..schema.fields().len()).collect();
    let columns = projection.unwrap_or(&all).iter().map(|index| {
        let column: Arc<dyn PhysicalExpr> = Arc::new(Column::new(schema.field(*index).name(), *index));
        (column, names.field(*index).name().clone())
    });
    Ok(Arc::new(ProjectionExec::try_new(columns.collect::<Vec<_>>(), plan)?))
}
