//! The errors of file sources, in Spark's words.

use std::fmt::Display;

use datafusion::error::DataFusionError;

use crate::error::SparkError;

/// An option with a value that makes no sense.
pub fn bad_option(name: &str, value: &str, expected: &str) -> SparkError {
    SparkError::new(
        "INVALID_DATA_SOURCE_OPTION",
        "22023",
        format!("The value `{value}` of the data source option `{name}` is invalid: expected {expected}."),
    )
    .with_param("option", name)
    .with_param("value", value)
}

/// A path that is not there.
pub fn path_not_found(path: &str) -> SparkError {
    SparkError::new("PATH_NOT_FOUND", "42K03", format!("Path does not exist: {path}."))
        .with_param("path", path)
}

/// No file to learn the schema from.
pub fn unable_to_infer_schema(format: &str) -> SparkError {
    SparkError::new(
        "UNABLE_TO_INFER_SCHEMA",
        "42KD9",
        format!("Unable to infer schema for {format}. It must be specified manually."),
    )
    .with_param("format", format)
}

/// A format that is not there.
pub fn unknown_format(name: &str) -> SparkError {
    SparkError::new(
        "DATA_SOURCE_NOT_FOUND",
        "42K02",
        format!("Failed to find the data source: {name}. Make sure the provider name is correct: Cerium reads parquet, csv, json and text."),
    )
    .with_param("provider", name)
}

/// A file that could not be read, and why.
pub fn failed_read_file(url: &str, cause: impl Display) -> SparkError {
    SparkError::new(
        "FAILED_READ_FILE.NO_HINT",
        "KD001",
        format!("Encountered error while reading file {url}. Caused by: {cause}"),
    )
    .with_param("path", url)
}

/// A parquet file whose footer is damaged or missing.
pub fn cannot_read_footer(url: &str, cause: impl Display) -> SparkError {
    SparkError::new(
        "FAILED_READ_FILE.CANNOT_READ_FILE_FOOTER",
        "KD001",
        format!(
            "Could not read footer for file: {url}. Please ensure that the file is in either ORC or Parquet \
             format. If not, please convert it to a valid format. If the file is in the valid format, please \
             check if it is corrupt. If it is, you can choose to either ignore it or fix the corruption. \
             Caused by: {cause}"
        ),
    )
    .with_param("file", url)
}

/// A record that mode FAILFAST does not accept. `record` is its text.
pub fn malformed_record(record: &str) -> SparkError {
    let record: String = record.chars().take(1_000).collect();
    SparkError::new(
        "MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION",
        "22023",
        format!(
            "Malformed records are detected in record parsing: {record}.\n\
             Parse Mode: FAILFAST. To process malformed records as null result, try setting the option 'mode' as 'PERMISSIVE'. "
        ),
    )
    .with_param("badRecord", record)
    .with_param("failFastMode", "FAILFAST")
}

/// Several folders of one level that name different partition columns.
pub fn conflicting_partition_columns(listing: &[String]) -> SparkError {
    SparkError::new(
        "CONFLICTING_PARTITION_COLUMN_NAMES",
        "KD009",
        format!(
            "Conflicting partition column names detected:\n{}\n\
             For partitioned table directories, data files should only live in leaf directories.\n\
             And directories at the same level should have the same partition column name.\n\
             Please check the following directories for unexpected files or inconsistent partition column names:",
            listing.join("\n")
        ),
    )
}

/// Two columns of the same name.
pub fn column_already_exists(name: &str) -> SparkError {
    SparkError::new(
        "COLUMN_ALREADY_EXISTS",
        "42711",
        format!("The column `{name}` already exists. Choose another name or rename the existing column."),
    )
    .with_param("columnName", format!("`{name}`"))
}

/// Wraps an error for the way through DataFusion, which keeps its text.
pub fn external(error: SparkError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
