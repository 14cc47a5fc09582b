//! Expressions of the syntax tree to typed expressions.

mod function;
mod names;
mod predicate;
mod subquery;

pub(super) use subquery::PlannedQuery;

use datafusion::common::DFSchema;
use datafusion::logical_expr::expr::Case;
use datafusion::logical_expr::{Expr, ExprSchemable, lit};
use datafusion::sql::sqlparser::ast::{self, BinaryOperator, CastKind, UnaryOperator, Value};

use super::{Planner, literal};
use crate::analysis::cast::cast_to_column;
use crate::analysis::operator::{self, Binary};
use crate::analysis::scope::ScopeColumn;
use crate::analysis::{Named, call, interval};
use crate::error::{Position, Result, SparkError};
use crate::sql::statement::ident_position;
use crate::types;

/// What names mean where an expression stands.
#[derive(Clone, Copy)]
pub(super) struct Names<'s> {
    /// The columns of the input.
    pub columns: &'s [ScopeColumn],
    /// Schema of the input.
    pub schema: &'s DFSchema,
    /// The select list, for clauses that may refer to it by alias.
    pub select: &'s [Named],
    /// The select list is looked at before the columns (ORDER BY, HAVING outside aggregates).
    pub prefer_select: bool,
    /// The expression is the condition of a filter or part of one.
    pub filters: bool,
    /// The expression is a part of the condition joined by AND only.
    pub conjunct: bool,
}

impl<'s> Names<'s> {
    /// Only the columns of the input.
    pub fn input(columns: &'s [ScopeColumn], schema: &'s DFSchema) -> Self {
        Self { columns, schema, select: &[], prefer_select: false, filters: false, conjunct: false }
    }

    /// For the condition of a filter.
    pub fn condition(self) -> Self {
        Self { filters: true, conjunct: true, ..self }
    }

    /// Below an expression of the condition.
    fn below(self, expr: &ast::Expr) -> Self {
        match expr {
            ast::Expr::Nested(_)
            | ast::Expr::InSubquery { .. }
            | ast::Expr::BinaryOp { op: BinaryOperator::And, .. } => self,
            _ => Self { conjunct: false, ..self },
        }
    }

    /// Inside an aggregate, names mean the input's columns first.
    pub(super) fn inside_aggregate(self) -> Self {
        Self { prefer_select: false, filters: false, conjunct: false, ..self }
    }
}

