//! The numbers of a range as a table.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::projection::ProjectionExec;

/// DataFusion's table of numbers, whose scan does not know how to give rows without columns.
#[derive(Debug)]
pub(super) struct Numbers(pub Arc<dyn TableProvider>);

#[async_trait]
impl TableProvider for Numbers {
    fn schema(&self) -> SchemaRef {
        self.0.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if projection.is_some_and(Vec::is_empty) {
            let scan = self.0.scan(state, None, filters, limit).await?;
            let none: Vec<datafusion::physical_plan::projection::ProjectionExpr> = Vec::new();
            return Ok(Arc::new(ProjectionExec::try_new(none, scan)?));
        }
        self.0.scan(state, projection, filters, limit).await
    }
}
