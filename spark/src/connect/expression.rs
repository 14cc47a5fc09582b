//! Expressions of messages to typed expressions.

mod attribute;
mod function;
mod list;
mod subquery;
mod window;

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::common::DFSchema;
use datafusion::logical_expr::expr::FieldMetadata;
use datafusion::logical_expr::{Expr, Subquery};

pub(super) use self::attribute::name_parts;
pub(super) use self::list::Item;
pub(super) use self::subquery::ids as subquery_ids;
use super::planner::{Planner, wider};
use super::proto::Expression;
use super::proto::expression::{self as messages, ExprType};
use super::proto::origin::Function as Origin;
use super::scope::{Below, Frames, Scope};
use super::{data_type, literal};
use crate::analysis::cast::cast_to_column;
use crate::analysis::scope::ScopeColumn;
use crate::analysis::select::SortKey;
use crate::analysis::{Named, call, fields};
use crate::error::{CallSite, Result, SparkError};
use crate::session::Snapshot;
use crate::sql::plan::OuterScope;
use crate::sql::plan::fragment::Fragment;
use crate::types;

/// Expressions may not be nested deeper; a chain of one operator counts once.
const MAX_DEPTH: usize = super::depth::MAX_DEPTH;

/// Resolves expressions over one relation.
#[derive(Clone)]
pub(super) struct Resolver<'a> {
    planner: &'a Planner<'a>,
    columns: &'a [ScopeColumn],
    frames: &'a Frames,
    schema: &'a DFSchema,
    subqueries: &'a HashMap<i64, Subquery>,
    below: Option<&'a Below>,
    /// Columns that come earlier in the same list.
    earlier: Arc<[Named]>,
    /// Parameters of the lambdas around the expression, innermost last.
    variables: Vec<(String, Named)>,
    depth: usize,
}

impl<'a> Resolver<'a> {
    pub fn new(
        planner: &'a Planner<'a>,
        columns: &'a [ScopeColumn],
        frames: &'a Frames,
        schema: &'a DFSchema,
        subqueries: &'a HashMap<i64, Subquery>,
    ) -> Self {
        let (earlier, variables) = (Arc::default(), Vec::new());
        Self { planner, columns, frames, schema, subqueries, below: None, earlier, variables, depth: 0 }
    }

    /// Names may also mean what the projection at the top of the scope leaves out; `wide` is
    /// the schema of both, see [`wide_schema`].
    pub fn with_below(self, below: Option<&'a Below>, wide: &'a DFSchema) -> Self {
        Self { below, schema: wide, ..self }
    }

