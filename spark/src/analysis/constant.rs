//! Values of expressions that are constant.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::physical_expr::create_physical_expr;
use datafusion::physical_plan::ColumnarValue;

use crate::error::{Result, SparkError};

/// The value of an expression without columns.
pub fn fold(expr: &Expr) -> Result<ScalarValue> {
    let expr = match expr {
        Expr::Literal(value, _) => return Ok(value.clone()),
        Expr::Alias(alias) => return fold(&alias.expr),
        other => other,
    };
    let schema = DFSchema::empty();
    let physical =
        create_physical_expr(expr, &schema, &ExecutionProps::new(), &PhysicalPlanningContext::default())?;
    let batch = RecordBatch::try_new_with_options(
        Arc::new(Schema::empty()),
        vec![],
        &RecordBatchOptions::new().with_row_count(Some(1)),
    )
    .map_err(DataFusionError::from)?;
    Ok(match physical.evaluate(&batch)? {
        ColumnarValue::Scalar(value) => value,
        ColumnarValue::Array(array) => ScalarValue::try_from_array(&array, 0)?,
    })
}

/// The string that a constant expression is; `None` where it is null, not constant or no string.
pub fn text(expr: &Expr) -> Option<String> {
    if !expr.column_refs().is_empty() {
        return None;
    }
    match fold(expr) {
        Ok(value) => value.try_as_str().flatten().map(str::to_owned),
        Err(_) => None,
    }
}

/// The entries of a constant map of strings, such as the options of `from_json`.
pub fn options(expr: &Expr) -> Result<BTreeMap<String, String>> {
    let bad = || {
        SparkError::new(
            "INVALID_OPTIONS.NON_MAP_FUNCTION",
            "42K06",
            "Invalid options: Must use the `map()` function for options.",
        )
    };
    if !expr.column_refs().is_empty() {
        return Err(bad());
    }
    let ScalarValue::Map(map) = fold(expr)? else { return Err(bad()) };
    let entries = map.value(0);
    let text = |column: usize| datafusion::arrow::compute::cast(entries.column(column), &DataType::Utf8);
    let (keys, values) = (text(0).map_err(DataFusionError::from)?, text(1).map_err(DataFusionError::from)?);
    let (keys, values) = (keys.as_string::<i32>(), values.as_string::<i32>());
    Ok((0..entries.len())
        .filter(|row| values.is_valid(*row))
        .map(|row| (keys.value(row).to_owned(), values.value(row).to_owned()))
        .collect())
}
