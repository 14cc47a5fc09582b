//! Operators that change which columns there are and what they are called.

use std::collections::HashSet;

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::{ExprSchema, ScalarValue};
use datafusion::logical_expr::expr::FieldMetadata;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlanBuilder};

use super::select::generated;
use crate::analysis::Named;
use crate::analysis::cast::cast;
use crate::analysis::scope::ScopeColumn;
use crate::connect::expression::{Item, missing};
use crate::connect::planner::Planner;
use crate::connect::proto::expression::ExprType;
use crate::connect::scope::Scope;
use crate::connect::{data_type, proto};
use crate::error::{Result, SparkError, quote};
use crate::types;

/// A column as it is.
pub(super) fn kept(column: &ScopeColumn) -> Named {
    Named::new(Expr::Column(column.column.clone()), column.name.clone())
}

/// `alias`: the columns get a qualifier.
pub(super) fn alias(scope: Scope, alias: &str) -> Scope {
    let mut columns: Vec<ScopeColumn> = scope.visible().cloned().collect();
    for column in &mut columns {
        column.qualifier = vec![alias.to_owned()];
    }
    let plan = scope.plan.clone();
    Scope { columns, below: None, ..scope.with_plan(plan) }
}

/// `toDF(names...)`: all columns under new names.
pub(super) fn to_df(planner: &mut Planner<'_>, scope: Scope, names: &[String]) -> Result<Scope> {
    let columns: Vec<Named> = scope.visible().map(kept).collect();
    if columns.len() != names.len() {
        return Err(SparkError::new(
            "ASSIGNMENT_ARITY_MISMATCH",
            "42802",
            format!(
                "The number of columns or variables assigned or aliased: {} does not match the number of source expressions: {}.",
                names.len(),
                columns.len()
            ),
        )
        .with_param("numTarget", names.len().to_string())
        .with_param("numExpr", columns.len().to_string()));
    }
    let items = columns.into_iter().zip(names).map(|(c, name)| Named::new(c.expr, name.clone())).collect();
    planner.project(scope, items)
}

/// `withColumns`: columns of the same name are replaced where they stand, others come last.
pub(super) async fn with_columns(
    planner: &mut Planner<'_>,
    message: &proto::WithColumns,
    scope: Scope,
) -> Result<Scope> {
    let values: Vec<&proto::Expression> =
        message.aliases.iter().filter_map(|alias| alias.expr.as_deref()).collect();
    let subqueries = planner.subqueries(values, &scope).await?;
    let case = planner.session.case;
    let resolver = planner.resolver(&scope, &subqueries);
    let mut items = Vec::new();
    let mut seen: Vec<String> = Vec::new();
    for alias in &message.aliases {
        let [name] = alias.name.as_slice() else {
            return Err(SparkError::unsupported("several names of one new column"));
        };
        if seen.iter().any(|known| case.same(known, name)) {
            return Err(SparkError::column_exists(name));
        }
        seen.push(name.clone());
        let value = alias.expr.as_deref().ok_or_else(|| missing("the value of a column"))?;
        let item = match resolver.items(std::slice::from_ref(value))?.pop() {
            Some(Item::Generator { name: generator, args, .. }) => {
                Item::Generator { name: generator, args, aliases: vec![name.clone()] }
            }
            Some(Item::Column(_)) => Item::Column(resolver.named_alias(alias)?),
            None => return Err(missing("the value of a column")),
        };
        items.push(item);
    }
    let columns: Vec<ScopeColumn> = scope.visible().cloned().collect();
    let (scope, items) = generated(planner, scope, items)?;
    let mut all = Vec::with_capacity(columns.len() + items.len());
    for column in &columns {
        match items.iter().find(|item| case.same(&item.name, &column.name)) {
            Some(item) => all.push(item.clone()),
            None => all.push(kept(column)),
        }
    }
    let new = items.into_iter().filter(|item| !columns.iter().any(|c| case.same(&item.name, &c.name)));
    all.extend(new);
    planner.project(scope, all)
}

/// `withColumnsRenamed`: names that are not there change nothing.
pub(super) fn renamed(
    planner: &mut Planner<'_>,
    message: &proto::WithColumnsRenamed,
    scope: Scope,
) -> Result<Scope> {
    let case = planner.session.case;
    let mut items: Vec<Named> = scope.visible().map(kept).collect();
    let mut rename = |from: &str, to: &str| {
        for item in items.iter_mut().filter(|item| case.same(&item.name, from)) {
            to.clone_into(&mut item.name);
        }
    };
    for one in &message.renames {
        rename(&one.col_name, &one.new_col_name);
    }
    if message.renames.is_empty() {
        let old = &message.rename_columns_map;
        for (from, to) in old {
            rename(from, to);
        }
    }
    planner.project(scope, items)
}

/// `drop`: columns that are not there change nothing.
pub(super) async fn drop(planner: &mut Planner<'_>, message: &proto::Drop, scope: Scope) -> Result<Scope> {
    let case = planner.session.case;
    let subqueries = planner.subqueries(&message.columns, &scope).await?;
    let mut gone = HashSet::new();
    let resolver = planner.resolver(&scope, &subqueries);
    for expression in &message.columns {
        match resolver.expr(expression) {
            Ok(Named { expr: Expr::Column(column), .. }) => {
                gone.insert(column);
            }
            Ok(_) => {}
            Err(error) => {
                let by_name = matches!(expression.expr_type, Some(ExprType::UnresolvedAttribute(_)));
                let absent = error.class().starts_with("UNRESOLVED_COLUMN")
                    || error.class() == "CANNOT_RESOLVE_DATAFRAME_COLUMN";
                if !(by_name && absent) {
                    return Err(error);
                }
            }
        }
    }
    let items: Vec<Named> = scope
        .visible()
        .filter(|c| !gone.contains(&c.column))
        .filter(|c| !message.column_names.iter().any(|name| case.same(name, &c.name)))
        .map(kept)
        .collect();
    planner.project(scope, items)
}

