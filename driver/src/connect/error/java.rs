//! The Java classes that Spark's errors have: clients know exceptions by them.

use cerium_spark::connect::NO_COLUMNS;
use cerium_spark::error::SparkError;

/// What clients raise for messages that make no sense.
pub const INVALID_PLAN_INPUT: &str = "org.apache.spark.sql.connect.common.InvalidPlanInput";
/// A wrong argument.
pub const ILLEGAL_ARGUMENT: &str = "java.lang.IllegalArgumentException";
/// A failure of a job, or of the engine.
pub const SPARK_EXCEPTION: &str = "org.apache.spark.SparkException";

/// A query that cannot be planned.
pub const ANALYSIS: &str = "org.apache.spark.sql.AnalysisException";
const PARSE: &str = "org.apache.spark.sql.catalyst.parser.ParseException";
const SPARK_SQL: &str = "org.apache.spark.SparkSQLException";
const ARITHMETIC: &str = "org.apache.spark.SparkArithmeticException";
const ARRAY_INDEX: &str = "org.apache.spark.SparkArrayIndexOutOfBoundsException";
const DATE_TIME: &str = "org.apache.spark.SparkDateTimeException";
const NUMBER_FORMAT: &str = "org.apache.spark.SparkNumberFormatException";
const SPARK_ILLEGAL_ARGUMENT: &str = "org.apache.spark.SparkIllegalArgumentException";
const NO_SUCH_ELEMENT: &str = "org.apache.spark.SparkNoSuchElementException";
const RUNTIME: &str = "org.apache.spark.SparkRuntimeException";
const UNSUPPORTED: &str = "org.apache.spark.SparkUnsupportedOperationException";
const UPGRADE: &str = "org.apache.spark.SparkUpgradeException";
/// What a function of the user raised.
pub const PYTHON: &str = "org.apache.spark.api.python.PythonException";

const RUNTIME_EXCEPTION: &str = "java.lang.RuntimeException";

