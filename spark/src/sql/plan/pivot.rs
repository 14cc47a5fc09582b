//! PIVOT: values become columns. UNPIVOT: columns become rows.

use std::collections::HashSet;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, ScalarValue, UnnestOptions};
use datafusion::logical_expr::utils::find_aggregate_exprs;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlanBuilder, lit, when};
use datafusion::sql::sqlparser::ast::{self, ExprWithAlias, Ident, PivotValueSource};

use super::expr::Names;
use super::{Planner, literal};
use crate::analysis::Named;
use crate::analysis::cast::cast;
use crate::analysis::common::common_type;
use crate::analysis::operator::{self, Binary};
use crate::analysis::scope::{Relation, ScopeColumn, UniqueNames};
use crate::analysis::select::SelectList;
use crate::error::{Result, SparkError};
use crate::text;

impl Planner<'_> {
    /// One column for each value and aggregate; rows are grouped by the columns that neither the
    /// aggregates nor the values use.
    pub(super) fn pivot(
        &mut self,
        input: Relation,
        aggregates: &[ExprWithAlias],
        columns: &[ast::Expr],
        values: &PivotValueSource,
    ) -> Result<Relation> {
        let PivotValueSource::List(values) = values else {
            return Err(SparkError::unsupported("PIVOT without a list of values"));
        };
        let schema = input.plan.schema().clone();
        let names = Names::input(&input.columns, &schema);
        let mut measures = Vec::with_capacity(aggregates.len());
        let mut used: HashSet<Column> = HashSet::new();
        for aggregate in aggregates {
            let mut named = self.expr(&aggregate.expr, &names)?;
            if find_aggregate_exprs([&named.expr]).is_empty() {
                return Err(SparkError::new(
                    "UNSUPPORTED_PIVOT_AGGREGATE",
                    "42K0E",
                    format!(
                        "Aggregate expression required for pivot, but '{}' did not appear in any aggregate function.",
                        named.name
                    ),
                ));
            }
            named.expr.apply(|e| {
                if let Expr::Column(column) = e {
                    used.insert(column.clone());
                }
                Ok(datafusion::common::tree_node::TreeNodeRecursion::Continue)
            })?;
            if let Some(alias) = &aggregate.alias {
                named.name.clone_from(&alias.value);
            }
            measures.push(named);
        }
        let mut keys = Vec::with_capacity(columns.len());
        for column in columns {
            let key = self.expr(column, &names)?;
            used.extend(key.expr.column_refs().into_iter().cloned());
            keys.push(key);
        }
        let groups: Vec<Named> = input
            .visible()
            .filter(|c| !used.contains(&c.column))
            .map(|c| Named::new(Expr::Column(c.column.clone()), c.name.clone()))
            .collect();
        let mut items = groups.clone();
        for value in values {
            let cells = match &value.expr {
                ast::Expr::Tuple(cells) => cells.as_slice(),
                single => std::slice::from_ref(single),
            };
            if cells.len() != keys.len() {
                return Err(SparkError::new(
                    "PIVOT_VALUE_DATA_TYPE_MISMATCH",
                    "42K09",
                    format!(
                        "Invalid pivot value '{}': value data type does not match pivot column data type.",
                        value.expr
                    ),
                ));
            }
            let mut condition: Option<Expr> = None;
            let mut shown = Vec::with_capacity(cells.len());
            for (key, cell) in keys.iter().zip(cells) {
                let cell = self.expr(cell, &Names::input(&[], &schema))?;
                shown.push(value_text(&cell)?);
                let same = operator::binary(Binary::NullSafeEq, key.clone(), cell, &schema)?.expr;
                condition = Some(condition.map_or_else(|| same.clone(), |all| all.and(same.clone())));
            }
            let condition = condition.ok_or_else(|| SparkError::internal("a pivot without columns"))?;
            let shown = match &value.alias {
                Some(alias) => alias.value.clone(),
                None if shown.len() == 1 => shown.remove(0),
                None => format!("{{{}}}", shown.join(", ")),
            };
            for measure in &measures {
                let name =
                    if measures.len() == 1 { shown.clone() } else { format!("{shown}_{}", measure.name) };
                items.push(Named::new(measured(measure.expr.clone(), &condition)?, name));
            }
        }
        let groups = groups.into_iter().map(|group| group.expr).collect();
        let list = SelectList { items, groups, grouped: true, ..SelectList::default() };
        let mut unique = UniqueNames::default();
        list.plan(input.plan, &mut |item| unique.claim(&item.name))
    }

    /// One row for each of the columns named, with its name and its value.
    pub(super) fn unpivot(
        &mut self,
        input: Relation,
        value: &ast::Expr,
        name: &Ident,
        sets: &[ExprWithAlias],
        keep_nulls: bool,
    ) -> Result<Relation> {
        let schema = input.plan.schema().clone();
        let names = Names::input(&input.columns, &schema);
        let values: Vec<String> = match value {
            ast::Expr::Tuple(values) => values.iter().map(ToString::to_string).collect(),
            single => vec![single.to_string()],
        };
        let values: Vec<String> = values.iter().map(|v| v.trim_matches('`').replace("``", "`")).collect();
        let mut rows: Vec<(String, Vec<Named>)> = Vec::with_capacity(sets.len());
        let mut used: HashSet<Column> = HashSet::new();
        for set in sets {
            let cells = match &set.expr {
                ast::Expr::Tuple(cells) => cells.as_slice(),
                single => std::slice::from_ref(single),
            };
            if cells.len() != values.len() {
                return Err(SparkError::new(
                    "UNPIVOT_VALUE_SIZE_MISMATCH",
                    "428C4",
                    format!("All unpivot value columns must have the same size as there are value column names ({}).", values.len()),
                )
                .with_param("names", values.len().to_string()));
            }
            let mut columns = Vec::with_capacity(cells.len());
            for cell in cells {
                let column = self.expr(cell, &names)?;
                used.extend(column.expr.column_refs().into_iter().cloned());
                columns.push(column);
            }
            let shown: Vec<_> = columns.iter().map(|c| c.name.as_str()).collect();
            let shown = set.alias.as_ref().map_or_else(|| shown.join("_"), |alias| alias.value.clone());
            rows.push((shown, columns));
        }
        let types = common_types(&rows, values.len(), &schema)?;
        let mut structs = Vec::with_capacity(rows.len());
        for (shown, columns) in rows {
            let mut fields = vec![lit("name"), lit(shown)];
            for (i, (column, data_type)) in columns.into_iter().zip(&types).enumerate() {
                fields.push(lit(format!("value{i}")));
                fields.push(cast(column.expr, data_type, false, &schema)?);
            }
            structs.push(datafusion::functions::core::named_struct().call(fields));
        }
        let kept: Vec<ScopeColumn> = input.visible().filter(|c| !used.contains(&c.column)).cloned().collect();
        let generated = self.aliases.claim("__unpivoted");
        let mut exprs: Vec<Expr> = kept.iter().map(|c| Expr::Column(c.column.clone())).collect();
        exprs.push(datafusion::functions_nested::make_array::make_array(structs).alias(generated.clone()));
        let row = Column::from_name(generated);
        let plan = LogicalPlanBuilder::from(input.plan)
            .project(exprs)?
            .unnest_column_with_options(row.clone(), UnnestOptions::new())?
            .build()?;
        let get = |field: String| {
            datafusion::functions::core::get_field().call(vec![Expr::Column(row.clone()), lit(field)])
        };
        let mut unique = UniqueNames::default();
        let mut projected = Vec::new();
        let mut columns = Vec::new();
        for column in &kept {
            let inner = unique.claim(&column.name);
            projected.push(Expr::Column(column.column.clone()).alias(inner.clone()));
            columns.push(ScopeColumn { column: Column::from_name(inner), ..column.clone() });
        }
        let mut value_columns = Vec::new();
        let outputs = std::iter::once((name.value.clone(), "name".to_owned()))
            .chain(values.into_iter().enumerate().map(|(i, v)| (v, format!("value{i}"))));
        for (shown, field) in outputs {
            let inner = unique.claim(&shown);
            let is_value = field != "name";
            projected.push(get(field).alias(inner.clone()));
            let column = Column::from_name(inner);
            if is_value {
                value_columns.push(Expr::Column(column.clone()));
            }
            columns.push(ScopeColumn { qualifier: Vec::new(), name: shown, column, hidden: false });
        }
        let mut builder = LogicalPlanBuilder::from(plan).project(projected)?;
        if !keep_nulls {
            let any = value_columns.into_iter().map(Expr::is_not_null).reduce(Expr::or);
            builder = builder.filter(any.unwrap_or_else(|| lit(true)))?;
        }
        Ok(Relation { plan: builder.build()?, columns })
    }
}