/// `to(schema)`: columns by name, in the order and with the types of the schema.
pub(super) fn to_schema(planner: &mut Planner<'_>, message: &proto::ToSchema, scope: Scope) -> Result<Scope> {
    let schema = message.schema.as_ref().ok_or_else(|| missing("a schema"))?;
    let DataType::Struct(fields) = data_type::from_proto(schema, planner.time_zone())? else {
        return Err(missing("a schema of columns"));
    };
    let case = planner.session.case;
    let mut items = Vec::with_capacity(fields.len());
    for field in &fields {
        let mut found = scope.visible().filter(|c| case.same(&c.name, field.name()));
        let expr = match (found.next(), found.next()) {
            (Some(column), None) => reconciled(&scope, column, field)?,
            (Some(_), Some(_)) => {
                let name = [field.name().clone()];
                let candidates: Vec<_> = scope
                    .visible()
                    .filter(|c| case.same(&c.name, field.name()))
                    .map(ScopeColumn::parts)
                    .collect();
                return Err(SparkError::ambiguous_reference(&name, &candidates));
            }
            (None, _) if field.is_nullable() => {
                Expr::Literal(ScalarValue::try_from(field.data_type())?, None)
            }
            (None, _) => {
                let candidates: Vec<_> = scope.visible().map(ScopeColumn::parts).collect();
                return Err(SparkError::column_not_found(&[field.name().clone()], &candidates));
            }
        };
        let metadata = (!field.metadata().is_empty()).then(|| FieldMetadata::from(field.metadata().clone()));
        let expr = match metadata {
            Some(metadata) => expr.alias_with_metadata(field.name(), Some(metadata)),
            None => expr,
        };
        items.push(Named::new(expr, field.name().clone()));
    }
    planner.project(scope, items)
}

fn reconciled(scope: &Scope, column: &ScopeColumn, field: &Field) -> Result<Expr> {
    let schema = scope.plan.schema();
    let expr = Expr::Column(column.column.clone());
    let from = expr.get_type(schema)?;
    if expr.nullable(schema)? && !field.is_nullable() {
        return Err(SparkError::new(
            "NULLABLE_COLUMN_OR_FIELD",
            "42000",
            format!(
                "Column or field {} is nullable while it's required to be non-nullable.",
                quote(field.name())
            ),
        )
        .with_param("name", quote(field.name())));
    }
    let to = field.data_type();
    let narrows = (from.is_floating()
        && (to.is_integer() || (to == &DataType::Float32 && from == DataType::Float64)))
        || (from.is_integer() && to.is_integer() && width(&from) > width(to))
        || (from.is_string() && !to.is_string());
    if narrows {
        return Err(SparkError::new(
            "INVALID_COLUMN_OR_FIELD_DATA_TYPE",
            "42000",
            format!(
                "Column or field {} is of type \"{}\" while it's required to be \"{}\".",
                quote(field.name()),
                types::sql_name(&from),
                types::sql_name(to)
            ),
        )
        .with_param("name", quote(field.name()))
        .with_param("type", format!("\"{}\"", types::sql_name(&from)))
        .with_param("expectedType", format!("\"{}\"", types::sql_name(to))));
    }
    cast(expr, to, false, schema)
}

fn width(data_type: &DataType) -> usize {
    data_type.primitive_width().unwrap_or(usize::MAX)
}

/// A filter that keeps the columns.
pub(super) fn filtered(scope: Scope, condition: Expr) -> Result<Scope> {
    let plan = LogicalPlanBuilder::from(scope.plan.clone()).filter(condition)?.build()?;
    Ok(scope.with_plan(plan))
}

/// The columns named, or all that fit where none is.
pub(super) fn chosen(
    planner: &Planner<'_>,
    scope: &Scope,
    names: &[String],
    fits: impl Fn(&DataType) -> bool,
) -> Result<Vec<ScopeColumn>> {
    let schema = scope.plan.schema();
    if names.is_empty() {
        let mut columns = Vec::new();
        for column in scope.visible() {
            if fits(schema.field_from_column(&column.column)?.data_type()) {
                columns.push(column.clone());
            }
        }
        return Ok(columns);
    }
    names.iter().map(|name| named(planner, scope, name)).collect()
}

/// The column a name means.
pub(super) fn named(planner: &Planner<'_>, scope: &Scope, name: &str) -> Result<ScopeColumn> {
    let parts = crate::connect::expression::name_parts(name)?;
    let found = crate::analysis::scope::find(&scope.columns, &parts, planner.session.case)?;
    match found {
        Some(found) if found.fields.is_empty() => Ok(found.column.clone()),
        Some(_) => Err(SparkError::unsupported(format!("the nested column {name} in this operation"))),
        None => {
            let candidates: Vec<_> = scope.visible().map(ScopeColumn::parts).collect();
            Err(SparkError::column_not_found(&parts, &candidates))
        }
    }
}