/// Error classes that Spark does not raise as AnalysisException. An entry stands for its subclasses, too.
const CLASSES: &[(&str, &str)] = &[
    ("AMBIGUOUS_LATERAL_COLUMN_ALIAS", ANALYSIS),
    ("ARITHMETIC_OVERFLOW", ARITHMETIC),
    ("BINARY_ARITHMETIC_OVERFLOW", ARITHMETIC),
    ("CAST_OVERFLOW", ARITHMETIC),
    ("DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION", ARITHMETIC),
    ("DIVIDE_BY_ZERO", ARITHMETIC),
    ("INTERVAL_ARITHMETIC_OVERFLOW", ARITHMETIC),
    ("INTERVAL_DIVIDED_BY_ZERO", ARITHMETIC),
    ("NUMERIC_OUT_OF_SUPPORTED_RANGE", ARITHMETIC),
    ("NUMERIC_VALUE_OUT_OF_RANGE", ARITHMETIC),
    ("REMAINDER_BY_ZERO", ARITHMETIC),
    ("SUM_OF_LIMIT_AND_OFFSET_EXCEEDS_MAX_INT", ANALYSIS),
    ("INVALID_ARRAY_INDEX", ARRAY_INDEX),
    ("INVALID_ARRAY_INDEX_IN_ELEMENT_AT", ARRAY_INDEX),
    ("CANNOT_PARSE_TIMESTAMP", DATE_TIME),
    ("DATETIME_FIELD_OUT_OF_BOUNDS", DATE_TIME),
    ("DATETIME_OVERFLOW", ARITHMETIC),
    ("INVALID_TIMEZONE", DATE_TIME),
    ("CONVERSION_INVALID_INPUT", DATE_TIME),
    ("INCONSISTENT_BEHAVIOR_CROSS_VERSION", UPGRADE),
    ("CANNOT_LOAD_STATE_STORE", SPARK_EXCEPTION),
    ("CANNOT_MERGE_INCOMPATIBLE_DATA_TYPE", SPARK_EXCEPTION),
    ("COLLECTION_SIZE_LIMIT_EXCEEDED", RUNTIME),
    ("CANNOT_PARSE_DECIMAL", RUNTIME),
    ("CLASS_UNSUPPORTED_BY_MAP_OBJECTS", RUNTIME),
    ("CODEC_NOT_AVAILABLE", SPARK_ILLEGAL_ARGUMENT),
    ("COMPARATOR_RETURNS_NULL", RUNTIME),
    ("CONCURRENT_QUERY", RUNTIME),
    ("DUPLICATED_MAP_KEY", RUNTIME),
    ("ELEMENT_AT_BY_INDEX_ZERO", RUNTIME),
    ("FAILED_READ_FILE", SPARK_EXCEPTION),
    ("FAILED_RENAME_PATH", SPARK_EXCEPTION),
    ("INVALID_BITMAP_POSITION", "org.apache.spark.SparkArrayIndexOutOfBoundsException"),
    ("INVALID_CONF_VALUE", SPARK_ILLEGAL_ARGUMENT),
    // An unknown storage level.
    ("_LEGACY_ERROR_TEMP_3286", SPARK_ILLEGAL_ARGUMENT),
    ("INVALID_FRACTION_OF_SECOND", DATE_TIME),
    ("INVALID_INDEX_OF_ZERO", RUNTIME),
    ("INVALID_PARAMETER_VALUE", RUNTIME),
    ("INVALID_REGEXP_REPLACE", RUNTIME),
    ("INVALID_UTF8_STRING", SPARK_ILLEGAL_ARGUMENT),
    ("INVALID_VARIANT_CAST", RUNTIME),
    ("INVALID_VARIANT_GET_PATH", RUNTIME),
    ("INTERNAL_ERROR", SPARK_EXCEPTION),
    ("KRYO_BUFFER_OVERFLOW", SPARK_EXCEPTION),
    ("MALFORMED_CSV_RECORD", RUNTIME),
    ("MALFORMED_RECORD_IN_PARSING", SPARK_EXCEPTION),
    ("MALFORMED_VARIANT", RUNTIME),
    ("MERGE_CARDINALITY_VIOLATION", RUNTIME),
    ("NOT_NULL_ASSERT_VIOLATION", RUNTIME),
    ("NULL_MAP_KEY", RUNTIME),
    ("ROW_SUBQUERY_TOO_MANY_ROWS", RUNTIME),
    ("SCALAR_SUBQUERY_TOO_MANY_ROWS", RUNTIME),
    ("RECURSION_LEVEL_LIMIT_EXCEEDED", SPARK_EXCEPTION),
    ("RECURSION_ROW_LIMIT_EXCEEDED", SPARK_EXCEPTION),
    ("SQL_CONF_NOT_FOUND", NO_SUCH_ELEMENT),
    ("STREAM_FAILED", SPARK_EXCEPTION),
    ("TASK_WRITE_FAILED", SPARK_EXCEPTION),
    ("UNABLE_TO_ACQUIRE_MEMORY", SPARK_EXCEPTION),
    ("UNEXPECTED_PYTHON_UDTF_RETURN_VALUE", PYTHON),
    ("UNKNOWN_PRIMITIVE_TYPE_IN_VARIANT", RUNTIME),
    ("UNSUPPORTED_ARROWTYPE", UNSUPPORTED),
    ("UNSUPPORTED_CALL", UNSUPPORTED),
    ("UNSUPPORTED_CONNECT_FEATURE", UNSUPPORTED),
    ("UNSUPPORTED_FEATURE.PYTHON_UDF_IN_ON_CLAUSE", ANALYSIS),
    ("UNSUPPORTED_FEATURE", UNSUPPORTED),
    ("USER_RAISED_EXCEPTION", RUNTIME),
    ("VARIANT_SIZE_LIMIT", RUNTIME),
    ("INVALID_HANDLE", SPARK_SQL),
    ("INVALID_CURSOR", SPARK_SQL),
    ("OPERATION_CANCELED", SPARK_SQL),
    ("INVALID_CLONE_SESSION_REQUEST", SPARK_SQL),
    ("CONNECT_INVALID_PLAN", INVALID_PLAN_INPUT),
    ("INVALID_ARTIFACT_PATH", RUNTIME),
    ("ARTIFACT_ALREADY_EXISTS", RUNTIME),
    ("PYTHON_WORKER_ENVIRONMENT", SPARK_EXCEPTION),
    ("PYTHON_WORKER_FAILED", SPARK_EXCEPTION),
];

