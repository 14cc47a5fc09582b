//! TABLESAMPLE.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, lit};
use datafusion::sql::sqlparser::ast::{self, TableSampleKind, TableSampleUnit, Value, ValueWithSpan};

use super::expr::Names;
use super::{Planner, literal};
use crate::analysis::call;
use crate::analysis::cast::cast;
use crate::analysis::scope::Relation;
use crate::error::{Result, SparkError};

impl Planner<'_> {
    /// The rows of a relation that a sample takes.
    pub(super) fn sampled(
        &mut self,
        relation: Relation,
        sample: Option<&TableSampleKind>,
    ) -> Result<Relation> {
        let Some(TableSampleKind::BeforeTableAlias(sample) | TableSampleKind::AfterTableAlias(sample)) =
            sample
        else {
            return Ok(relation);
        };
        let schema = DFSchema::empty();
        let names = Names::input(&[], &schema);
        let fraction = match (&sample.quantity, &sample.bucket) {
            (Some(quantity), _) => {
                let value = self.expr(&quantity.value, &names)?;
                match quantity.unit {
                    Some(TableSampleUnit::Rows) => {
                        let rows = cast(value.expr, &DataType::Int64, false, &schema)?;
                        let rows = literal::fold(rows)?.to_string().parse().map_err(|_| invalid(0.0))?;
                        let plan = LogicalPlanBuilder::from(relation.plan).limit(0, Some(rows))?.build()?;
                        return Ok(Relation { plan, columns: relation.columns });
                    }
                    Some(TableSampleUnit::Percent) => {
                        let percent = literal::fold(cast(value.expr, &DataType::Float64, false, &schema)?)?;
                        percent.to_string().parse::<f64>().map_err(|_| invalid(0.0))? / 100.0
                    }
                    None => return Err(SparkError::unsupported("TABLESAMPLE of a number of bytes")),
                }
            }
            (None, Some(bucket)) if bucket.on.is_none() => number(&bucket.bucket)? / number(&bucket.total)?,
            _ => return Err(SparkError::unsupported("TABLESAMPLE of buckets ON a column")),
        };
        if !(0.0..=1.0).contains(&fraction) {
            return Err(invalid(fraction));
        }
        let taken: Expr = if fraction >= 1.0 {
            return Ok(relation);
        } else if fraction <= 0.0 {
            lit(false)
        } else {
            let seed =
                sample.seed.as_ref().map(|seed| self.expr(&ast::Expr::Value(seed.value.clone()), &names));
            let chance =
                call::scalar(&self.context(&names), "rand", seed.transpose()?.into_iter().collect())?;
            chance.expr.lt(lit(fraction))
        };
        let plan = LogicalPlanBuilder::from(relation.plan).filter(taken)?.build()?;
        Ok(Relation { plan, columns: relation.columns })
    }
}

fn number(value: &ValueWithSpan) -> Result<f64> {
    match &value.value {
        Value::Number(digits, _) => digits.parse().map_err(|_| invalid(0.0)),
        _ => Err(invalid(0.0)),
    }
}

fn invalid(fraction: f64) -> SparkError {
    SparkError::new(
        "_LEGACY_ERROR_TEMP_0064",
        "",
        format!("Sampling fraction ({fraction}) must be on interval [0, 1]"),
    )
}
