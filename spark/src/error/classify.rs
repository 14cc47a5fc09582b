//! Errors of DataFusion, also those that come back from executors as text, in Spark's classes.

use datafusion::arrow::error::ArrowError;
use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;

use super::SparkError;

impl From<DataFusionError> for SparkError {
    fn from(error: DataFusionError) -> Self {
        match error {
            DataFusionError::External(source) => match source.downcast::<SparkError>() {
                Ok(spark) => *spark,
                Err(other) => from_text(&other.to_string()),
            },
            DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => Self::from(*inner),
            DataFusionError::Shared(inner) => from_shared(&inner),
            DataFusionError::Collection(mut errors) if !errors.is_empty() => {
                Self::from(errors.swap_remove(0))
            }
            DataFusionError::SchemaError(schema, _) => from_schema_error(&schema),
            DataFusionError::NotImplemented(message) => Self::unsupported(message),
            DataFusionError::ArrowError(arrow, _) => match *arrow {
                ArrowError::DivideByZero => divide_by_zero(),
                ArrowError::ExternalError(source) => match source.downcast::<SparkError>() {
                    Ok(spark) => *spark,
                    Err(other) => from_text(&other.to_string()),
                },
                other => from_text(&other.to_string()),
            },
            DataFusionError::ObjectStore(source) => from_text(&source.to_string()),
            other => from_text(&other.to_string()),
        }
    }
}

impl From<SparkError> for DataFusionError {
    fn from(error: SparkError) -> Self {
        Self::External(Box::new(error))
    }
}

fn from_shared(error: &DataFusionError) -> SparkError {
    match error {
        DataFusionError::External(source) => {
            source.downcast_ref::<SparkError>().cloned().unwrap_or_else(|| from_text(&source.to_string()))
        }
        DataFusionError::Shared(inner) => from_shared(inner),
        other => from_text(&other.to_string()),
    }
}

fn from_schema_error(error: &SchemaError) -> SparkError {
    let parts = |column: &datafusion::common::Column| -> Vec<String> {
        let mut parts = column.relation.as_ref().map(|r| r.to_vec()).unwrap_or_default();
        parts.push(column.name.clone());
        parts
    };
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => {
            let candidates: Vec<_> = valid_fields.iter().map(parts).collect();
            SparkError::column_not_found(&parts(field), &candidates)
        }
        SchemaError::AmbiguousReference { field } => SparkError::ambiguous_reference(&parts(field), &[]),
        SchemaError::DuplicateQualifiedField { name, .. }
        | SchemaError::DuplicateUnqualifiedField { name } => SparkError::column_exists(name),
    }
}

/// The Spark error a text speaks of; INTERNAL_ERROR with the whole text if none is recognised.
///
/// Errors of functions carry their class in the text, so that they survive the way from an
/// executor, which sends its errors as text.
pub(super) fn from_text(text: &str) -> SparkError {
    embedded(text).or_else(|| known_message(text)).unwrap_or_else(|| SparkError::internal(text))
}

/// `... [CLASS] message SQLSTATE: 22012 ...`
fn embedded(text: &str) -> Option<SparkError> {
    let mut from = 0;
    while let Some(open) = text[from..].find('[') {
        let start = from + open + 1;
        let rest = &text[start..];
        from = start;
        let close = rest.find("] ")?;
        let class = &rest[..close];
        let is_class = class.len() > 3
            && class.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_' || c == '.');
        if !is_class {
            continue;
        }
        let body = &rest[close + 2..];
        if let Some(state_at) = body.find(" SQLSTATE: ") {
            let state: String =
                body[state_at + 11..].chars().take_while(char::is_ascii_alphanumeric).collect();
            if state.len() == 5 {
                return Some(SparkError::new(class, state, &body[..state_at]));
            }
        }
    }
    None
}

