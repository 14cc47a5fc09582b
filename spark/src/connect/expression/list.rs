//! Lists of expressions: stars, patterns of names, generators and what single expressions are called.

use std::sync::Arc;

use fancy_regex::Regex;

use datafusion::logical_expr::Expr;

use super::attribute::{ambiguous, out_of_reach};
use super::{Resolver, aliased, child, expr_type, metadata, name_parts};
use crate::analysis::Named;
use crate::analysis::call::generator::is_generator;
use crate::analysis::scope::{ScopeColumn, ends_with};
use crate::connect::proto::Expression;
use crate::connect::proto::expression::{self as messages, ExprType};
use crate::connect::scope::Frame;
use crate::error::{Result, SparkError, quote};
use crate::sql::plan::OuterScope;
use crate::sql::plan::fragment::Fragment;

/// An item of a list of columns.
#[derive(Debug)]
pub(in crate::connect) enum Item {
    /// One column.
    Column(Named),
    /// A generator, its arguments and the names of its columns if some are given.
    Generator { name: String, args: Vec<Named>, aliases: Vec<String> },
}

impl Resolver<'_> {
    /// The columns that a list of expressions stands for.
    pub fn items(&self, expressions: &[Expression]) -> Result<Vec<Item>> {
        let mut items = Vec::with_capacity(expressions.len());
        for expression in expressions {
            match self.star_columns(expression)? {
                Some(columns) => items.extend(columns.into_iter().map(Item::Column)),
                None => items.push(match self.item(expression) {
                    Err(error) if error.class().starts_with("UNRESOLVED_COLUMN.") => {
                        self.after(&items).item(expression)?
                    }
                    item => item?,
                }),
            }
        }
        Ok(items)
    }

    /// The same, for what comes after some columns of the list and may name them.
    fn after(&self, items: &[Item]) -> Self {
        let columns = items.iter().filter_map(|item| match item {
            Item::Column(named) => Some(named.clone()),
            Item::Generator { .. } => None,
        });
        Self { earlier: columns.collect(), ..self.clone() }
    }

    /// The columns of a list in which generators make no sense.
    pub fn columns(&self, expressions: &[Expression]) -> Result<Vec<Named>> {
        self.items(expressions)?
            .into_iter()
            .map(|item| match item {
                Item::Column(named) => Ok(named),
                Item::Generator { name, .. } => Err(SparkError::new(
                    "UNSUPPORTED_GENERATOR.OUTSIDE_SELECT",
                    "42K0E",
                    format!("The generator is not supported: outside the SELECT clause, found: {name}."),
                )),
            })
            .collect()
    }

    /// A column under the name it has in the output.
    pub fn output(&self, expression: &Expression) -> Result<Named> {
        match expr_type(expression)? {
            ExprType::Alias(alias) if alias.name.len() == 1 => self.named_alias(alias),
            // A cast column keeps its name.
            ExprType::Cast(cast) => {
                let inner = child(cast.expr.as_deref())?;
                let named = self.expr(expression)?;
                match &inner.expr_type {
                    Some(ExprType::UnresolvedAttribute(attribute)) => {
                        let name = name_parts(&attribute.unparsed_identifier)?.pop();
                        Ok(Named::new(named.expr, name.unwrap_or(named.name)))
                    }
                    _ => Ok(named),
                }
            }
            ExprType::ExpressionString(text) => self.written(&Fragment::without_tables(&text.expression)?),
            _ => self.expr(expression),
        }
    }

    /// An alias at the top of a column.
    pub fn named_alias(&self, alias: &messages::Alias) -> Result<Named> {
        let named = self.output(child(alias.expr.as_deref())?)?;
        let name = alias.name.first().cloned().unwrap_or_default();
        Ok(match alias.metadata.as_deref() {
            None | Some("") => Named::new(named.expr, name),
            Some(text) => Named::new(aliased(named, &name, Some(metadata(text)?)).expr, name),
        })
    }

    fn item(&self, expression: &Expression) -> Result<Item> {
        let (inner, aliases) = match expr_type(expression)? {
            ExprType::Alias(alias) => (child(alias.expr.as_deref())?, alias.name.clone()),
            _ => (expression, Vec::new()),
        };
        let call = match expr_type(inner)? {
            ExprType::UnresolvedFunction(call) => Some((&call.function_name, &call.arguments)),
            ExprType::CallFunction(call) => Some((&call.function_name, &call.arguments)),
            ExprType::ExpressionString(text) => {
                let fragment = Fragment::without_tables(&text.expression)?;
                if let Some(name) = fragment.function()
                    && is_generator(&name)
                {
                    let args = fragment.arguments(&self.planner.session, &self.all_columns(), self.schema)?;
                    let aliases = if aliases.is_empty() { fragment.aliases() } else { aliases };
                    return Ok(Item::Generator { name, args, aliases });
                }
                None
            }
            _ => None,
        };
        if let Some((name, arguments)) = call {
            let name = name.to_ascii_lowercase();
            if is_generator(&name) {
                let args = self.exprs(arguments)?;
                return Ok(Item::Generator { name, args, aliases });
            }
        }
        Ok(Item::Column(self.output(expression)?))
    }

    /// The columns a star or a pattern of names stands for; nothing for other expressions.
    pub(super) fn star_columns(&self, expression: &Expression) -> Result<Option<Vec<Named>>> {
        Ok(Some(match expr_type(expression)? {
            ExprType::UnresolvedStar(star) => match star.plan_id {
                Some(id) => self.frame_columns(id)?,
                None => {
                    let target = star.unparsed_target.as_deref().map(|t| t.strip_suffix(".*").unwrap_or(t));
                    let parts = target.map(name_parts).transpose()?;
                    self.star(&parts.unwrap_or_default())?
                }
            },
            ExprType::UnresolvedRegex(regex) => self.matching(&regex.col_name)?,
            ExprType::ExpressionString(text) => match Fragment::without_tables(&text.expression)?.star() {
                Some((qualifier, except)) => {
                    let case = self.planner.session.case;
                    let mut columns = self.star(&qualifier)?;
                    columns.retain(|column| !except.iter().any(|name| case.same(name, &column.name)));
                    columns
                }
                None => return Ok(None),
            },
            _ => return Ok(None),
        }))
    }

    fn star(&self, qualifier: &[String]) -> Result<Vec<Named>> {
        let case = self.planner.session.case;
        let found: Vec<Named> = self
            .columns
            .iter()
            .filter(|column| !column.hidden || !qualifier.is_empty())
            .filter(|column| qualifier.is_empty() || ends_with(&column.qualifier, qualifier, case))
            .map(as_named)
            .collect();
        if !found.is_empty() || qualifier.is_empty() {
            return Ok(found);
        }
        // `s.*` may mean the fields of a struct.
        if let Ok(value) = self.column(qualifier, None)
            && let Some(fields) = self.struct_fields(&value)?
        {
            return Ok(fields);
        }
        if let Some(outer) = self.planner.outer.last() {
            let outside = OuterScope { columns: outer.columns.clone(), schema: Arc::clone(&outer.schema) };
            if let Some(columns) = outside.star(qualifier, case)? {
                return Ok(columns);
            }
        }
        let names: Vec<_> = self.columns.iter().map(|column| quote(&column.name)).collect();
        let target = qualifier.join(".");
        Err(SparkError::new(
            "CANNOT_RESOLVE_STAR_EXPAND",
            "42704",
            format!(
                "Cannot resolve {}.* given input columns {}. Please check that the specified table or struct exists and is accessible in the input columns.",
                quote(&target),
                names.join(", ")
            ),
        )
        .with_param("targetString", quote(&target))
        .with_param("columns", names.join(", ")))
    }

    fn struct_fields(&self, value: &Named) -> Result<Option<Vec<Named>>> {
        use datafusion::logical_expr::ExprSchemable;
        let datafusion::arrow::datatypes::DataType::Struct(fields) = value.expr.get_type(self.schema)? else {
            return Ok(None);
        };
        let case = self.planner.session.case;
        let taken = fields.iter().map(|field| {
            let named = crate::analysis::fields::field(&self.context(), value.clone(), field.name(), case)?;
            Ok(Named::new(named.expr, field.name().clone()))
        });
        taken.collect::<Result<Vec<_>>>().map(Some)
    }

    /// The columns of one DataFrame, all of which must still be given out.
    fn frame_columns(&self, id: i64) -> Result<Vec<Named>> {
        let whole = |frame: &&Frame| {
            frame.columns.iter().all(|column| column.hidden || self.schema.has_column(&column.column))
        };
        let frames: Vec<&Frame> = self.frames.get(id).unwrap_or_default().iter().filter(whole).collect();
        let nearest = frames.iter().map(|frame| frame.height).max();
        let mut nearest = frames.iter().filter(|frame| Some(frame.height) == nearest);
        let Some(frame) = nearest.next() else { return Err(out_of_reach("*")) };
        if nearest.any(|other| other.columns != frame.columns) {
            return Err(ambiguous(&["*".to_owned()]));
        }
        Ok(frame.columns.iter().filter(|c| !c.hidden).map(as_named).collect())
    }

    /// The columns whose whole name matches a pattern, which stands in backquotes.
    fn matching(&self, pattern: &str) -> Result<Vec<Named>> {
        let Some(pattern) = pattern.strip_prefix('`').and_then(|p| p.strip_suffix('`')) else {
            return Ok(vec![self.column(&name_parts(pattern)?, None)?]);
        };
        let flags = if self.planner.session.case.sensitive { "" } else { "(?i)" };
        let regex = Regex::new(&format!("{flags}^(?:{pattern})$")).map_err(|_| bad_pattern(pattern))?;
        let mut found = Vec::new();
        for column in self.columns.iter().filter(|column| !column.hidden) {
            if regex.is_match(&column.name).map_err(|_| bad_pattern(pattern))? {
                found.push(as_named(column));
            }
        }
        Ok(found)
    }
}

fn bad_pattern(pattern: &str) -> SparkError {
    SparkError::new(
        "INVALID_PARAMETER_VALUE.PATTERN",
        "22023",
        format!("The value of parameter(s) `regexp` in `colRegex` is invalid: '{pattern}'."),
    )
}

fn as_named(column: &ScopeColumn) -> Named {
    Named::new(Expr::Column(column.column.clone()), column.name.clone())
}
