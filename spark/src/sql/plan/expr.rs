//! Expressions of the syntax tree to typed expressions.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DFSchema, ExprSchema, ScalarValue, Spans};
use datafusion::logical_expr::expr::{Case, Exists, InSubquery};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, Projection, Subquery, lit};
use datafusion::sql::sqlparser::ast::{
    self, AccessExpr, BinaryOperator, CastKind, CeilFloorKind, FunctionArg, FunctionArgExpr,
    FunctionArguments, Subscript, UnaryOperator, Value,
};

use super::{Planner, literal};
use crate::analysis::cast::cast;
use crate::analysis::operator::{self, Binary};
use crate::analysis::scope::{ScopeColumn, find};
use crate::analysis::{Named, call};
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
}

impl<'s> Names<'s> {
    /// Only the columns of the input.
    pub fn input(columns: &'s [ScopeColumn], schema: &'s DFSchema) -> Self {
        Self { columns, schema, select: &[], prefer_select: false }
    }

    /// Inside an aggregate, names mean the input's columns first.
    fn inside_aggregate(self) -> Self {
        Self { prefer_select: false, ..self }
    }
}

impl Planner<'_> {
    pub(super) fn context<'c>(&'c self, names: &Names<'c>) -> call::Context<'c> {
        call::Context { state: &self.session.state, schema: names.schema, time_zone: &self.session.time_zone }
    }

    /// An expression, its columns found and its types known.
    pub(super) fn expr(&mut self, expr: &ast::Expr, names: &Names<'_>) -> Result<Named> {
        let position = position_of(expr);
        self.untraced(expr, names).map_err(|error| error.at(position))
    }

    fn untraced(&mut self, expr: &ast::Expr, names: &Names<'_>) -> Result<Named> {
        use ast::Expr as E;
        match expr {
            E::Identifier(ident) => self.column(std::slice::from_ref(&ident.value), names),
            E::CompoundIdentifier(idents) => {
                let parts: Vec<_> = idents.iter().map(|ident| ident.value.clone()).collect();
                self.column(&parts, names)
            }
            E::Value(value) => literal::value(&value.value),
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
            E::InList { expr, list, negated } => {
                let value = self.expr(expr, names)?;
                let list: Result<Vec<_>> = list.iter().map(|e| self.expr(e, names)).collect();
                operator::in_list(value, list?, *negated, names.schema)
            }
            E::InSubquery { expr, subquery, negated } => {
                let value = self.expr(expr, names)?;
                let subquery = self.subquery(subquery, names)?;
                let name = format!("({} IN (listquery()))", value.name);
                let name = if *negated { format!("(NOT {name})") } else { name };
                let expr = InSubquery::new(Box::new(value.expr), subquery, *negated);
                Ok(Named::new(Expr::InSubquery(expr), name))
            }
            E::Exists { subquery, negated } => {
                let subquery = self.subquery(subquery, names)?;
                let name = if *negated { "(NOT exists())" } else { "exists()" };
                Ok(Named::new(Expr::Exists(Exists::new(subquery, *negated)), name))
            }
            E::Subquery(query) => {
                let subquery = self.subquery(query, names)?;
                let columns = subquery.subquery.schema().fields().len();
                if columns != 1 {
                    return Err(SparkError::new(
                        "INVALID_SUBQUERY_EXPRESSION.SCALAR_SUBQUERY_RETURN_MORE_THAN_ONE_OUTPUT_COLUMN",
                        "42823",
                        format!("Invalid subquery:\nScalar subquery must return only one column, but got {columns}."),
                    )
                    .with_param("number", columns.to_string()));
                }
                Ok(Named::new(Expr::ScalarSubquery(subquery), "scalarsubquery()"))
            }
            E::Like { negated, expr, pattern, escape_char, any: false } => {
                self.like(expr, pattern, escape_char.as_ref(), false, *negated, names)
            }
            E::ILike { negated, expr, pattern, escape_char, any: false } => {
                self.like(expr, pattern, escape_char.as_ref(), true, *negated, names)
            }
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
            E::Ceil { expr: arg, field } | E::Floor { expr: arg, field } => {
                if !matches!(field, CeilFloorKind::DateTimeField(ast::DateTimeField::NoDateTime)) {
                    return Err(SparkError::unsupported("ceil and floor with a scale"));
                }
                let name = if matches!(expr, E::Ceil { .. }) { "ceil" } else { "floor" };
                let arg = self.expr(arg, names)?;
                call::scalar(&self.context(names), name, vec![arg])
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
                call::scalar(&self.context(names), "struct", items?)
            }
            E::Array(array) => {
                let items: Result<Vec<_>> = array.elem.iter().map(|e| self.expr(e, names)).collect();
                call::scalar(&self.context(names), "array", items?)
            }
            other => Err(SparkError::unsupported(format!("the expression {other}"))),
        }
    }

    /// A name: a column, a field of a struct in one, an alias, a column of an outer query.
    fn column(&mut self, parts: &[String], names: &Names<'_>) -> Result<Named> {
        if names.prefer_select
            && let Some(named) = self.alias(parts, names)
        {
            return Ok(named);
        }
        if let Some(found) = find(names.columns, parts, self.session.case)? {
            let expr = Expr::Column(found.column.column.clone());
            let shown = parts[parts.len() - found.fields.len() - 1].clone();
            return self.fields(Named::new(expr, shown), found.fields, names.schema);
        }
        if let Some(named) = self.alias(parts, names) {
            return Ok(named);
        }
        for outer in self.outer.iter().rev() {
            if let Some(found) = find(&outer.columns, parts, self.session.case)? {
                let column = found.column.column.clone();
                let field = outer.schema.field_from_column(&column)?;
                let expr = Expr::OuterReferenceColumn(Arc::clone(field), column);
                let shown = parts[parts.len() - found.fields.len() - 1].clone();
                return self.fields(Named::new(expr, shown), found.fields, &DFSchema::empty());
            }
        }
        if let [name] = parts
            && matches!(
                name.to_ascii_lowercase().as_str(),
                "current_date" | "current_timestamp" | "current_user" | "user" | "current_time"
            )
        {
            let named = call::scalar(&self.context(names), &name.to_ascii_lowercase(), vec![])?;
            return Ok(named);
        }
        let candidates: Vec<_> = names.columns.iter().filter(|c| !c.hidden).map(ScopeColumn::parts).collect();
        Err(SparkError::column_not_found(parts, &candidates))
    }

    /// The expression of the select list that has this alias.
    fn alias(&self, parts: &[String], names: &Names<'_>) -> Option<Named> {
        let [name] = parts else { return None };
        let found = names.select.iter().find(|item| self.session.case.same(&item.name, name))?;
        Some(Named::new(found.expr.clone(), name.clone()))
    }

    /// Fields of a struct, outermost first.
    fn fields(&self, mut value: Named, fields: &[String], schema: &DFSchema) -> Result<Named> {
        for field in fields {
            let data_type = value.expr.get_type(schema)?;
            let DataType::Struct(members) = &data_type else {
                return Err(SparkError::new(
                    "INVALID_EXTRACT_BASE_FIELD_TYPE",
                    "42000",
                    format!(
                        "Can't extract a value from \"{}\". Need a complex type [STRUCT, ARRAY, MAP] but got \"{}\".",
                        value.name,
                        types::sql_name(&data_type)
                    ),
                ));
            };
            let Some(member) = members.iter().find(|m| self.session.case.same(m.name(), field)) else {
                let known: Vec<_> = members.iter().map(|m| format!("`{}`", m.name())).collect();
                return Err(SparkError::new(
                    "FIELD_NOT_FOUND",
                    "42704",
                    format!("No such struct field `{field}` in {}.", known.join(", ")),
                ));
            };
            let args = vec![value.expr, lit(member.name().clone())];
            let expr = datafusion::functions::core::get_field().call(args);
            value = Named::new(expr, field.clone());
        }
        Ok(value)
    }

    fn access(&mut self, value: Named, access: &AccessExpr, names: &Names<'_>) -> Result<Named> {
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
        let expr = match data_type {
            DataType::Map(_, _) => call::map_value(&context, value.expr, index.expr)?,
            list if list.is_list() => call::array_item(&context, value.expr, index.expr)?,
            other => {
                return Err(SparkError::new(
                    "INVALID_EXTRACT_BASE_FIELD_TYPE",
                    "42000",
                    format!(
                        "Can't extract a value from \"{}\". Need a complex type [STRUCT, ARRAY, MAP] but got \"{}\".",
                        value.name,
                        types::sql_name(&other)
                    ),
                ));
            }
        };
        Ok(Named::new(expr, name))
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
            BinaryOperator::StringConcat => {
                return call::scalar(&self.context(names), "concat", vec![left, right]);
            }
            other => return Err(SparkError::unsupported(format!("the operator {other}"))),
        };
        operator::binary(op, left, right, names.schema)
    }

    fn like(
        &mut self,
        value: &ast::Expr,
        pattern: &ast::Expr,
        escape: Option<&ast::ValueWithSpan>,
        insensitive: bool,
        negated: bool,
        names: &Names<'_>,
    ) -> Result<Named> {
        let value = self.expr(value, names)?;
        let pattern = self.expr(pattern, names)?;
        let escape = match escape.map(|e| &e.value) {
            None => None,
            Some(Value::SingleQuotedString(s)) if s.chars().count() == 1 => s.chars().next(),
            Some(other) => {
                return Err(SparkError::new(
                    "INVALID_ESCAPE_CHAR",
                    "42604",
                    format!("`EscapeChar` should be a string literal of length one, but got {other}."),
                ));
            }
        };
        operator::like(value, pattern, escape, insensitive, negated, names.schema)
    }

    fn cast(
        &mut self,
        kind: &CastKind,
        expr: &ast::Expr,
        data_type: &ast::DataType,
        names: &Names<'_>,
    ) -> Result<Named> {
        let value = self.expr(expr, names)?;
        let target = types::from_sql(data_type, &self.session.time_zone)?;
        let tolerant = matches!(kind, CastKind::TryCast | CastKind::SafeCast);
        let function = if tolerant { "TRY_CAST" } else { "CAST" };
        // A cast column keeps its name, as in Spark, but only where nothing stands around it.
        let name = format!("{function}({} AS {})", value.name, types::sql_name(&target));
        let expr = cast(value.expr, &target, tolerant, names.schema)?;
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

    /// A query in an expression; its names may mean columns of this query.
    fn subquery(&mut self, query: &ast::Query, names: &Names<'_>) -> Result<Subquery> {
        self.outer.push(super::OuterScope {
            columns: names.columns.to_vec(),
            schema: Arc::new(names.schema.clone()),
        });
        let planned = self.query(query).and_then(super::finish);
        self.outer.pop();
        // Decorrelation adds inner columns to this projection, so its own names must be no column's.
        let plan = match planned? {
            LogicalPlan::Projection(projection) => {
                let exprs = projection.expr.into_iter().enumerate();
                let exprs = exprs.map(|(i, e)| e.unalias().alias(format!("__subquery_{i}"))).collect();
                LogicalPlan::Projection(Projection::try_new(exprs, projection.input)?)
            }
            other => other,
        };
        let outer_ref_columns = plan.all_out_ref_exprs();
        Ok(Subquery { subquery: Arc::new(plan), outer_ref_columns, spans: Spans::new() })
    }

    fn function(&mut self, function: &ast::Function, names: &Names<'_>) -> Result<Named> {
        let parts: Vec<_> = function.name.0.iter().filter_map(|p| p.as_ident()).collect();
        let Some(ident) = parts.last() else {
            return Err(SparkError::routine_not_found(&function.name.to_string()));
        };
        let name = ident.value.to_lowercase();
        let list = match &function.args {
            FunctionArguments::None => None,
            FunctionArguments::List(list) => Some(list),
            FunctionArguments::Subquery(_) => {
                return Err(SparkError::unsupported(format!("a subquery as argument of {name}")));
            }
        };
        let is_aggregate = call::is_aggregate(&self.context(names), &name);
        let inner = if is_aggregate { names.inside_aggregate() } else { *names };
        let mut args = Vec::new();
        for arg in list.map(|l| l.args.as_slice()).unwrap_or_default() {
            args.push(self.argument(&name, arg, &inner)?);
        }
        if let Some(over) = &function.over {
            return self.window_call(function, &name, args, over, names);
        }
        if !is_aggregate {
            if function.filter.is_some() || list.is_some_and(|l| l.duplicate_treatment.is_some()) {
                return Err(SparkError::unsupported(format!("DISTINCT or FILTER on the function {name}")));
            }
            return call::scalar(&self.context(names), &name, args);
        }
        let options = self.aggregate_options(function, names)?;
        call::aggregate(&self.context(names), &name, args, options)
    }

    /// DISTINCT, FILTER, ORDER BY and IGNORE NULLS of an aggregate.
    pub(super) fn aggregate_options(
        &mut self,
        function: &ast::Function,
        names: &Names<'_>,
    ) -> Result<call::AggregateOptions> {
        let inner = names.inside_aggregate();
        let mut options = call::AggregateOptions::default();
        if let FunctionArguments::List(list) = &function.args {
            options.distinct = matches!(list.duplicate_treatment, Some(ast::DuplicateTreatment::Distinct));
            for clause in &list.clauses {
                match clause {
                    ast::FunctionArgumentClause::IgnoreOrRespectNulls(treatment) => {
                        options.ignore_nulls = matches!(treatment, ast::NullTreatment::IgnoreNulls);
                    }
                    ast::FunctionArgumentClause::OrderBy(keys) => {
                        let keys = self.sort_keys(keys, &inner)?;
                        options.order_by = call::sort_exprs(&keys);
                    }
                    other => return Err(SparkError::unsupported(format!("{other} in a call"))),
                }
            }
        }
        if matches!(function.null_treatment, Some(ast::NullTreatment::IgnoreNulls)) {
            options.ignore_nulls = true;
        }
        if let Some(filter) = &function.filter {
            options.filter = Some(self.expr(filter, &inner)?);
        }
        if !function.within_group.is_empty() {
            let keys = self.sort_keys(&function.within_group, &inner)?;
            options.order_by = call::sort_exprs(&keys);
        }
        Ok(options)
    }

    fn argument(&mut self, function: &str, arg: &FunctionArg, names: &Names<'_>) -> Result<Named> {
        match arg {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => self.expr(expr, names),
            FunctionArg::Unnamed(FunctionArgExpr::Wildcard) if function == "count" => {
                Ok(Named::new(Expr::Literal(ScalarValue::Int64(Some(1)), None), "1"))
            }
            other => Err(SparkError::unsupported(format!("the argument {other} of {function}"))),
        }
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
                Ok((self.expr(&key.expr, names)?, asc, nulls_first))
            })
            .collect()
    }
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
