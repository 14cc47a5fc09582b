//! Calls: operators, aggregates, functions of the session, everything else by name.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::Case;
use datafusion::logical_expr::{Expr, lit};

use super::{Resolver, child};
use crate::analysis::Named;
use crate::analysis::call::lambda::{self, Lambda};
use crate::analysis::call::{self, AggregateOptions};
use crate::analysis::common::{Strings, to_common_type};
use crate::analysis::operator::{self, Binary};
use crate::connect::proto::Expression;
use crate::connect::proto::expression::ExprType;
use crate::error::{Result, SparkError};

/// The operator behind the name of a function.
fn binary_operator(name: &str) -> Option<Binary> {
    Some(match name {
        "+" => Binary::Add,
        "-" => Binary::Subtract,
        "*" => Binary::Multiply,
        "/" => Binary::Divide,
        "%" => Binary::Remainder,
        "div" => Binary::IntDivide,
        "=" | "==" => Binary::Eq,
        "<=>" => Binary::NullSafeEq,
        "!=" | "<>" => Binary::NotEq,
        "<" => Binary::Lt,
        "<=" => Binary::LtEq,
        ">" => Binary::Gt,
        ">=" => Binary::GtEq,
        "and" => Binary::And,
        "or" => Binary::Or,
        "&" => Binary::BitAnd,
        "|" => Binary::BitOr,
        "^" => Binary::BitXor,
        _ => return None,
    })
}

/// Aggregates and window functions whose last argument may say that nulls are passed over.
fn ignores_nulls(name: &str, arguments: usize) -> bool {
    match name {
        "first" | "last" | "first_value" | "last_value" | "any_value" => arguments == 2,
        "nth_value" => arguments == 3,
        _ => false,
    }
}

