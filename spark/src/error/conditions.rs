//! The conditions of Spark that have a constructor of their own.

use std::fmt;

use super::{Position, SparkError, quote, quote_parts};

impl SparkError {
    /// `near` is the offending token as written, `None` the end of the statement.
    pub fn syntax(near: Option<&str>, hint: &str, position: Position) -> Self {
        let error = near.map_or_else(|| "end of input".to_owned(), |token| format!("'{token}'"));
        Self::new("PARSE_SYNTAX_ERROR", "42601", format!("Syntax error at or near {error}{hint}."))
            .with_param("error", error)
            .with_param("hint", hint)
            .at(Some(position))
    }

    /// A table or view that is not there. `name` are the parts of its name.
    pub fn table_not_found(name: &[String]) -> Self {
        let quoted = quote_parts(name);
        Self::new(
            "TABLE_OR_VIEW_NOT_FOUND",
            "42P01",
            format!(
                "The table or view {quoted} cannot be found. Verify the spelling and correctness of the schema and catalog.\n\
                 If you did not qualify the name with a schema, verify the current_schema() output, or qualify the name with the correct schema and catalog.\n\
                 To tolerate the error on drop use DROP VIEW IF EXISTS or DROP TABLE IF EXISTS."
            ),
        )
        .with_param("relationName", quoted)
    }

    /// A schema (database) that is not there.
    pub fn schema_not_found(name: &[String]) -> Self {
        let quoted = quote_parts(name);
        Self::new(
            "SCHEMA_NOT_FOUND",
            "42704",
            format!(
                "The schema {quoted} cannot be found. Verify the spelling and correctness of the schema and catalog.\n\
                 If you did not qualify the name with a catalog, verify the current_schema() output, or qualify the name with the correct catalog.\n\
                 To tolerate the error on drop use DROP SCHEMA IF EXISTS."
            ),
        )
        .with_param("schemaName", quoted)
    }

    /// A column that is not there; `candidates` are the names in scope, the likeliest are proposed.
    pub fn column_not_found(name: &[String], candidates: &[Vec<String>]) -> Self {
        let object = quote_parts(name);
        let lead =
            format!("A column, variable, or function parameter with name {object} cannot be resolved.");
        if candidates.is_empty() {
            return Self::new("UNRESOLVED_COLUMN.WITHOUT_SUGGESTION", "42703", format!("{lead} "))
                .with_param("objectName", object);
        }
        let proposal = suggestions(name, candidates).join(", ");
        Self::new(
            "UNRESOLVED_COLUMN.WITH_SUGGESTION",
            "42703",
            format!("{lead} Did you mean one of the following? [{proposal}]."),
        )
        .with_param("objectName", object)
        .with_param("proposal", proposal)
    }

    /// A name that several columns answer to.
    pub fn ambiguous_reference(name: &[String], candidates: &[Vec<String>]) -> Self {
        let quoted = quote_parts(name);
        let list: Vec<_> = candidates.iter().map(|c| quote_parts(c)).collect();
        let list = format!("[{}]", list.join(", "));
        Self::new(
            "AMBIGUOUS_REFERENCE",
            "42704",
            format!("Reference {quoted} is ambiguous, could be: {list}."),
        )
        .with_param("name", quoted)
        .with_param("referenceNames", list)
    }

    /// A function that does not exist (here or in Spark).
    pub fn routine_not_found(name: &str) -> Self {
        Self::routine_unresolved(&[name])
    }

    /// A function that does not exist, by the parts of its name.
    pub fn routine_unresolved<S: AsRef<str>>(name: &[S]) -> Self {
        let path = "[`system`.`builtin`, `system`.`session`, `spark_catalog`.`default`]";
        let quoted = quote_parts(name);
        Self::new(
            "UNRESOLVED_ROUTINE",
            "42883",
            format!("Cannot resolve routine {quoted} on search path {path}."),
        )
        .with_param("routineName", quoted)
        .with_param("searchPath", path)
    }