/// An aggregate over the rows where a condition holds, null if there are none.
fn measured(expr: Expr, condition: &Expr) -> Result<Expr> {
    let filtered = expr.transform(|e| match e {
        Expr::AggregateFunction(mut f) => {
            let own = f.params.filter.take().map(|own| *own);
            let both = own.map_or_else(|| condition.clone(), |own| own.and(condition.clone()));
            f.params.filter = Some(Box::new(both));
            Ok(Transformed::new(
                Expr::AggregateFunction(f),
                true,
                datafusion::common::tree_node::TreeNodeRecursion::Jump,
            ))
        }
        other => Ok(Transformed::no(other)),
    })?;
    let rows = datafusion::functions_aggregate::count::count(lit(1_i64));
    let rows = match rows {
        Expr::AggregateFunction(mut f) => {
            f.params.filter = Some(Box::new(condition.clone()));
            Expr::AggregateFunction(f)
        }
        other => other,
    };
    Ok(when(rows.gt(lit(0_i64)), filtered.data).end()?)
}

/// A pivot value as a column name.
fn value_text(value: &Named) -> Result<String> {
    let scalar = literal::fold(value.expr.clone())?;
    if scalar.is_null() {
        return Ok("null".to_owned());
    }
    match &scalar {
        ScalarValue::Utf8(Some(s)) => Ok(s.clone()),
        scalar => text::value(&scalar.to_array()?, 0, text::Style::Cast),
    }
}

/// The types in which the values of all rows fit.
fn common_types(rows: &[(String, Vec<Named>)], width: usize, schema: &DFSchema) -> Result<Vec<DataType>> {
    let mut types: Vec<Option<DataType>> = vec![None; width];
    for (_, columns) in rows {
        for (common, column) in types.iter_mut().zip(columns) {
            let own = column.expr.get_type(schema)?;
            *common = Some(match common.take() {
                None => own,
                Some(before) if before == own => own,
                Some(before) => common_type([&before, &own]).ok_or_else(|| {
                    SparkError::new(
                        "UNPIVOT_VALUE_DATA_TYPE_MISMATCH",
                        "42K09",
                        format!(
                            "Unpivot value columns must share a least common type, some types do not: [\"{}\" , \"{}\"].",
                            crate::types::sql_name(&before),
                            crate::types::sql_name(&own)
                        ),
                    )
                })?,
            });
        }
    }
    Ok(types.into_iter().map(|t| t.unwrap_or(DataType::Null)).collect())
}
