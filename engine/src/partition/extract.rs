//! Makes columns of the functions that ask for the partition or the file of a row.

use std::sync::atomic::{AtomicU64, Ordering};

use cerium_spark::error::SparkError;
use cerium_spark::functions::kernel::Kernel;
use cerium_spark::functions::partition::{
    FILE_BLOCK_LENGTH, FILE_BLOCK_START, FILE_NAME, PARTITION_ID, ROW_ID,
};
use datafusion::common::Column;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::AnalyzerRule;

use super::{PartitionNode, Quantity, files};
use crate::below;

/// The functions of the partition.
const OF_PARTITION: [(&Kernel, Quantity); 2] =
    [(&PARTITION_ID, Quantity::Partition), (&ROW_ID, Quantity::Row)];
/// The functions of the file, in the order of its columns.
const OF_FILE: [&Kernel; 3] = [&FILE_NAME, &FILE_BLOCK_START, &FILE_BLOCK_LENGTH];

/// The rule. It runs before the optimizer, which so cannot copy or move the functions.
#[derive(Debug)]
pub struct ExtractPartitionFunctions;

impl AnalyzerRule for ExtractPartitionFunctions {
    fn name(&self) -> &'static str {
        "extract_partition_functions"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        Ok(plan.transform_up_with_subqueries(extract)?.data)
    }
}

fn extract(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let mut first = None;
    plan.apply_expressions(|expr| {
        expr.apply(|part| {
            if function(part).is_some() {
                first.get_or_insert_with(|| part.clone());
            }
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    let Some(first) = first else { return Ok(Transformed::no(plan)) };
    match below::evaluate(plan, take_out)? {
        Some(plan) => Ok(Transformed::yes(plan)),
        None => Err(misplaced(&first).into()),
    }
}

/// The name of the function if this is a call of one.
fn function(expr: &Expr) -> Option<&str> {
    let Expr::ScalarFunction(ScalarFunction { func, .. }) = expr else { return None };
    let name = func.name();
    let known = OF_PARTITION.iter().any(|(kernel, _)| kernel.name == name)
        || OF_FILE.iter().any(|kernel| kernel.name == name);
    known.then_some(name)
}

/// Spark's answer where it takes no functions that depend on more than the row.
fn misplaced(call: &Expr) -> SparkError {
    let text = call.schema_name().to_string();
    let shown = text.strip_prefix("spark_").filter(|_| !text.starts_with(PARTITION_ID.name)).unwrap_or(&text);
    SparkError::new(
        "INVALID_NON_DETERMINISTIC_EXPRESSIONS",
        "42K0E",
        format!("The operator expects a deterministic expression, but the actual expression is \"{shown}\"."),
    )
    .with_param("sqlExprs", format!("\"{shown}\""))
}

fn take_out(mut input: LogicalPlan, exprs: Vec<Expr>) -> Result<(LogicalPlan, Vec<Expr>)> {
    let uses = |kernel: &Kernel| -> Result<bool> {
        exprs.iter().try_fold(false, |used, expr| {
            Ok(used || expr.exists(|part| Ok(function(part) == Some(kernel.name)))?)
        })
    };
    let mut made: Vec<(&str, Expr)> = vec![];
    for kernel in OF_FILE {
        if uses(kernel)? {
            let (plan, columns) = files::with_file_columns(input)?;
            input = plan;
            made.extend(OF_FILE.map(|kernel| kernel.name).into_iter().zip(columns));
            break;
        }
    }
    let mut columns = vec![];
    for (kernel, quantity) in OF_PARTITION {
        if uses(kernel)? {
            let name = fresh_name();
            made.push((kernel.name, Expr::Column(Column::new_unqualified(&name))));
            columns.push((quantity, name));
        }
    }
    if !columns.is_empty() {
        input = PartitionNode::new(input, columns)?.into_plan();
    }
    let replace = |expr: Expr| {
        let replaced = expr.transform_up(|part| {
            let column = function(&part).and_then(|name| made.iter().find(|(made, _)| *made == name));
            Ok(match column {
                Some((_, column)) => Transformed::yes(column.clone()),
                None => Transformed::no(part),
            })
        })?;
        Ok(replaced.data)
    };
    let exprs = exprs.into_iter().map(replace).collect::<Result<_>>()?;
    Ok((input, exprs))
}

/// A name for a column that no other column of any plan has.
fn fresh_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("__partition_{}", COUNT.fetch_add(1, Ordering::Relaxed))
}
