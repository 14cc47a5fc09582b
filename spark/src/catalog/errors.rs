//! The errors of the catalog, in Spark's words.

use crate::error::{SparkError, quote, quote_parts};

/// A database whose name is taken.
pub fn schema_exists(name: &str) -> SparkError {
    SparkError::new(
        "SCHEMA_ALREADY_EXISTS",
        "42P06",
        format!(
            "Cannot create schema {} because it already exists.\n\
             Choose a different name, drop the existing schema, or add the IF NOT EXISTS clause to tolerate pre-existing schema.",
            quote(name)
        ),
    )
    .with_param("schemaName", quote(name))
}

/// A database that still holds something.
pub fn schema_not_empty(name: &str) -> SparkError {
    SparkError::new(
        "SCHEMA_NOT_EMPTY",
        "2BP01",
        format!(
            "Cannot drop a schema {} because it contains objects.\n\
             Use DROP SCHEMA ... CASCADE to drop the schema and all its objects.",
            quote(name)
        ),
    )
    .with_param("schemaName", quote(name))
}

/// The database that is always there.
pub fn drop_default(name: &[String]) -> SparkError {
    let database = quote_parts(name);
    SparkError::new(
        "UNSUPPORTED_FEATURE.DROP_DATABASE",
        "0A000",
        format!("The feature is not supported: Drop the default database {database}."),
    )
    .with_param("database", database)
}

/// A catalog that is not there.
pub fn catalog_not_found(name: &str) -> SparkError {
    let config = format!("\"spark.sql.catalog.{name}\"");
    SparkError::new(
        "CATALOG_NOT_FOUND",
        "42P08",
        format!(
            "The catalog {} not found. Consider to set the SQL config {config} to a catalog plugin.",
            quote(name)
        ),
    )
    .with_param("catalogName", quote(name))
    .with_param("config", config)
}

/// A namespace of several parts.
pub fn single_part_namespace(namespace: &[String]) -> SparkError {
    let quoted = quote_parts(namespace);
    SparkError::new(
        "REQUIRES_SINGLE_PART_NAMESPACE",
        "42K05",
        format!("spark_catalog requires a single-part namespace, but got identifier {quoted}."),
    )
    .with_param("sessionCatalog", "spark_catalog")
    .with_param("identifier", quoted)
}

/// A name that is not of letters, digits and underscores.
pub fn invalid_name(name: &str) -> SparkError {
    SparkError::new(
        "INVALID_SCHEMA_OR_RELATION_NAME",
        "42602",
        format!(
            "{} is not a valid name for tables/schemas. Valid names only contain alphabet characters, numbers and _.",
            quote(name)
        ),
    )
    .with_param("name", quote(name))
}

/// A statement on a view that wants a table. `operation` is its first words.
pub fn expect_table(name: &[String], operation: &str) -> SparkError {
    let (view, operation) = (quote_parts(name), operation.to_owned());
    SparkError::new(
        "EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE",
        "42809",
        format!("'{operation}' expects a table but {view} is a view. "),
    )
    .with_param("viewName", view)
    .with_param("operation", operation)
}

/// A statement on a table that wants a view.
pub fn expect_view(name: &[String], operation: &str) -> SparkError {
    let table = quote_parts(name);
    SparkError::new(
        "EXPECT_VIEW_NOT_TABLE.NO_ALTERNATIVE",
        "42809",
        format!("The table {table} does not support {operation}. "),
    )
    .with_param("tableName", table)
    .with_param("operation", operation)
}

/// DROP TABLE of a view, or DROP VIEW of a table. `found` is what it is: VIEW, MANAGED, EXTERNAL.
pub fn wrong_drop(name: &[String], found: &str) -> SparkError {
    let (operation, required, alternative) = if found == "VIEW" {
        ("DROP TABLE", "EXTERNAL or MANAGED", "DROP VIEW")
    } else {
        ("DROP VIEW", "VIEW", "DROP TABLE")
    };
    let name = name.join(".");
    SparkError::new(
        "WRONG_COMMAND_FOR_OBJECT_TYPE",
        "42809",
        format!(
            "The operation {operation} requires a {required}. But {name} is a {found}. Use {alternative} instead."
        ),
    )
    .with_param("operation", operation)
    .with_param("requiredType", required)
    .with_param("objectName", name)
    .with_param("foundType", found)
    .with_param("alternative", alternative)
}