impl<'a> Planner<'a> {
    pub(super) fn context<'c>(&self, names: &Names<'c>) -> call::Context<'c>
    where
        'a: 'c,
    {
        self.schema_context(names.schema)
    }

    /// What calls need where there are no names.
    pub(super) fn schema_context<'c>(&self, schema: &'c DFSchema) -> call::Context<'c>
    where
        'a: 'c,
    {
        let session = self.session;
        call::Context {
            state: &session.state,
            schema,
            time_zone: &session.time_zone,
            conf: &session.conf,
            database: &session.database,
        }
    }

    /// An expression, its columns found and its types known.
    pub(super) fn expr(&mut self, expr: &ast::Expr, names: &Names<'_>) -> Result<Named> {
        let position = position_of(expr);
        self.untraced(expr, names).map_err(|error| error.at(position))
    }

    fn untraced(&mut self, expr: &ast::Expr, names: &Names<'_>) -> Result<Named> {
        use ast::Expr as E;
        let above = names;
        let names = &above.below(expr);
        match expr {
            E::Identifier(ident) => self.column(std::slice::from_ref(&ident.value), names),
            E::CompoundIdentifier(idents) => {
                let parts: Vec<_> = idents.iter().map(|ident| ident.value.clone()).collect();
                self.column(&parts, names)
            }
            E::Value(value) => match &value.value {
                Value::Placeholder(name) => Err(unbound(name, value.span.start.column)),
                value => literal::value(value),
            },
            E::TypedString(typed) => {
                let content = match &typed.value.value {
                    Value::SingleQuotedString(s) | Value::DoubleQuotedString(s) => s,
                    other => return Err(SparkError::unsupported(format!("the literal {other}"))),
                };
                literal::typed(&typed.data_type, content, &self.session.time_zone)
            }
            E::Interval(interval) => literal::interval(interval),
            E::Nested(inner) => self.expr(inner, names),
            E::BinaryOp { left, op, right } => {
                let left = self.expr(left, names)?;
                let right = self.expr(right, names)?;
                self.binary(op, left, right, names)
            }
            E::UnaryOp { op: UnaryOperator::Not | UnaryOperator::BangNot, expr: inner }
                if negated_query(inner).is_some() =>
            {
                match negated_query(inner) {
                    Some((value, query, negated)) => self.in_query(value, query, !negated, above),
                    None => self.expr(inner, names),
                }
            }
            E::UnaryOp { op, expr } => {
                let operand = self.expr(expr, names)?;
                match op {
                    UnaryOperator::Minus => operator::negative(operand, names.schema),
                    UnaryOperator::Plus => Ok(Named::new(operand.expr, format!("(+ {})", operand.name))),
                    UnaryOperator::Not | UnaryOperator::BangNot => operator::not(operand, names.schema),
                    UnaryOperator::BitwiseNot => {
                        let name = format!("~{}", operand.name);
                        let call = call::scalar(&self.context(names), "bitwise_not", vec![operand])?;
                        Ok(Named::new(call.expr, name))
                    }
                    other => Err(SparkError::unsupported(format!("the operator {other}"))),
                }
            }
            E::IsNull(e) => self.suffix(e, names, "IS NULL", |e| e.is_null()),
            E::IsNotNull(e) => self.suffix(e, names, "IS NOT NULL", |e| e.is_not_null()),
            E::IsTrue(e) => self.suffix(e, names, "<=> true", |e| e.is_true()),
            E::IsFalse(e) => self.suffix(e, names, "<=> false", |e| e.is_false()),
            E::IsUnknown(e) => self.suffix(e, names, "IS NULL", |e| e.is_unknown()),
            E::IsNotUnknown(e) => self.suffix(e, names, "IS NOT NULL", |e| e.is_not_unknown()),
            E::IsNotTrue(e) => {
                let named = self.suffix(e, names, "<=> true", |e| e.is_not_true())?;
                Ok(Named::new(named.expr, format!("(NOT {})", named.name)))
            }
            E::IsNotFalse(e) => {
                let named = self.suffix(e, names, "<=> false", |e| e.is_not_false())?;
                Ok(Named::new(named.expr, format!("(NOT {})", named.name)))
            }
            E::IsDistinctFrom(left, right) | E::IsNotDistinctFrom(left, right) => {
                let left = self.expr(left, names)?;
                let right = self.expr(right, names)?;
                let same = operator::binary(Binary::NullSafeEq, left, right, names.schema)?;
                match expr {
                    E::IsDistinctFrom(_, _) => operator::not(same, names.schema),
                    _ => Ok(same),
                }
            }
            E::Between { expr, negated, low, high } => {
                let value = self.expr(expr, names)?;
                let low = self.expr(low, names)?;
                let high = self.expr(high, names)?;
                operator::between(value, low, high, *negated, names.schema)
            }
            E::InList { expr, list, negated } => self.in_list(expr, list, *negated, names),
            E::InSubquery { expr, subquery, negated } => self.in_query(expr, subquery, *negated, names),
            E::Exists { subquery, negated } => self.exists(subquery, *negated, names),
            E::Subquery(query) => self.scalar_query(query, names),
            E::Like { negated, expr, pattern, escape_char, any: false } => {
                self.like(expr, pattern, escape_char.as_ref(), false, *negated, names)
            }
            E::ILike { negated, expr, pattern, escape_char, any: false } => {
                self.like(expr, pattern, escape_char.as_ref(), true, *negated, names)
            }
            E::AnyOp { left, compare_op, right, .. } => self.like_each(left, compare_op, right, false, names),
            E::AllOp { left, compare_op, right } => self.like_each(left, compare_op, right, true, names),
            E::RLike { negated, expr, pattern, .. } => {
                let args = vec![self.expr(expr, names)?, self.expr(pattern, names)?];
                let matched = call::scalar(&self.context(names), "rlike", args)?;
                if *negated { operator::not(matched, names.schema) } else { Ok(matched) }
            }
            E::Cast { kind, expr, data_type, .. } => self.cast(kind, expr, data_type, names),
            E::Case { operand, conditions, else_result, .. } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref(), names)
            }
            E::Extract { field, expr, .. } => {
                let source = self.expr(expr, names)?;
                let field = field.to_string();
                let name = format!("extract({} FROM {})", field.to_lowercase(), source.name);
                let part = call::extract(&self.context(names), &field.to_lowercase(), source.expr)?;
                Ok(Named::new(part, name))
            }
            E::Substring { expr, substring_from, substring_for, shorthand, .. } => {
                let mut args = vec![self.expr(expr, names)?];
                if let Some(from) = substring_from {
                    args.push(self.expr(from, names)?);
                }
                if let Some(length) = substring_for {
                    args.push(self.expr(length, names)?);
                }
                let name = if *shorthand { "substr" } else { "substring" };
                call::scalar(&self.context(names), name, args)
            }
            E::Trim { trim_where, trim_what, expr, .. } => {
                let source = self.expr(expr, names)?;
                let side = trim_where.map_or_else(|| "BOTH".to_owned(), |side| side.to_string());
                let function = match side.as_str() {
                    "LEADING" => "ltrim",
                    "TRAILING" => "rtrim",
                    _ => "btrim",
                };
                let what = trim_what.as_ref().map(|w| self.expr(w, names)).transpose()?;
                let name = match &what {
                    Some(what) => format!("TRIM({side} {} FROM {})", what.name, source.name),
                    None => format!("trim({})", source.name),
                };
                let args = match (what, function) {
                    (Some(what), "btrim") => vec![source, what],
                    (Some(what), _) => vec![what, source],
                    (None, _) => vec![source],
                };
                let call = call::scalar(&self.context(names), function, args)?;
                Ok(Named::new(call.expr, name))
            }
            E::Position { expr, r#in } => {
                let args = vec![self.expr(expr, names)?, self.expr(r#in, names)?];
                call::scalar(&self.context(names), "position", args)
            }
            E::CompoundFieldAccess { root, access_chain } => {
                let mut value = self.expr(root, names)?;
                for access in access_chain {
                    value = self.access(value, access, names)?;
                }
                Ok(value)
            }
            E::Function(function) => self.function(function, names),
            E::Tuple(items) => {
                let items: Result<Vec<_>> = items.iter().map(|e| self.expr(e, names)).collect();
                let items = items?;
                let shown: Vec<String> = items
                    .iter()
                    .enumerate()
                    .map(|(i, item)| match &item.expr {
                        Expr::Column(_) => format!("{}, {}", item.name, item.name),
                        _ => format!("col{}, {}", i + 1, item.name),
                    })
                    .collect();
                let row = call::scalar(&self.context(names), "struct", items)?;
                Ok(Named::new(row.expr, format!("named_struct({})", shown.join(", "))))
            }
            E::Lambda(_) => Err(SparkError::new(
                "UNSUPPORTED_FEATURE.LAMBDA_FUNCTION_OUTSIDE_OF_HIGHER_ORDER",
                "0A000",
                format!("The feature is not supported: the lambda {expr} outside a call that takes one."),
            )),
            E::Collate { .. } => Err(SparkError::unsupported("collations")),
            E::JsonAccess { value, path } => {
                let (path, name) = variant_path(&path.path)?;
                let args = vec![self.expr(value, names)?, Named::new(lit(path.as_str()), path.clone())];
                let found = call::scalar(&self.context(names), "variant_get", args)?;
                Ok(Named::new(found.expr, name))
            }
            other => Err(SparkError::unsupported(format!("the expression {other}"))),
        }
    }

    fn suffix(
        &mut self,
        operand: &ast::Expr,
        names: &Names<'_>,
        suffix: &str,
        build: impl Fn(Expr) -> Expr,
    ) -> Result<Named> {
        let operand = self.expr(operand, names)?;
        let name = format!("({} {suffix})", operand.name);
        Ok(Named::new(build(operand.expr), name))
    }

    fn binary(&mut self, op: &BinaryOperator, left: Named, right: Named, names: &Names<'_>) -> Result<Named> {
        let op = match op {
            BinaryOperator::Plus => Binary::Add,
            BinaryOperator::Minus => Binary::Subtract,
            BinaryOperator::Multiply => Binary::Multiply,
            BinaryOperator::Divide => Binary::Divide,
            BinaryOperator::MyIntegerDivide => Binary::IntDivide,
            BinaryOperator::Modulo => Binary::Remainder,
            BinaryOperator::Eq => Binary::Eq,
            BinaryOperator::Spaceship => Binary::NullSafeEq,
            BinaryOperator::NotEq => Binary::NotEq,
            BinaryOperator::Lt => Binary::Lt,
            BinaryOperator::LtEq => Binary::LtEq,
            BinaryOperator::Gt => Binary::Gt,
            BinaryOperator::GtEq => Binary::GtEq,
            BinaryOperator::And => Binary::And,
            BinaryOperator::Or => Binary::Or,
            BinaryOperator::BitwiseAnd => Binary::BitAnd,
            BinaryOperator::BitwiseOr => Binary::BitOr,
            BinaryOperator::BitwiseXor => Binary::BitXor,
            BinaryOperator::PGBitwiseShiftLeft => Binary::ShiftLeft,
            BinaryOperator::PGBitwiseShiftRight => Binary::ShiftRight,
            BinaryOperator::Custom(op) if op == ">>>" => {
                let name = format!("({} >>> {})", left.name, right.name);
                let call = call::scalar(&self.context(names), "shiftrightunsigned", vec![left, right])?;
                return Ok(Named::new(call.expr, name));
            }
            BinaryOperator::StringConcat => {
                return call::scalar(&self.context(names), "concat", vec![left, right]);
            }
            other => return Err(SparkError::unsupported(format!("the operator {other}"))),
        };
        operator::binary_in(op, left, right, names.schema, &self.session.time_zone)
    }

    fn cast(
        &mut self,
        kind: &CastKind,
        expr: &ast::Expr,
        data_type: &ast::DataType,
        names: &Names<'_>,
    ) -> Result<Named> {
        let value = self.expr(expr, names)?;
        let target = types::from_sql_marked(data_type, &self.session.time_zone)?;
        let tolerant = matches!(kind, CastKind::TryCast | CastKind::SafeCast);
        let function = if tolerant { "TRY_CAST" } else { "CAST" };
        // A cast column keeps its name, as in Spark, but only where nothing stands around it.
        let name = format!("{function}({} AS {})", value.name, types::sql_name_of(&target));
        let expr = cast_to_column(value, &target, tolerant, names.schema)?;
        Ok(Named::new(expr, name))
    }

    fn case(
        &mut self,
        operand: Option<&ast::Expr>,
        conditions: &[ast::CaseWhen],
        otherwise: Option<&ast::Expr>,
        names: &Names<'_>,
    ) -> Result<Named> {
        let operand = operand.map(|e| self.expr(e, names)).transpose()?;
        let mut text = "CASE".to_owned();
        let mut branches = Vec::with_capacity(conditions.len());
        for branch in conditions {
            let condition = self.expr(&branch.condition, names)?;
            let condition = match &operand {
                Some(operand) => operator::binary(Binary::Eq, operand.clone(), condition, names.schema)?,
                None => condition,
            };
            let result = self.expr(&branch.result, names)?;
            text.push_str(&format!(" WHEN {} THEN {}", condition.name, result.name));
            branches.push((Box::new(condition.expr), Box::new(result.expr)));
        }
        let otherwise = otherwise.map(|e| self.expr(e, names)).transpose()?;
        if let Some(otherwise) = &otherwise {
            text.push_str(&format!(" ELSE {}", otherwise.name));
        }
        text.push_str(" END");
        let case = Case::new(None, branches, otherwise.map(|e| Box::new(e.expr)));
        Ok(Named::new(Expr::Case(case), text))
    }

    /// Sort keys with direction and place of nulls: ascending puts them first, descending last.
    pub(super) fn sort_keys(
        &mut self,
        keys: &[ast::OrderByExpr],
        names: &Names<'_>,
    ) -> Result<Vec<(Named, bool, bool)>> {
        keys.iter()
            .map(|key| {
                let asc = key.options.asc.unwrap_or(true);
                let nulls_first = key.options.nulls_first.unwrap_or(asc);
                let named = self.expr(&key.expr, names)?;
                if interval::is_calendar(&named.expr.get_type(names.schema)?) {
                    let (way, nulls) =
                        (if asc { "ASC" } else { "DESC" }, if nulls_first { "FIRST" } else { "LAST" });
                    let text = format!("{} {way} NULLS {nulls}", named.name);
                    return Err(interval::not_ordered(&text, "sortorder").at(position_of(&key.expr)));
                }
                Ok((named, asc, nulls_first))
            })
            .collect()
    }
}