    /// What calls of functions need to know.
    pub fn context(&self) -> call::Context<'_> {
        call::Context {
            state: &self.planner.session.state,
            schema: self.schema,
            time_zone: &self.planner.session.time_zone,
            conf: &self.planner.session.conf,
            database: &self.planner.session.database,
        }
    }

    /// What planning needs to know of the session.
    pub fn session(&self) -> &'a Snapshot {
        &self.planner.session
    }

    /// The columns that names may mean.
    pub fn schema(&self) -> &'a DFSchema {
        self.schema
    }

    fn deeper(&self) -> Result<Self> {
        if self.depth >= MAX_DEPTH {
            return Err(SparkError::unsupported(format!(
                "expressions nested deeper than {MAX_DEPTH} levels"
            )));
        }
        Ok(Self { depth: self.depth + 1, ..self.clone() })
    }

    /// An expression, its columns found and its types known.
    ///
    /// A nested alias keeps its place in the name, as in `struct(a AS b)`.
    pub fn expr(&self, expression: &Expression) -> Result<Named> {
        self.anywhere(expression).map_err(|error| error.called_at(|| call_site(expression)))
    }

    fn anywhere(&self, expression: &Expression) -> Result<Named> {
        match expr_type(expression)? {
            ExprType::Literal(value) => literal::named(value, self.planner.time_zone()),
            ExprType::UnresolvedAttribute(attribute) => self.attribute(attribute),
            ExprType::UnresolvedFunction(call) => {
                self.deeper()?.function(&call.function_name, &call.arguments, call.is_distinct)
            }
            ExprType::CallFunction(call) => {
                let parts = name_parts(&call.function_name)?;
                match self.deeper()?.routine(&parts, &call.arguments, false)? {
                    Some(call) => Ok(call),
                    None => {
                        let name = parts.last().map_or("", String::as_str);
                        self.deeper()?.function(name, &call.arguments, false)
                    }
                }
            }
            ExprType::ExpressionString(text) => {
                let fragment = Fragment::without_tables(&text.expression)?;
                let named = self.written(&fragment)?;
                match fragment.aliases().pop() {
                    None => Ok(named),
                    Some(alias) => Ok(aliased(named, &alias, None)),
                }
            }
            ExprType::Alias(alias) => self.deeper()?.alias(alias),
            ExprType::Cast(cast) => self.deeper()?.cast(cast),
            ExprType::SortOrder(order) => self.expr(child(order.child.as_deref())?),
            ExprType::Window(window) => self.deeper()?.window(window),
            ExprType::UnresolvedExtractValue(extract) => {
                let inner = self.deeper()?;
                let value = inner.expr(child(extract.child.as_deref())?)?;
                let key = inner.expr(child(extract.extraction.as_deref())?)?;
                fields::extract(&self.context(), value, key, self.planner.session.case)
            }
            ExprType::UpdateFields(update) => self.deeper()?.update_fields(update),
            ExprType::UnresolvedNamedLambdaVariable(variable) => self.variable(&variable.name_parts),
            ExprType::CommonInlineUserDefinedFunction(function) => self.deeper()?.user_defined(function),
            ExprType::NamedArgumentExpression(argument) => self.expr(child(argument.value.as_deref())?),
            ExprType::SubqueryExpression(subquery) => self.deeper()?.subquery(subquery),
            ExprType::DirectShufflePartitionId(id) => self.expr(child(id.child.as_deref())?),
            ExprType::UnresolvedStar(_) | ExprType::UnresolvedRegex(_) => Err(SparkError::new(
                "INVALID_USAGE_OF_STAR_OR_REGEX",
                "42000",
                "Invalid usage of '*' in expression.",
            )),
            ExprType::LambdaFunction(_) => Err(SparkError::new(
                "INVALID_LAMBDA_FUNCTION_CALL.NON_HIGHER_ORDER_FUNCTION",
                "42K0D",
                "Invalid lambda function call. A lambda function should only be used in a higher order function.",
            )),
            ExprType::MergeAction(_) => Err(SparkError::unsupported("MERGE INTO")),
            ExprType::TypedAggregateExpression(_) => {
                Err(SparkError::unsupported("typed aggregates of Scala and Java"))
            }
            ExprType::Extension(_) => Err(SparkError::unsupported("expressions of plugins")),
        }
    }

    /// Several expressions; stars among them stand for their columns.
    pub fn exprs(&self, expressions: &[Expression]) -> Result<Vec<Named>> {
        let mut all = Vec::with_capacity(expressions.len());
        for expression in expressions {
            match self.star_columns(expression)? {
                Some(columns) => all.extend(columns),
                None => all.push(self.expr(expression)?),
            }
        }
        Ok(all)
    }

    /// Sort keys: ascending puts nulls first, descending last, unless told otherwise.
    pub fn sort_keys(&self, orders: &[messages::SortOrder]) -> Result<Vec<SortKey>> {
        orders.iter().map(|order| self.sort_key(order)).collect()
    }

    fn sort_key(&self, order: &messages::SortOrder) -> Result<SortKey> {
        use messages::sort_order::{NullOrdering, SortDirection};
        let ascending = order.direction() != SortDirection::Descending;
        let nulls_first = match order.null_ordering() {
            NullOrdering::SortNullsFirst => true,
            NullOrdering::SortNullsLast => false,
            NullOrdering::SortNullsUnspecified => ascending,
        };
        let key = self.expr(child(order.child.as_deref())?)?;
        Ok((Named::new(key.expr.unalias(), key.name), ascending, nulls_first))
    }

    /// Sort keys of expressions, each with or without a direction.
    pub fn keys(&self, expressions: &[Expression]) -> Result<Vec<SortKey>> {
        expressions
            .iter()
            .map(|expression| match &expression.expr_type {
                Some(ExprType::SortOrder(order)) => self.sort_key(order),
                _ => Ok((self.expr(expression)?, true, true)),
            })
            .collect()
    }

    fn alias(&self, alias: &messages::Alias) -> Result<Named> {
        let named = self.expr(child(alias.expr.as_deref())?)?;
        match alias.name.as_slice() {
            [name] => Ok(aliased(named, name, alias.metadata.as_deref().map(metadata).transpose()?)),
            names => Err(SparkError::new(
                "MULTI_ALIAS_WITHOUT_GENERATOR",
                "42K0E",
                format!(
                    "Multi part aliasing ({}) is not supported with {} as it is not a generator function.",
                    names.join(", "),
                    named.name
                ),
            )),
        }
    }

    fn cast(&self, message: &messages::Cast) -> Result<Named> {
        use messages::cast::{CastToType, EvalMode};
        let value = self.expr(child(message.expr.as_deref())?)?;
        let zone = self.planner.time_zone();
        let target = match &message.cast_to_type {
            Some(CastToType::Type(to)) => data_type::column_from_proto(to, zone)?,
            Some(CastToType::TypeStr(text)) => data_type::parse_column(text, zone)?,
            None => return Err(missing("the type of a cast")),
        };
        let tolerant = message.eval_mode() == EvalMode::Try;
        let function = if tolerant { "TRY_CAST" } else { "CAST" };
        let name = format!("{function}({} AS {})", value.name, types::sql_name_of(&target));
        Ok(Named::new(
            cast_to_column(Named::new(value.expr.unalias(), value.name), &target, tolerant, self.schema)?,
            name,
        ))
    }

    fn update_fields(&self, update: &messages::UpdateFields) -> Result<Named> {
        let structure = self.expr(child(update.struct_expression.as_deref())?)?;
        let value = update.value_expression.as_deref().map(|value| self.expr(value)).transpose()?;
        let path = name_parts(&update.field_name)?;
        let expr = fields::update(
            &self.context(),
            &structure.expr,
            &path,
            value.as_ref().map(|value| &value.expr),
            self.planner.session.case,
        )?;
        let operation = match &value {
            Some(value) => format!("WithField({})", value.name),
            None => format!("dropfield({})", update.field_name),
        };
        Ok(Named::new(expr, format!("update_fields({}, {operation})", structure.name)))
    }

    fn variable(&self, parts: &[String]) -> Result<Named> {
        let Some((first, rest)) = parts.split_first() else {
            return Err(missing("the name of a lambda variable"));
        };
        let found = self.variables.iter().rev().find(|(name, _)| name == first);
        let Some((_, named)) = found else {
            return Err(SparkError::column_not_found(parts, &[]));
        };
        let mut named = named.clone();
        for field in rest {
            named = fields::field(&self.context(), named, field, self.planner.session.case)?;
        }
        Ok(named)
    }

    /// An expression written as SQL text.
    fn written(&self, fragment: &Fragment) -> Result<Named> {
        let outer = self
            .planner
            .outer
            .iter()
            .map(|outer| OuterScope { columns: outer.columns.clone(), schema: Arc::clone(&outer.schema) });
        fragment.expr_within(&self.planner.session, &self.all_columns(), self.schema, outer.collect())
    }

    /// The columns, and those below whose names they do not take.
    fn all_columns(&self) -> Vec<ScopeColumn> {
        let case = self.planner.session.case;
        let taken = |c: &&ScopeColumn| !self.columns.iter().any(|own| case.same(&own.name, &c.name));
        self.columns.iter().chain(self.below().iter().filter(taken)).cloned().collect()
    }

    fn below(&self) -> &'a [ScopeColumn] {
        self.below.map_or(&[], |below| &below.columns)
    }
}