impl Resolver<'_> {
    /// A call by the name of a function or operator.
    pub(super) fn function(&self, name: &str, arguments: &[Expression], distinct: bool) -> Result<Named> {
        if let Some(call) = self.routine(&[name.to_owned()], arguments, distinct)? {
            return Ok(call);
        }
        let name = name.to_ascii_lowercase();
        if arguments.len() == 2
            && let Some(operator) = binary_operator(&name)
        {
            return self.chain(operator, arguments);
        }
        if let ("not" | "!", [operand]) = (name.as_str(), arguments)
            && let Some(negated) = self.not_in(operand)?
        {
            return Ok(negated);
        }
        match (name.as_str(), arguments) {
            ("not" | "!", [operand]) => return operator::not(self.operand(operand)?, self.schema),
            ("-", [operand]) => return operator::negative(self.operand(operand)?, self.schema),
            ("+", [operand]) => {
                let operand = self.operand(operand)?;
                return Ok(Named::new(operand.expr, format!("(+ {})", operand.name)));
            }
            ("~", [operand]) => {
                let operand = self.operand(operand)?;
                let text = format!("~{}", operand.name);
                let call = call::scalar(&self.context(), "bitwise_not", vec![operand])?;
                return Ok(Named::new(call.expr, text));
            }
            ("in", [value, list @ ..]) => {
                let value = self.operand(value)?;
                let list: Result<Vec<_>> = list.iter().map(|item| self.operand(item)).collect();
                return operator::in_list(value, list?, false, self.schema);
            }
            ("between", [value, low, high]) => {
                let (value, low, high) = (self.operand(value)?, self.operand(low)?, self.operand(high)?);
                return operator::between(value, low, high, false, self.schema);
            }
            ("like" | "ilike", [value, pattern, rest @ ..]) if rest.len() < 2 => {
                let escape = rest.first().map(|escape| self.escape(escape)).transpose()?;
                let (value, pattern) = (self.operand(value)?, self.operand(pattern)?);
                return operator::like(value, pattern, escape, name == "ilike", false, self.schema);
            }
            ("when", branches) if branches.len() > 1 => return self.case(branches),
            _ => {}
        }
        if arguments.iter().any(|a| matches!(a.expr_type, Some(ExprType::LambdaFunction(_)))) {
            return self.higher_order(&name, arguments);
        }
        if call::is_aggregate(&self.context(), &name) {
            let (args, options) = self.aggregate_arguments(&name, arguments, distinct)?;
            return call::aggregate(&self.context(), &name, args, options);
        }
        if distinct {
            return Err(SparkError::unsupported(format!("DISTINCT on the function {name}")));
        }
        let args = self.exprs(arguments)?;
        if name == "struct" {
            return self.structure(args);
        }
        let args = args.into_iter().map(plain).collect();
        call::scalar(&self.context(), &name, args)
    }

    /// Operators whose left operands are operators again, without a level of stack for each.
    fn chain(&self, operator: Binary, arguments: &[Expression]) -> Result<Named> {
        let mut steps = Vec::new();
        let (mut operator, mut arguments) = (operator, arguments);
        let mut value = loop {
            let [left, right] = arguments else {
                return Err(super::missing("an operand"));
            };
            steps.push((operator, right));
            match &left.expr_type {
                Some(ExprType::UnresolvedFunction(inner))
                    if inner.arguments.len() == 2
                        && let Some(next) = binary_operator(&inner.function_name) =>
                {
                    (operator, arguments) = (next, &inner.arguments);
                }
                _ => break self.operand(left)?,
            }
        };
        for (operator, right) in steps.into_iter().rev() {
            let (right, zone) = (self.operand(right)?, self.planner.time_zone());
            value = operator::binary_in(operator, value, right, self.schema, zone)?;
        }
        Ok(value)
    }

    /// An operand; an alias on it is only its name.
    fn operand(&self, expression: &Expression) -> Result<Named> {
        Ok(plain(self.expr(expression)?))
    }

    fn escape(&self, expression: &Expression) -> Result<char> {
        let named = self.operand(expression)?;
        let text = match &named.expr {
            Expr::Literal(ScalarValue::Utf8(Some(text)), _) => text.as_str(),
            _ => "",
        };
        let mut chars = text.chars();
        match (chars.next(), chars.next()) {
            (Some(c), None) => Ok(c),
            _ => Err(SparkError::new(
                "INVALID_ESCAPE_CHAR",
                "42604",
                format!("`EscapeChar` should be a string literal of length one, but got \"{}\".", named.name),
            )
            .with_param("sqlExpr", format!("\"{}\"", named.name))),
        }
    }

    /// Conditions and values in turn, and last the value where none holds.
    fn case(&self, branches: &[Expression]) -> Result<Named> {
        let mut text = "CASE".to_owned();
        let (mut conditions, mut values) = (Vec::new(), Vec::new());
        let pairs = branches.chunks_exact(2);
        let otherwise = pairs.remainder().first().map(|value| self.operand(value)).transpose()?;
        for pair in pairs {
            let condition = self.operand(&pair[0])?;
            let value = self.operand(&pair[1])?;
            text.push_str(&format!(" WHEN {} THEN {}", condition.name, value.name));
            conditions.push(condition.expr);
            values.push(value.expr);
        }
        if let Some(otherwise) = &otherwise {
            text.push_str(&format!(" ELSE {}", otherwise.name));
        }
        text.push_str(" END");
        let has_otherwise = otherwise.is_some();
        values.extend(otherwise.map(|value| value.expr));
        let strings = Strings::of(&self.session().state);
        let Some(mut values) = to_common_type(values, self.schema, strings)? else {
            return Err(SparkError::type_mismatch(
                "DATA_DIFF_TYPES",
                &text,
                "Input to `casewhen` should all be the same type, but it's not",
            ));
        };
        let otherwise = if has_otherwise { values.pop().map(Box::new) } else { None };
        let branches = conditions.into_iter().map(Box::new).zip(values.into_iter().map(Box::new)).collect();
        Ok(Named::new(Expr::Case(Case::new(None, branches, otherwise)), text))
    }

    /// `struct(...)`, whose fields take the names of columns and aliases.
    fn structure(&self, args: Vec<Named>) -> Result<Named> {
        let text = call::call_text("struct", &args);
        let args = args
            .into_iter()
            .map(|arg| match &arg.expr {
                Expr::Alias(alias) => Named::new(arg.expr.clone(), alias.name.clone()),
                _ => arg,
            })
            .collect();
        Ok(Named::new(call::scalar(&self.context(), "struct", args)?.expr, text))
    }

    /// A call with lambdas.
    fn higher_order(&self, name: &str, arguments: &[Expression]) -> Result<Named> {
        let mut values = Vec::new();
        let mut lambdas = Vec::new();
        for argument in arguments {
            let Some(ExprType::LambdaFunction(lambda)) = &argument.expr_type else {
                values.push(self.operand(argument)?);
                continue;
            };
            let body = child(lambda.function.as_deref())?;
            let names: Vec<String> = lambda.arguments.iter().map(|v| v.name_parts.join(".")).collect();
            let parameters = names.clone();
            let resolve = move |given: &[Named]| {
                let mut inner = self.deeper()?;
                inner.variables.extend(names.iter().cloned().zip(given.iter().cloned()));
                Ok(plain(inner.expr(body)?))
            };
            lambdas.push(Lambda { parameters, body: Box::new(resolve) });
        }
        lambda::higher_order(&self.context(), name, values, lambdas)
    }

    /// The arguments of an aggregate, and what of them are options.
    pub(super) fn aggregate_arguments(
        &self,
        name: &str,
        arguments: &[Expression],
        distinct: bool,
    ) -> Result<(Vec<Named>, AggregateOptions)> {
        let mut options = AggregateOptions { distinct, ..AggregateOptions::default() };
        if name == "count"
            && !distinct
            && let [argument] = arguments
            && is_star(argument)
        {
            return Ok((vec![Named::new(lit(1_i64), "1")], options));
        }
        let mut args: Vec<Named> = self.exprs(arguments)?.into_iter().map(plain).collect();
        if ignores_nulls(name, args.len())
            && let Some(Expr::Literal(ScalarValue::Boolean(Some(ignored)), _)) = args.last().map(|a| &a.expr)
        {
            options.ignore_nulls = *ignored;
            args.pop();
        }
        Ok((args, options))
    }
}

/// Whether this is `*`, without a qualifier.
fn is_star(expression: &Expression) -> bool {
    match &expression.expr_type {
        Some(ExprType::UnresolvedStar(star)) => star.unparsed_target.is_none(),
        Some(ExprType::ExpressionString(text)) => text.expression.trim() == "*",
        _ => false,
    }
}

/// Without an alias, which means nothing inside an expression.
fn plain(named: Named) -> Named {
    Named::new(named.expr.unalias(), named.name)
}