    /// A table function that does not exist, by the parts of its name.
    pub fn table_function_not_found<S: AsRef<str>>(name: &[S]) -> Self {
        let quoted = quote_parts(name);
        Self::new(
            "UNRESOLVABLE_TABLE_VALUED_FUNCTION",
            "42883",
            format!(
                "Could not resolve {quoted} to a table-valued function.\n\
                 Please make sure that {quoted} is defined as a table-valued function and that all required parameters are provided correctly.\n\
                 If {quoted} is not defined, please create the table-valued function before using it.\n\
                 For more information about defining table-valued functions, please refer to the Apache Spark documentation."
            ),
        )
        .with_param("name", quoted)
    }

    /// A call with the wrong number of arguments; `expected` as Spark words it (`1`, `[1, 2]`, `> 0`).
    pub fn wrong_num_args(function: &str, expected: &str, actual: usize) -> Self {
        Self::wrong_num_args_of(&quote(function), expected, actual)
    }

    /// The same for a function whose name is quoted already.
    pub fn wrong_num_args_of(quoted: &str, expected: &str, actual: usize) -> Self {
        Self::new(
            "WRONG_NUM_ARGS.WITHOUT_SUGGESTION",
            "42605",
            format!(
                "The {quoted} requires {expected} parameters but the actual number is {actual}. \
                 Please, refer to 'https://spark.apache.org/docs/latest/sql-ref-functions.html' for a fix."
            ),
        )
        .with_param("functionName", quoted)
        .with_param("expectedNum", expected)
        .with_param("actualNum", actual.to_string())
        .with_param("docroot", "https://spark.apache.org/docs/latest")
    }

    /// A temporary view whose name is taken.
    pub fn temp_view_exists(name: &[String]) -> Self {
        let quoted = quote_parts(name);
        Self::new(
            "TEMP_TABLE_OR_VIEW_ALREADY_EXISTS",
            "42P07",
            format!(
                "Cannot create the temporary view {quoted} because it already exists.\n\
                 Choose a different name, drop or replace the existing view."
            ),
        )
        .with_param("relationName", quoted)
    }

    /// A table whose name is taken.
    pub fn table_exists(name: &[String]) -> Self {
        let quoted = quote_parts(name);
        Self::new(
            "TABLE_OR_VIEW_ALREADY_EXISTS",
            "42P07",
            format!(
                "Cannot create table or view {quoted} because it already exists.\n\
                 Choose a different name, drop or replace the existing object, or add the IF NOT EXISTS clause to tolerate pre-existing objects."
            ),
        )
        .with_param("relationName", quoted)
    }

    /// Two columns of one name where names must differ.
    pub fn column_exists(name: &str) -> Self {
        let quoted = quote(name);
        Self::new(
            "COLUMN_ALREADY_EXISTS",
            "42711",
            format!("The column {quoted} already exists. Choose another name or rename the existing column."),
        )
        .with_param("columnName", quoted)
    }

    /// An input path that is not there.
    pub fn path_not_found(path: &str) -> Self {
        Self::new("PATH_NOT_FOUND", "42K03", format!("Path does not exist: {path}.")).with_param("path", path)
    }

    /// An output path that holds data while the mode says it must not.
    pub fn path_exists(path: &str) -> Self {
        Self::new(
            "PATH_ALREADY_EXISTS",
            "42K04",
            format!("Path {path} already exists. Set mode as \"overwrite\" to overwrite the existing path."),
        )
        .with_param("outputPath", path)
    }

    /// A file format nobody knows.
    pub fn data_source_not_found(provider: &str) -> Self {
        Self::new(
            "DATA_SOURCE_NOT_FOUND",
            "42K02",
            format!(
                "Failed to find the data source: {provider}. Make sure the provider name is correct \
                 and the package is properly registered and compatible with your Spark version."
            ),
        )
        .with_param("provider", provider)
    }