/// The Java class that Spark raises an error as.
pub fn class_of(error: &SparkError) -> &'static str {
    if error.is_syntax_error() {
        return PARSE;
    }
    let class = error.class();
    if class.starts_with("CAST_INVALID_INPUT") {
        return cast_invalid_input(error);
    }
    let main = class.split_once('.').map_or(class, |(main, _)| main);
    match CLASSES.iter().find(|(known, _)| *known == class || *known == main) {
        Some((_, java)) => java,
        // What Scala's `require` says.
        None if class.is_empty() && error.message().starts_with("requirement failed: ") => ILLEGAL_ARGUMENT,
        None if class.is_empty() && error.message().starts_with(NO_COLUMNS) => INVALID_PLAN_INPUT,
        None if class.is_empty() => SPARK_EXCEPTION,
        None => ANALYSIS,
    }
}

/// A text that is no number, no date, or nothing else.
fn cast_invalid_input(error: &SparkError) -> &'static str {
    let target = error.params().get("targetType").map_or("", |target| target.trim_matches('"'));
    match target.split('(').next().unwrap_or_default() {
        "DATE" | "TIMESTAMP" | "TIMESTAMP_NTZ" | "TIME" => DATE_TIME,
        "BOOLEAN" => RUNTIME,
        _ => NUMBER_FORMAT,
    }
}

/// A class and those it extends, the most specific first.
pub fn hierarchy(class: &'static str) -> Vec<&'static str> {
    let mut classes = vec![class];
    let mut current = class;
    while let Some(parent) = parent(current) {
        classes.push(parent);
        current = parent;
    }
    classes
}

fn parent(class: &str) -> Option<&'static str> {
    Some(match class {
        PARSE => ANALYSIS,
        ANALYSIS | SPARK_EXCEPTION | RUNTIME_EXCEPTION => "java.lang.Exception",
        SPARK_SQL => "java.sql.SQLException",
        "java.sql.SQLException" => "java.lang.Exception",
        ARITHMETIC => "java.lang.ArithmeticException",
        ARRAY_INDEX => "java.lang.ArrayIndexOutOfBoundsException",
        "java.lang.ArrayIndexOutOfBoundsException" => "java.lang.IndexOutOfBoundsException",
        DATE_TIME => "java.time.DateTimeException",
        NUMBER_FORMAT => "java.lang.NumberFormatException",
        "java.lang.NumberFormatException" | SPARK_ILLEGAL_ARGUMENT => ILLEGAL_ARGUMENT,
        NO_SUCH_ELEMENT => "java.util.NoSuchElementException",
        UNSUPPORTED => "java.lang.UnsupportedOperationException",
        UPGRADE | RUNTIME | PYTHON => RUNTIME_EXCEPTION,
        INVALID_PLAN_INPUT => "java.lang.RuntimeException",
        ILLEGAL_ARGUMENT
        | "java.lang.ArithmeticException"
        | "java.lang.IndexOutOfBoundsException"
        | "java.time.DateTimeException"
        | "java.util.NoSuchElementException"
        | "java.lang.UnsupportedOperationException" => RUNTIME_EXCEPTION,
        "java.lang.Exception" => "java.lang.Throwable",
        "java.lang.Throwable" => "java.lang.Object",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(error: SparkError) -> &'static str {
        class_of(&error)
    }

    #[test]
    fn errors_have_sparks_java_classes() {
        assert_eq!(class(SparkError::new("DIVIDE_BY_ZERO", "22012", "")), ARITHMETIC);
        assert_eq!(class(SparkError::new("UNRESOLVED_COLUMN.WITH_SUGGESTION", "42703", "")), ANALYSIS);
        assert_eq!(class(SparkError::new("PARSE_SYNTAX_ERROR", "42601", "")), PARSE);
        let cast = |target: &str| {
            SparkError::new("CAST_INVALID_INPUT", "22018", "").with_param("targetType", target)
        };
        assert_eq!(class(cast("\"INT\"")), NUMBER_FORMAT);
        assert_eq!(class(cast("\"DATE\"")), DATE_TIME);
        assert_eq!(class(SparkError::without_class("requirement failed: no")), ILLEGAL_ARGUMENT);
    }

    #[test]
    fn every_class_ends_in_object() {
        for class in CLASSES.iter().map(|(_, class)| *class).chain([PARSE, NUMBER_FORMAT, ILLEGAL_ARGUMENT]) {
            assert_eq!(hierarchy(class).last(), Some(&"java.lang.Object"), "{class}");
        }
        assert_eq!(
            hierarchy(NUMBER_FORMAT)[1..3],
            ["java.lang.NumberFormatException", "java.lang.IllegalArgumentException"]
        );
    }
}