fn known_message(text: &str) -> Option<SparkError> {
    if text.contains("Divide by zero") {
        return Some(divide_by_zero());
    }
    if let Some((value, target)) = between(text, "Cannot cast string '", "' to value of ")
        .and_then(|(value, rest)| Some((value, rest.split_once(" type")?.0)))
    {
        return Some(cast_invalid_input(value, &spark_type(target)));
    }
    if let Some((value, rest)) = between(text, "Can't cast value ", " to type ") {
        let target: String = rest.chars().take_while(char::is_ascii_alphanumeric).collect();
        return Some(cast_overflow(value, None, &spark_type(&target)));
    }
    if text.contains("Arithmetic overflow") || text.contains("Overflow happened on") {
        return Some(arithmetic_overflow("long overflow", None));
    }
    if text.contains("Object at location") && text.contains("not found") {
        let path = between(text, "Object at location ", " not found").map_or("", |(p, _)| p);
        return Some(SparkError::path_not_found(path));
    }
    if text.contains("returned more than one row") || text.contains("more than one row") {
        return Some(SparkError::too_many_rows());
    }
    let unmasked = || between(text, "Found unmasked nulls for non-nullable", " field \"")?.1.split_once('"');
    let contained = || between(text, "Column '", "' is declared as non-nullable but contains null");
    if let Some((field, _)) = unmasked().or_else(contained) {
        return Some(SparkError::new(
            "NOT_NULL_ASSERT_VIOLATION",
            "42000",
            format!(
                "NULL value appeared in non-nullable field: {field} is null though it is declared NOT NULL."
            ),
        ));
    }
    if text.contains("type_coercion") || text.contains("coerce") || text.contains("Cannot infer common") {
        return Some(SparkError::new(
            "DATATYPE_MISMATCH.DATA_DIFF_TYPES",
            "42K09",
            format!("Cannot resolve the statement due to data type mismatch: {text}."),
        ));
    }
    if text.contains("Resources exhausted") {
        return Some(SparkError::new("UNABLE_TO_ACQUIRE_MEMORY", "53200", text));
    }
    if text.contains("Parquet error") || text.contains("Invalid Parquet file") {
        return Some(SparkError::new(
            "FAILED_READ_FILE.NO_HINT",
            "KD001",
            format!("Encountered error while reading file: {text}."),
        ));
    }
    None
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<(&'a str, &'a str)> {
    let rest = &text[text.find(before)? + before.len()..];
    rest.split_once(after)
}

/// Spark's name of an Arrow type printed by Arrow's kernels.
fn spark_type(arrow: &str) -> String {
    match arrow {
        "Int8" => "TINYINT",
        "Int16" => "SMALLINT",
        "Int32" => "INT",
        "Int64" => "BIGINT",
        "Float32" => "FLOAT",
        "Float64" => "DOUBLE",
        "Date32" => "DATE",
        other if other.starts_with("Timestamp") => "TIMESTAMP",
        other => return other.to_uppercase(),
    }
    .to_owned()
}

/// DIVIDE_BY_ZERO.
pub(crate) fn divide_by_zero() -> SparkError {
    SparkError::new(
        "DIVIDE_BY_ZERO",
        "22012",
        "Division by zero. Use `try_divide` to tolerate divisor being 0 and return NULL instead. \
         If necessary set \"spark.sql.ansi.enabled\" to \"false\" to bypass this error.",
    )
    .with_param("config", "\"spark.sql.ansi.enabled\"")
}

/// REMAINDER_BY_ZERO.
pub(crate) fn remainder_by_zero() -> SparkError {
    SparkError::new(
        "REMAINDER_BY_ZERO",
        "22012",
        "Remainder by zero. Use `try_mod` to tolerate divisor being 0 and return NULL instead. \
         If necessary set \"spark.sql.ansi.enabled\" to \"false\" to bypass this error.",
    )
    .with_param("config", "\"spark.sql.ansi.enabled\"")
}

/// ARITHMETIC_OVERFLOW; `what` is `integer overflow` or `long overflow`, `alternative` a function.
pub(crate) fn arithmetic_overflow(what: &str, alternative: Option<&str>) -> SparkError {
    let hint = alternative.map_or_else(String::new, |function| {
        format!(" Use '{function}' to tolerate overflow and return NULL instead.")
    });
    SparkError::new(
        "ARITHMETIC_OVERFLOW",
        "22003",
        format!(
            "{what}.{hint} If necessary set \"spark.sql.ansi.enabled\" to \"false\" to bypass this error."
        ),
    )
    .with_param("message", what)
    .with_param("alternative", hint)
    .with_param("config", "\"spark.sql.ansi.enabled\"")
}

/// CAST_INVALID_INPUT of a string to the type named `target`.
pub(crate) fn cast_invalid_input(value: &str, target: &str) -> SparkError {
    SparkError::new(
        "CAST_INVALID_INPUT",
        "22018",
        format!(
            "The value '{value}' of the type \"STRING\" cannot be cast to \"{target}\" because it is malformed. \
             Correct the value as per the syntax, or change its target type. \
             Use `try_cast` to tolerate malformed input and return NULL instead."
        ),
    )
    .with_param("expression", format!("'{value}'"))
    .with_param("sourceType", "\"STRING\"")
    .with_param("targetType", format!("\"{target}\""))
    .with_param("ansiConfig", "\"spark.sql.ansi.enabled\"")
}

/// CAST_OVERFLOW; `value` as Spark prints literals (`3.0E10D`), `source` the type's name if known.
pub(crate) fn cast_overflow(value: &str, source: Option<&str>, target: &str) -> SparkError {
    let of_type = source.map_or_else(String::new, |s| format!(" of the type \"{s}\""));
    SparkError::new(
        "CAST_OVERFLOW",
        "22003",
        format!(
            "The value {value}{of_type} cannot be cast to \"{target}\" due to an overflow. \
             Use `try_cast` to tolerate overflow and return NULL instead."
        ),
    )
    .with_param("value", value)
    .with_param("targetType", format!("\"{target}\""))
    .with_param("ansiConfig", "\"spark.sql.ansi.enabled\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_in_the_text_of_an_executor_survives() {
        let text = format!("Task failed: External error: {} at task 3", divide_by_zero());
        let error = from_text(&text);
        assert_eq!(error.class(), "DIVIDE_BY_ZERO");
        assert_eq!(error.sql_state(), "22012");
        assert_eq!(error.message(), divide_by_zero().message());
    }

    #[test]
    fn arrow_texts_are_recognised() {
        let cases = [
            ("Cast error: Cannot cast string 'abc' to value of Int32 type", "CAST_INVALID_INPUT"),
            ("Cast error: Can't cast value 300 to type Int8", "CAST_OVERFLOW"),
            ("Arrow error: Divide by zero error", "DIVIDE_BY_ZERO"),
            ("something nobody foresaw", "INTERNAL_ERROR"),
            ("[not a class] text SQLSTATE: 12345", "INTERNAL_ERROR"),
        ];
        for (text, class) in cases {
            assert_eq!(from_text(text).class(), class, "{text}");
        }
    }
}
