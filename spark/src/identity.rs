//! Whether two plans compute the same rows from the same sources: what makes a cached plan found again.

use std::sync::Arc;

use datafusion::catalog::default_table_source::source_as_provider;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::MemTable;
use datafusion::error::Result;
use datafusion::logical_expr::{LogicalPlan, TableSource};

use crate::source::table::FileTable;

/// Whether two plans give the same rows. Plans may differ in what they read though they compare equal,
/// as DataFusion looks at the names of tables alone.
pub fn same_result(a: &LogicalPlan, b: &LogicalPlan) -> Result<bool> {
    if a != b {
        return Ok(false);
    }
    let (a, b) = (sources(a)?, sources(b)?);
    Ok(a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| same_source(a, b)))
}

/// The tables a plan reads, in a fixed order.
fn sources(plan: &LogicalPlan) -> Result<Vec<Arc<dyn TableSource>>> {
    let mut found = Vec::new();
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            found.push(Arc::clone(&scan.source));
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(found)
}

fn same_source(a: &Arc<dyn TableSource>, b: &Arc<dyn TableSource>) -> bool {
    if Arc::ptr_eq(a, b) {
        return true;
    }
    let (Ok(a), Ok(b)) = (source_as_provider(a), source_as_provider(b)) else { return false };
    if Arc::ptr_eq(&a, &b) {
        return true;
    }
    if let (Some(a), Some(b)) = (a.downcast_ref::<FileTable>(), b.downcast_ref::<FileTable>()) {
        return a.reads_the_same(b);
    }
    match (a.downcast_ref::<MemTable>(), b.downcast_ref::<MemTable>()) {
        (Some(a), Some(b)) => same_rows(a, b),
        _ => false,
    }
}

/// Whether two tables in memory hold equal rows in equal partitions. One that is being written to
/// equals no other.
fn same_rows(a: &MemTable, b: &MemTable) -> bool {
    a.batches.len() == b.batches.len()
        && a.batches.iter().zip(&b.batches).all(|(a, b)| match (a.try_read(), b.try_read()) {
            (Ok(a), Ok(b)) => *a == *b,
            _ => false,
        })
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Int64Array, RecordBatch};
    use datafusion::datasource::provider_as_source;
    use datafusion::logical_expr::{LogicalPlanBuilder, col, lit};

    use super::*;

    fn plan(values: Vec<i64>, above: i64) -> LogicalPlan {
        let column = Arc::new(Int64Array::from(values));
        let batch = RecordBatch::try_from_iter([("a", column as _)]).unwrap();
        let table = MemTable::try_new(batch.schema(), vec![vec![batch]]).unwrap();
        let scan = LogicalPlanBuilder::scan("t", provider_as_source(Arc::new(table)), None).unwrap();
        scan.filter(col("a").gt(lit(above))).unwrap().build().unwrap()
    }

    #[test]
    fn plans_are_one_only_if_they_read_the_same_rows() {
        assert!(same_result(&plan(vec![1, 2], 1), &plan(vec![1, 2], 1)).unwrap());
        assert!(!same_result(&plan(vec![1, 2], 1), &plan(vec![1, 3], 1)).unwrap());
        assert!(!same_result(&plan(vec![1, 2], 1), &plan(vec![1, 2], 0)).unwrap());
    }
}