/// `x [NOT] IN (query)` below parentheses, which NOT before it turns around.
fn negated_query(expr: &ast::Expr) -> Option<(&ast::Expr, &ast::Query, bool)> {
    match expr {
        ast::Expr::Nested(inner) => negated_query(inner),
        ast::Expr::InSubquery { expr, subquery, negated } => Some((expr, subquery, *negated)),
        _ => None,
    }
}

/// A parameter without a value.
fn unbound(name: &str, column: u64) -> SparkError {
    // A question mark is called after its place.
    let shown = match name.strip_prefix(':') {
        Some(name) => name.to_owned(),
        None => format!("_{}", column.saturating_sub(1)),
    };
    SparkError::new(
        "UNBOUND_SQL_PARAMETER",
        "42P02",
        format!(
            "Found the unbound parameter: {shown}. Please, fix `args` and provide a mapping of the parameter to either a SQL literal or collection constructor functions such as `map()`, `array()`, `struct()`."
        ),
    )
    .with_param("name", shown)
}

/// Where an expression starts, as far as the parser kept it.
pub(super) fn position_of(expr: &ast::Expr) -> Option<Position> {
    use ast::Expr as E;
    match expr {
        E::Identifier(ident) => ident_position(ident),
        E::CompoundIdentifier(idents) => idents.first().and_then(ident_position),
        E::Function(f) => f.name.0.first().and_then(|p| p.as_ident()).and_then(ident_position),
        E::BinaryOp { left, .. } => position_of(left),
        E::Value(v) if v.span.start.line > 0 => Some(crate::sql::lex::position(v.span.start)),
        E::IsNull(e) | E::IsNotNull(e) => position_of(e),
        E::Between { expr, .. } | E::InList { expr, .. } | E::Like { expr, .. } => position_of(expr),
        _ => None,
    }
}

/// What follows the operator `:` as a path of `variant_get`, and the name of its last member.
fn variant_path(steps: &[ast::JsonPathElem]) -> Result<(String, String)> {
    let (mut path, mut name) = ("$".to_owned(), String::new());
    for step in steps {
        match step {
            ast::JsonPathElem::Dot { key, .. } => {
                path.push_str(&format!("[\"{key}\"]"));
                name.clone_from(key);
            }
            ast::JsonPathElem::Bracket { key } | ast::JsonPathElem::ColonBracket { key } => match key {
                ast::Expr::Value(ast::ValueWithSpan { value: ast::Value::Number(index, _), .. }) => {
                    path.push_str(&format!("[{index}]"));
                }
                ast::Expr::Value(ast::ValueWithSpan {
                    value: ast::Value::SingleQuotedString(key), ..
                }) => {
                    path.push_str(&format!("['{key}']"));
                    name.clone_from(key);
                }
                other => return Err(SparkError::unsupported(format!("the path {other} into a variant"))),
            },
        }
    }
    Ok((path, name))
}
