//! Names in expressions: columns, lambda parameters, aliases, fields of structs, items of arrays and maps.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::{DFSchema, ExprSchema};
use datafusion::logical_expr::{Expr, ExprSchemable, lit};
use datafusion::sql::sqlparser::ast::{self, AccessExpr, Subscript};

use super::super::Planner;
use super::super::routine::{Variables, seen_from_within};
use super::Names;
use crate::analysis::scope::{ScopeColumn, find};
use crate::analysis::{Named, call};
use crate::error::{Result, SparkError};
use crate::types;

/// Functions that may stand without parentheses.
const BARE_FUNCTIONS: [&str; 7] = [
    "current_date",
    "current_timestamp",
    "current_user",
    "user",
    "session_user",
    "current_time",
    "localtimestamp",
];

impl Planner<'_> {
    /// A name: a parameter of a lambda, a column, a field of a struct in one, an alias, a column of an
    /// outer query.
    pub(in crate::sql::plan) fn column(&mut self, parts: &[String], names: &Names<'_>) -> Result<Named> {
        let case = self.session.case;
        let bound = |variables: &Variables| {
            let named = variables.values.iter().find(|(name, _)| case.same(name, &parts[0]));
            named.map(|(_, value)| (value.clone(), variables.level))
        };
        if let Some((value, level)) = self.lambdas.iter().rev().find_map(bound) {
            let value = seen_from_within(value, &self.outer, level)?;
            return self.fields(value, &parts[1..], names.schema);
        }
        if names.prefer_select
            && let Some(named) = self.alias(parts, names)
        {
            return Ok(named);
        }
        if let Some(found) = find(names.columns, parts, case)? {
            let expr = Expr::Column(found.column.column.clone());
            let shown = parts[parts.len() - found.fields.len() - 1].clone();
            return self.fields(Named::new(expr, shown), found.fields, names.schema);
        }
        if let Some(named) = self.alias(parts, names) {
            return Ok(named);
        }
        for outer in self.outer.iter().rev() {
            if let Some(found) = find(&outer.columns, parts, case)? {
                let column = found.column.column.clone();
                let field = outer.schema.field_from_column(&column)?;
                let expr = Expr::OuterReferenceColumn(Arc::clone(field), column);
                let shown = parts[parts.len() - found.fields.len() - 1].clone();
                return self.fields(Named::new(expr, shown), found.fields, &DFSchema::empty());
            }
        }
        if let [name] = parts
            && BARE_FUNCTIONS.contains(&name.to_ascii_lowercase().as_str())
        {
            return call::scalar(&self.context(names), &name.to_ascii_lowercase(), vec![]);
        }
        let candidates: Vec<_> = names.columns.iter().filter(|c| !c.hidden).map(ScopeColumn::parts).collect();
        Err(SparkError::column_not_found(parts, &candidates))
    }

    /// The expression of the select list that has this alias.
    fn alias(&self, parts: &[String], names: &Names<'_>) -> Option<Named> {
        let found = names.select.iter().find(|item| self.session.case.same(&item.name, &parts[0]))?;
        let named = Named::new(found.expr.clone(), parts[0].clone());
        match parts {
            [_] => Some(named),
            // Fields of an alias; a column of that name was looked for before.
            [_, fields @ ..] => self.fields(named, fields, names.schema).ok(),
            [] => None,
        }
    }

    /// Fields of a struct, outermost first; of an array of structs, the field of each.
    pub(super) fn fields(&self, mut value: Named, fields: &[String], schema: &DFSchema) -> Result<Named> {
        for field in fields {
            let data_type = value.expr.get_type(schema)?;
            value = match &data_type {
                DataType::Struct(members) => {
                    let member = self.member(members.iter(), field)?;
                    Named::new(get_field(value.expr, member.name()), field.clone())
                }
                DataType::Map(_, _) => {
                    let key = lit(field.clone());
                    let context = self.schema_context(schema);
                    Named::new(call::map_value(&context, value.expr, key)?, field.clone())
                }
                DataType::List(item) if matches!(item.data_type(), DataType::Struct(_)) => {
                    self.field_of_each(value, field, schema)?
                }
                other => return Err(not_nested(&value.name, other)),
            };
        }
        Ok(value)
    }

    /// `array_of_structs.field` is the array of that field.
    fn field_of_each(&self, array: Named, field: &str, schema: &DFSchema) -> Result<Named> {
        let context = self.schema_context(schema);
        let planner = self;
        let pick = call::lambda::Lambda {
            parameters: vec!["x".to_owned()],
            body: Box::new(move |parameters| {
                let value =
                    parameters.first().cloned().ok_or_else(|| SparkError::internal("no parameter"))?;
                planner.fields(value, &[field.to_owned()], schema)
            }),
        };
        let each = call::lambda::higher_order(&context, "transform", vec![array], vec![pick])?;
        Ok(Named::new(each.expr, field))
    }

    fn member<'f>(
        &self,
        members: impl Iterator<Item = &'f Arc<Field>> + Clone,
        field: &str,
    ) -> Result<&'f Arc<Field>> {
        members.clone().find(|m| self.session.case.same(m.name(), field)).ok_or_else(|| {
            let known: Vec<_> = members.map(|m| format!("`{}`", m.name())).collect();
            SparkError::new(
                "FIELD_NOT_FOUND",
                "42704",
                format!("No such struct field `{field}` in {}.", known.join(", ")),
            )
            .with_param("fieldName", format!("`{field}`"))
            .with_param("fields", known.join(", "))
        })
    }

    /// `.name` or `[index]` after a value.
    pub(super) fn access(&mut self, value: Named, access: &AccessExpr, names: &Names<'_>) -> Result<Named> {
        let index = match access {
            AccessExpr::Dot(ast::Expr::Identifier(ident)) => {
                let name = format!("{}.{}", value.name, ident.value);
                let field = self.fields(value, std::slice::from_ref(&ident.value), names.schema)?;
                return Ok(Named::new(field.expr, name));
            }
            AccessExpr::Subscript(Subscript::Index { index }) => self.expr(index, names)?,
            other => return Err(SparkError::unsupported(format!("the access {other}"))),
        };
        let name = format!("{}[{}]", value.name, index.name);
        let data_type = value.expr.get_type(names.schema)?;
        let context = self.context(names);
        let expr = match &data_type {
            DataType::Map(_, _) => call::map_value(&context, value.expr, index.expr)?,
            list if list.is_list() => call::array_item(&context, value.expr, index.expr)?,
            // A field of a struct by a constant name.
            DataType::Struct(members) => match &index.expr {
                Expr::Literal(field, _) if field.data_type().is_string() => {
                    let member = self.member(members.iter(), &index.name)?;
                    get_field(value.expr, member.name())
                }
                _ => return Err(not_nested(&value.name, &data_type)),
            },
            other => return Err(not_nested(&value.name, other)),
        };
        Ok(Named::new(expr, name))
    }
}

fn get_field(value: Expr, name: &str) -> Expr {
    datafusion::functions::core::get_field().call(vec![value, lit(name.to_owned())])
}

fn not_nested(base: &str, data_type: &DataType) -> SparkError {
    let other = types::sql_name(data_type);
    SparkError::new(
        "INVALID_EXTRACT_BASE_FIELD_TYPE",
        "42000",
        format!(
            "Can't extract a value from \"{base}\". Need a complex type [STRUCT, ARRAY, MAP] but got \"{other}\"."
        ),
    )
    .with_param("base", format!("\"{base}\""))
    .with_param("other", format!("\"{other}\""))
}