/// A managed table whose folder holds files already.
pub fn location_exists(table: &[String], location: &str) -> SparkError {
    let identifier = quote_parts(table);
    SparkError::new(
        "LOCATION_ALREADY_EXISTS",
        "42710",
        format!(
            "Cannot name the managed table as {identifier}, as its associated location '{location}' already exists. \
             Please pick a different table name, or remove the existing location first."
        ),
    )
    .with_param("identifier", identifier)
    .with_param("location", format!("'{location}'"))
}

/// A name for a temporary view that has several parts.
pub fn temp_view_name(name: &[String]) -> SparkError {
    SparkError::new(
        "TEMP_VIEW_NAME_TOO_MANY_NAME_PARTS",
        "428EK",
        format!(
            "CREATE TEMPORARY VIEW or the corresponding Dataset APIs only accept single-part view names, but got: {}.",
            quote_parts(name)
        ),
    )
    .with_param("actualName", quote_parts(name))
}

/// Partitions that a table does not have.
pub fn partitions_not_found(partitions: &[String], table: &[String]) -> SparkError {
    let list = partitions.join(", ");
    SparkError::new(
        "PARTITIONS_NOT_FOUND",
        "428FT",
        format!(
            "The partition(s) {list} cannot be found in table {}.\n\
             Verify the partition specification and table name.\n\
             To tolerate the error on drop use ALTER TABLE … DROP IF EXISTS PARTITION.",
            quote_parts(table)
        ),
    )
    .with_param("partitionList", list)
    .with_param("tableName", quote_parts(table))
}

/// Partitions that a table has already.
pub fn partitions_exist(partitions: &[String], table: &[String]) -> SparkError {
    let list = partitions.join(", ");
    SparkError::new(
        "PARTITIONS_ALREADY_EXIST",
        "428FT",
        format!(
            "Cannot ADD or RENAME TO partition(s) {list} in table {} because they already exist.\n\
             Choose a different name, drop the existing partition, or add the IF NOT EXISTS clause to tolerate a pre-existing partition.",
            quote_parts(table)
        ),
    )
    .with_param("partitionList", list)
    .with_param("tableName", quote_parts(table))
}

/// A statement on a temporary view that wants something that lasts.
pub fn temp_object(name: &[String], operation: &str) -> SparkError {
    let view = quote_parts(name);
    SparkError::new(
        "EXPECT_PERMANENT_VIEW_NOT_TEMP",
        "42809",
        format!("'{operation}' expects a permanent view but {view} is a temp view."),
    )
    .with_param("viewName", view)
    .with_param("operation", operation)
}

/// A function whose name is taken.
pub fn routine_exists(name: &[String]) -> SparkError {
    let quoted = quote_parts(name);
    SparkError::new(
        "ROUTINE_ALREADY_EXISTS",
        "42723",
        format!(
            "Cannot create the routine {quoted} because a routine of that name already exists.\n\
             Choose a different name, drop or replace the existing routine, or add the IF NOT EXISTS clause to tolerate a pre-existing routine."
        ),
    )
    .with_param("routineName", quoted)
    .with_param("newRoutineType", "routine")
    .with_param("existingRoutineType", "routine")
}

/// A function to drop that is not there.
pub fn routine_not_found(name: &[String]) -> SparkError {
    let quoted = quote_parts(name);
    SparkError::new(
        "ROUTINE_NOT_FOUND",
        "42883",
        format!(
            "The routine {quoted} cannot be found. Verify the spelling and correctness of the schema and catalog.\n\
             If you did not qualify the name with a schema and catalog, verify the current_schema() output, or qualify the name with the correct schema and catalog.\n\
             To tolerate the error on drop use DROP ... IF EXISTS."
        ),
    )
    .with_param("routineName", quoted)
}

/// A function of a Java class, which there is no way to load.
pub fn class_not_loaded(name: &[String], class: &str) -> SparkError {
    let quoted = quote_parts(name);
    SparkError::new(
        "CANNOT_LOAD_FUNCTION_CLASS",
        "46103",
        format!(
            "Cannot load class {class} when registering the function {quoted}, please make sure it is on the classpath."
        ),
    )
    .with_param("className", class)
    .with_param("functionName", quoted)
}
