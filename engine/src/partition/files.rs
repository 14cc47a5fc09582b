//! Brings the columns that tell of files up from the scan to the operator that asks for them.

use std::collections::HashMap;
use std::sync::Arc;

use cerium_spark::source::table::{FILE_COLUMNS, FileTable};
use datafusion::common::{Column, DFSchema};
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::error::Result;
use datafusion::logical_expr::{
    Expr, LogicalPlan, LogicalPlanBuilder, Projection, SubqueryAlias, TableScan, TableScanBuilder, Union, lit,
};

use super::PartitionNode;

/// The expressions of [`FILE_COLUMNS`].
type Told = [Expr; 3];

/// The plan with more columns, and what tells of the file over it. Where rows do not come straight from a
/// file, they tell of none, as in Spark.
pub(super) fn with_file_columns(plan: LogicalPlan) -> Result<(LogicalPlan, Told)> {
    match plan {
        LogicalPlan::TableScan(scan) => of_scan(scan),
        LogicalPlan::Projection(Projection { mut expr, input, .. }) => {
            let (input, told) = with_file_columns(Arc::unwrap_or_clone(input))?;
            let columns: Vec<_> = told.iter().zip(FILE_COLUMNS).map(|(e, name)| named(e, name)).collect();
            let told = columns.iter().map(column_of).collect();
            expr.extend(columns);
            let plan = LogicalPlan::Projection(Projection::try_new(expr, Arc::new(input))?);
            Ok((plan, three(told)))
        }
        LogicalPlan::SubqueryAlias(SubqueryAlias { input, alias, .. }) => {
            let (input, told) = with_file_columns(Arc::unwrap_or_clone(input))?;
            let plan = SubqueryAlias::try_new(Arc::new(input), alias.clone())?;
            let told = told.into_iter().map(|expr| match expr {
                Expr::Column(column) => Expr::Column(Column::new(Some(alias.clone()), column.name)),
                other => other,
            });
            Ok((LogicalPlan::SubqueryAlias(plan), three(told.collect())))
        }
        LogicalPlan::Union(union) => of_union(union),
        plan if keeps_files(&plan) => {
            let inputs = plan.inputs();
            let Some(input) = inputs.first() else { return Ok((plan, none())) };
            let (input, told) = with_file_columns((*input).clone())?;
            Ok((plan.with_new_exprs(plan.expressions(), vec![input])?, told))
        }
        plan => Ok((plan, none())),
    }
}

/// Whether an operator of one input hands on its columns and works on the rows where they are read.
fn keeps_files(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Filter(_) => true,
        LogicalPlan::Extension(extension) => extension.node.as_any().is::<PartitionNode>(),
        _ => false,
    }
}

fn none() -> Told {
    [lit(""), lit(-1_i64), lit(-1_i64)]
}

fn three(exprs: Vec<Expr>) -> Told {
    <[Expr; 3]>::try_from(exprs).unwrap_or_else(|_| none())
}

/// A column under its name, which needs no alias where it has that name already.
fn named(expr: &Expr, name: &str) -> Expr {
    match expr {
        Expr::Column(column) if column.name == name => expr.clone(),
        other => other.clone().alias(name),
    }
}

fn column_of(expr: &Expr) -> Expr {
    match expr {
        Expr::Column(column) => Expr::Column(column.clone()),
        other => Expr::Column(Column::new_unqualified(other.schema_name().to_string())),
    }
}

fn of_scan(scan: TableScan) -> Result<(LogicalPlan, Told)> {
    let provider = source_as_provider(&scan.source)?;
    let Some(table) = provider.downcast_ref::<FileTable>() else {
        return Ok((LogicalPlan::TableScan(scan), none()));
    };
    let name = scan.table_name.clone();
    let told = FILE_COLUMNS.map(|column| Expr::Column(Column::new(Some(name.clone()), column)));
    let width = scan.source.schema().fields().len();
    if scan.source.schema().field_with_name(FILE_COLUMNS[0]).is_ok() {
        return Ok((LogicalPlan::TableScan(scan), told));
    }
    let projection = scan.projection.clone().map(|mut columns| {
        columns.extend(width..width + FILE_COLUMNS.len());
        columns
    });
    let source = provider_as_source(Arc::new(table.with_file_columns()));
    let scan = TableScanBuilder::new(name, source)
        .with_projection(projection)
        .with_filters(scan.filters)
        .with_fetch(scan.fetch)
        .build()?;
    Ok((LogicalPlan::TableScan(scan), told))
}

fn of_union(union: Union) -> Result<(LogicalPlan, Told)> {
    let mut inputs = vec![];
    for input in union.inputs {
        let own = input.schema().columns();
        let (input, told) = with_file_columns(Arc::unwrap_or_clone(input))?;
        let told = told.into_iter().zip(FILE_COLUMNS).map(|(expr, name)| expr.alias(name));
        let exprs: Vec<_> = own.into_iter().map(Expr::Column).chain(told).collect();
        inputs.push(Arc::new(LogicalPlanBuilder::from(input).project(exprs)?.build()?));
    }
    let Some(first) = inputs.first() else {
        return Ok((LogicalPlan::Union(Union { inputs, ..union }), none()));
    };
    let added = first.schema().iter().skip(union.schema.fields().len());
    let fields = union.schema.iter().chain(added).map(|(q, field)| (q.cloned(), Arc::clone(field)));
    let schema = DFSchema::new_with_metadata(fields.collect(), HashMap::new())?;
    let told = FILE_COLUMNS.map(|name| Expr::Column(Column::new_unqualified(name)));
    Ok((LogicalPlan::Union(Union { inputs, schema: Arc::new(schema) }), told))
}