    /// A broken record in a file that is read in the mode FAILFAST.
    pub fn malformed_record(record: &str) -> Self {
        Self::new(
            "MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION",
            "22023",
            format!(
                "Malformed records are detected in record parsing: {record}.\n\
                 Parse Mode: FAILFAST. To process malformed records as null result, try setting the option 'mode' as 'PERMISSIVE'."
            ),
        )
        .with_param("badRecord", record)
        .with_param("failFastMode", "FAILFAST")
    }

    /// What Spark can do and Cerium cannot (yet); `feature` completes "The feature is not supported:".
    pub fn unsupported(feature: impl fmt::Display) -> Self {
        Self::new("UNSUPPORTED_FEATURE", "0A000", format!("The feature is not supported: {feature}."))
            .with_param("feature", feature.to_string())
    }

    /// An expression whose argument types do not fit. `reason` ends without a full stop.
    pub fn type_mismatch(subclass: &str, expression: &str, reason: &str) -> Self {
        Self::new(
            format!("DATATYPE_MISMATCH.{subclass}"),
            "42K09",
            format!("Cannot resolve \"{expression}\" due to data type mismatch: {reason}."),
        )
        .with_param("sqlExpr", format!("\"{expression}\""))
    }

    /// Several rows where a query stands for one value.
    pub fn too_many_rows() -> Self {
        Self::new(
            "SCALAR_SUBQUERY_TOO_MANY_ROWS",
            "21000",
            "More than one row returned by a subquery used as an expression.",
        )
    }

    /// A column outside GROUP BY and aggregates.
    pub fn missing_aggregation(expression: &str) -> Self {
        Self::new(
            "MISSING_AGGREGATION",
            "42803",
            format!(
                "The non-aggregating expression \"{expression}\" is based on columns which are not participating in the GROUP BY clause.\n\
                 Add the columns or the expression to the GROUP BY, aggregate the expression, or use \"any_value({expression})\" \
                 if you do not care which of the values within a group is returned."
            ),
        )
        .with_param("expression", format!("\"{expression}\""))
        .with_param("expressionAnyValue", format!("\"any_value({expression})\""))
    }

    /// A mistake of ours.
    pub fn internal(message: impl fmt::Display) -> Self {
        Self::new("INTERNAL_ERROR", "XX000", message.to_string())
    }
}

/// The five candidates closest to `name`, quoted, in Spark's order: by edit distance, ties as given.
/// Qualifiers are left out where all candidates share one and `name` has none.
fn suggestions(name: &[String], candidates: &[Vec<String>]) -> Vec<String> {
    let one_qualifier = candidates
        .windows(2)
        .all(|pair| pair[0].split_last().map(|c| c.1) == pair[1].split_last().map(|c| c.1));
    let strip = name.len() == 1 && one_qualifier;
    let written = name.join(".");
    let mut scored: Vec<(usize, String)> = candidates
        .iter()
        .map(|parts| {
            let shown = if strip { &parts[parts.len() - 1..] } else { parts.as_slice() };
            let shown = quote_parts(shown);
            (edit_distance(&shown, &written), shown)
        })
        .collect();
    scored.sort_by_key(|(distance, _)| *distance);
    scored.into_iter().map(|(_, shown)| shown).take(5).collect()
}

/// Levenshtein distance in characters.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let cost = usize::from(ca != *cb);
            let best = (diagonal + cost).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = row[j + 1];
            row[j + 1] = best;
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(names: &[&str]) -> Vec<String> {
        names.iter().map(|n| (*n).to_owned()).collect()
    }

    #[test]
    fn closest_names_are_proposed_first() {
        let scope: Vec<_> = ["id", "Name", "amt", "flag"].iter().map(|c| parts(&["t", c])).collect();
        let error = SparkError::column_not_found(&parts(&["x", "id"]), &scope);
        assert_eq!(
            error.to_string(),
            "[UNRESOLVED_COLUMN.WITH_SUGGESTION] A column, variable, or function parameter with name `x`.`id` cannot be resolved. \
             Did you mean one of the following? [`t`.`id`, `t`.`amt`, `t`.`Name`, `t`.`flag`]. SQLSTATE: 42703"
        );
    }
}
