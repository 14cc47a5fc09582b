//! NOT, BETWEEN, IN and LIKE.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ExprSchema;
use datafusion::logical_expr::expr::{Between, InList};
use datafusion::logical_expr::{Expr, ExprSchemable, Like, lit};

use super::{Binary, comparable, meet, native, scalar_call};
use crate::analysis::Named;
use crate::analysis::cast::cast;
use crate::error::{Result, SparkError};
use crate::types;

/// `NOT x`.
pub fn not(operand: Named, schema: &dyn ExprSchema) -> Result<Named> {
    let name = format!("(NOT {})", operand.name);
    let data_type = operand.expr.get_type(schema)?;
    if !matches!(data_type, DataType::Boolean | DataType::Null) {
        return Err(SparkError::type_mismatch(
            "UNEXPECTED_INPUT_TYPE",
            &name,
            &format!(
                "The first parameter requires the \"BOOLEAN\" type, however \"{}\" has the type \"{}\"",
                operand.name,
                types::sql_name(&data_type)
            ),
        ));
    }
    Ok(Named::new(Expr::Not(Box::new(operand.expr)), name))
}

/// `x [NOT] BETWEEN low AND high`.
pub fn between(
    value: Named,
    low: Named,
    high: Named,
    negated: bool,
    schema: &dyn ExprSchema,
) -> Result<Named> {
    let name = format!("between({}, {}, {})", value.name, low.name, high.name);
    let name = if negated { format!("(NOT {name})") } else { name };
    let data_type = value.expr.get_type(schema)?;
    let (low_type, high_type) = (low.expr.get_type(schema)?, high.expr.get_type(schema)?);
    if data_type.is_string() && !(low_type.is_string() && high_type.is_string()) {
        let from = comparable(Binary::GtEq, value.clone(), low, schema)?;
        let to = comparable(Binary::LtEq, value, high, schema)?;
        let both = native(Binary::GtEq, from.0, from.1).and(native(Binary::LtEq, to.0, to.1));
        return Ok(Named::new(if negated { Expr::Not(Box::new(both)) } else { both }, name));
    }
    let (_, low) = comparable(Binary::GtEq, value.clone(), low, schema)?;
    let (value, high) = comparable(Binary::LtEq, value, high, schema)?;
    let expr = Expr::Between(Between::new(Box::new(value), negated, Box::new(low), Box::new(high)));
    Ok(Named::new(expr, name))
}

/// `x [NOT] IN (a, b)`.
pub fn in_list(value: Named, list: Vec<Named>, negated: bool, schema: &dyn ExprSchema) -> Result<Named> {
    let names: Vec<_> = list.iter().map(|item| item.name.as_str()).collect();
    let name = format!("({} IN ({}))", value.name, names.join(", "));
    let name = if negated { format!("(NOT {name})") } else { name };
    let own = value.expr.get_type(schema)?;
    // A string among numbers is compared as a number, on whichever side it stands.
    let mut expr = value.expr.clone();
    for item in &list {
        let other = item.expr.get_type(schema)?;
        if own.is_string() && !other.is_string() && other != DataType::Null {
            expr = meet(value.expr.clone(), &other, schema)?;
            break;
        }
    }
    let items: Result<Vec<_>> =
        list.into_iter().map(|item| Ok(comparable(Binary::Eq, value.clone(), item, schema)?.1)).collect();
    Ok(Named::new(Expr::InList(InList::new(Box::new(expr), items?, negated)), name))
}

/// `x [NOT] LIKE pattern`, with or without regard to case.
pub fn like(
    value: Named,
    pattern: Named,
    escape: Option<char>,
    insensitive: bool,
    negated: bool,
    schema: &dyn ExprSchema,
) -> Result<Named> {
    let name = if insensitive {
        format!("ilike({}, {})", value.name, pattern.name)
    } else {
        let escape = escape.map_or_else(String::new, |c| format!(" ESCAPE '{c}'"));
        format!("{} LIKE {}{escape}", value.name, pattern.name)
    };
    let name = if negated { format!("(NOT {name})") } else { name };
    let value = cast(value.expr, &DataType::Utf8, false, schema)?;
    let pattern = cast(pattern.expr, &DataType::Utf8, false, schema)?;
    // Arrow escapes with a backslash only.
    let (pattern, escape) = match escape {
        Some(other) if other != '\\' => {
            let kernel = crate::functions::string::LIKE_PATTERN.function();
            (scalar_call(kernel, vec![pattern, lit(other.to_string())]), None)
        }
        escape => (pattern, escape),
    };
    let like = Like::new(negated, Box::new(value), Box::new(pattern), escape, insensitive);
    Ok(Named::new(Expr::Like(like), name))
}