/// The schema of a scope together with what lies below its projection.
pub(super) fn wide_schema(scope: &Scope) -> Result<DFSchema> {
    match &scope.below {
        Some(below) => wider(scope.plan.schema(), &below.schema),
        None => Ok(scope.plan.schema().as_ref().clone()),
    }
}

/// An expression under another name; where it stands inside another, both are shown.
pub(super) fn aliased(named: Named, alias: &str, metadata: Option<FieldMetadata>) -> Named {
    let name = format!("{} AS {alias}", named.name);
    Named::new(named.expr.unalias().alias_with_metadata(alias, metadata), name)
}

/// The metadata of a column as the message carries it: a JSON object.
pub(super) fn metadata(text: &str) -> Result<FieldMetadata> {
    Ok(FieldMetadata::from(data_type::json::metadata_from(text)?))
}

/// Where the program made an expression, as its client tells.
fn call_site(expression: &Expression) -> Option<CallSite> {
    match expression.common.as_ref()?.origin.as_ref()?.function.as_ref()? {
        Origin::PythonOrigin(python) => {
            Some(CallSite { fragment: python.fragment.clone(), call_site: python.call_site.clone() })
        }
        Origin::JvmOrigin(_) => None,
    }
}

/// The arm of an expression.
pub(super) fn expr_type(expression: &Expression) -> Result<&ExprType> {
    expression.expr_type.as_ref().ok_or_else(|| missing("an expression"))
}

/// A part that must be there.
pub(super) fn child(expression: Option<&Expression>) -> Result<&Expression> {
    expression.ok_or_else(|| missing("an operand"))
}

/// A message without a part it must have.
pub(super) fn missing(what: &str) -> SparkError {
    SparkError::new(
        "CONNECT_INVALID_PLAN.FIELD_MISSING",
        "56K00",
        format!("The Spark Connect plan is invalid. It lacks {what}."),
    )
}

/// The value of an expression that must be a literal integer.
pub(super) fn integer(expr: &Expr) -> Option<i64> {
    use datafusion::common::ScalarValue as V;
    match expr {
        Expr::Literal(V::Int8(Some(v)), _) => Some(i64::from(*v)),
        Expr::Literal(V::Int16(Some(v)), _) => Some(i64::from(*v)),
        Expr::Literal(V::Int32(Some(v)), _) => Some(i64::from(*v)),
        Expr::Literal(V::Int64(Some(v)), _) => Some(*v),
        _ => None,
    }
}
