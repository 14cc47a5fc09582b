//! Parts of values: fields of structs, elements of arrays, values of maps.

use datafusion::arrow::datatypes::{DataType, Fields};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::{Expr, ExprSchemable, lit, when};

use super::Named;
use super::call::lambda::{self, Lambda};
use super::call::{self, Context};
use super::scope::CaseRule;
use crate::error::{Result, SparkError, quote};
use crate::types;

/// A field of a struct by its name.
///
/// # Errors
/// INVALID_EXTRACT_BASE_FIELD_TYPE, FIELD_NOT_FOUND, AMBIGUOUS_REFERENCE_TO_FIELDS.
pub fn field(context: &Context<'_>, value: Named, name: &str, case: CaseRule) -> Result<Named> {
    let data_type = value.expr.get_type(context.schema)?;
    let DataType::Struct(fields) = &data_type else {
        return Err(not_complex(&value, &data_type));
    };
    let own = &fields[position(fields, name, case)?];
    let args = vec![value.expr, lit(own.name().clone())];
    let expr = datafusion::functions::core::get_field().call(args);
    Ok(Named::new(expr, format!("{}.{}", value.name, own.name())))
}

/// `value[key]`: a field, an element counted from 0, or the value of a key.
///
/// # Errors
/// As [`field`].
pub fn extract(context: &Context<'_>, value: Named, key: Named, case: CaseRule) -> Result<Named> {
    let data_type = value.expr.get_type(context.schema)?;
    let name = format!("{}[{}]", value.name, key.name);
    match &data_type {
        DataType::Map(_, _) => Ok(Named::new(call::map_value(context, value.expr, key.expr)?, name)),
        list if list.is_list() => {
            let element_is_struct = match list {
                DataType::List(element) | DataType::LargeList(element) => {
                    matches!(element.data_type(), DataType::Struct(_))
                }
                _ => false,
            };
            match field_name(&key) {
                Some(field) if element_is_struct => field_of_each(context, value, field, case),
                _ => Ok(Named::new(call::array_item(context, value.expr, key.expr)?, name)),
            }
        }
        DataType::Struct(_) => match field_name(&key) {
            Some(name) => field(context, value, name, case),
            None => Err(SparkError::new(
                "INVALID_EXTRACT_FIELD_TYPE",
                "42000",
                format!("Field name should be a non-null string literal, but it's \"{}\".", key.name),
            )
            .with_param("extraction", format!("\"{}\"", key.name))),
        },
        other => Err(not_complex(&value, other)),
    }
}

/// The field of each struct of an array.
fn field_of_each(context: &Context<'_>, value: Named, name: &str, case: CaseRule) -> Result<Named> {
    let text = format!("{}.{name}", value.name);
    let &Context { state, time_zone, conf, database, .. } = context;
    let body = move |given: &[Named]| {
        let schema = DFSchema::empty();
        let context = Context { state, schema: &schema, time_zone, conf, database };
        let element =
            given.first().cloned().ok_or_else(|| SparkError::internal("a lambda without element"))?;
        field(&context, element, name, case)
    };
    let lambda = Lambda { parameters: vec!["x".to_owned()], body: Box::new(body) };
    let expr = lambda::higher_order(context, "transform", vec![value], vec![lambda])?.expr;
    Ok(Named::new(expr, text))
}

fn field_name(key: &Named) -> Option<&str> {
    match &key.expr {
        Expr::Literal(ScalarValue::Utf8(Some(name)), _) => Some(name),
        _ => None,
    }
}

/// A struct with a field set, or dropped where there is no value; `path` leads to it from outside in.
///
/// # Errors
/// As [`field`]; DATATYPE_MISMATCH.CANNOT_DROP_ALL_FIELDS.
pub fn update(
    context: &Context<'_>,
    structure: &Expr,
    path: &[String],
    value: Option<&Expr>,
    case: CaseRule,
) -> Result<Expr> {
    let data_type = structure.get_type(context.schema)?;
    let ([name, rest @ ..], DataType::Struct(fields)) = (path, &data_type) else {
        return Err(SparkError::type_mismatch(
            "UNEXPECTED_INPUT_TYPE",
            "update_fields",
            &format!(
                "The first parameter requires the \"STRUCT\" type, however it has the type \"{}\"",
                types::sql_name(&data_type)
            ),
        ));
    };
    let part = |name: &str| {
        datafusion::functions::core::get_field().call(vec![structure.clone(), lit(name.to_owned())])
    };
    let mut found = false;
    let mut args = Vec::new();
    for own in fields {
        let mut new = part(own.name());
        if case.same(own.name(), name) {
            found = true;
            new = match (rest, value) {
                ([], Some(value)) => value.clone(),
                ([], None) => continue,
                (rest, value) => update(context, &new, rest, value, case)?,
            };
        }
        args.extend([lit(own.name().clone()), new]);
    }
    if !found {
        if !rest.is_empty() {
            return Err(field_not_found(fields, name));
        }
        if let Some(value) = value {
            args.extend([lit(name.clone()), value.clone()]);
        }
    }
    if args.is_empty() {
        return Err(SparkError::type_mismatch(
            "CANNOT_DROP_ALL_FIELDS",
            "update_fields",
            "Cannot drop all fields in struct",
        ));
    }
    let rebuilt = datafusion::functions::core::named_struct().call(args);
    if structure.nullable(context.schema)? {
        return Ok(when(structure.clone().is_not_null(), rebuilt).end()?);
    }
    Ok(rebuilt)
}

fn position(fields: &Fields, name: &str, case: CaseRule) -> Result<usize> {
    let mut found = fields.iter().enumerate().filter(|(_, field)| case.same(field.name(), name));
    match (found.next(), found.next()) {
        (Some((i, _)), None) => Ok(i),
        (None, _) => Err(field_not_found(fields, name)),
        (Some(_), Some(_)) => {
            let count = fields.iter().filter(|field| case.same(field.name(), name)).count();
            Err(SparkError::new(
                "AMBIGUOUS_REFERENCE_TO_FIELDS",
                "42000",
                format!(
                    "Ambiguous reference to the field {}. It appears {count} times in the schema.",
                    quote(name)
                ),
            )
            .with_param("field", quote(name))
            .with_param("count", count.to_string()))
        }
    }
}

fn field_not_found(fields: &Fields, name: &str) -> SparkError {
    let names: Vec<_> = fields.iter().map(|field| quote(field.name())).collect();
    SparkError::new(
        "FIELD_NOT_FOUND",
        "42704",
        format!("No such struct field {} in {}.", quote(name), names.join(", ")),
    )
    .with_param("fieldName", quote(name))
    .with_param("fields", names.join(", "))
}

fn not_complex(value: &Named, data_type: &DataType) -> SparkError {
    SparkError::new(
        "INVALID_EXTRACT_BASE_FIELD_TYPE",
        "42000",
        format!(
            "Can't extract a value from \"{}\". Need a complex type [STRUCT, ARRAY, MAP] but got \"{}\".",
            value.name,
            types::sql_name(data_type)
        ),
    )
    .with_param("base", format!("\"{}\"", value.name))
    .with_param("other", format!("\"{}\"", types::sql_name(data_type)))
}
