//! INSERT: rows under a table's columns, into its partitions.

use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, lit};

use super::{AfterWrite, PartitionValue, Planned, WriteCommand, partition_values, plan_query};
use crate::analysis::cast::cast;
use crate::analysis::scope::{CaseRule, display_name};
use crate::catalog::table::{is_format, unique_columns};
use crate::catalog::{Entry, Identifier, Table, errors};
use crate::error::{Position, Result, SparkError, quote, quote_parts};
use crate::session::{Snapshot, SparkSession};
use crate::source::partitions::{DEFAULT_PARTITION, escape};
use crate::sql::statement::{Insert, InsertDirectory};
use crate::types;
use crate::write::{FileFormat, SaveMode, WriteSpec};

/// The format of a name.
///
/// # Errors
/// A format that Spark or Cerium does not know.
pub fn file_format(name: &str) -> Result<FileFormat> {
    name.parse().map_err(|_| match name {
        "avro" | "xml" | "hive" | "jdbc" | "binaryfile" | "delta" | "iceberg" => {
            SparkError::unsupported(format!("writing the format {name}"))
        }
        _ => SparkError::data_source_not_found(name),
    })
}

/// Where Spark sees the columns of an INSERT.
const START: Position = Position { line: 1, pos: 0 };

/// How rows are to be put into a table.
#[derive(Debug, Clone, Default)]
pub struct Into {
    /// What is there goes.
    pub overwrite: bool,
    /// Values of the PARTITION clause.
    pub partition: Vec<(String, PartitionValue)>,
    /// The columns named, or none.
    pub columns: Vec<String>,
    /// Columns of the rows find those of the table by name.
    pub by_name: bool,
    /// Only partitions that rows are written to are overwritten, whatever the conf says.
    pub dynamic: bool,
    /// Further options of the write.
    pub options: std::collections::BTreeMap<String, String>,
}

pub(super) async fn insert(session: &SparkSession, insert: Insert) -> Result<Planned> {
    let snapshot = session.snapshot()?;
    let not_found = || SparkError::table_not_found(&insert.name.parts).at(insert.name.position);
    if let Some(found) = session.catalog().lookup(&insert.name.parts, snapshot.case).await? {
        let identifier = session.catalog().identifier(&insert.name.parts, snapshot.case)?;
        let table = match found {
            Entry::Table(table) => table,
            Entry::Stored(_) => {
                return Err(errors::expect_table(&identifier.parts(), "INSERT").at(insert.name.position));
            }
            Entry::View(_) => {
                return Err(errors::expect_table(&insert.name.parts, "INSERT").at(insert.name.position));
            }
        };
        let partition = partition_values(&insert.partition)?;
        if insert.if_not_exists {
            if !insert.overwrite || partition.iter().any(|(_, value)| *value == PartitionValue::Open) {
                return Err(SparkError::unsupported("IF NOT EXISTS with dynamic partitions"));
            }
            let within = static_folder(&table, &identifier, &partition, &snapshot)?.folder;
            if !session.catalog().folder(&format!("{}/{within}", table.location))?.is_empty().await? {
                return super::nothing();
            }
        }
        let input = plan_query(session, &insert.query).await?;
        let into = Into {
            overwrite: insert.overwrite,
            partition,
            columns: insert.columns,
            by_name: insert.by_name,
            ..Into::default()
        };
        let command = into_table(session, &snapshot, identifier, table, input, into).map_err(|error| {
            if error.class().starts_with("UNRESOLVED_COLUMN") { error.at(Some(START)) } else { error }
        })?;
        return Ok(Planned::Write(command));
    }
    let [format, path] = insert.name.parts.as_slice() else { return Err(not_found()) };
    if !is_format(format) {
        return Err(not_found());
    }
    let input = plan_query(session, &insert.query).await?;
    let target = WriteSpec {
        path: path.clone(),
        format: file_format(&format.to_lowercase())?,
        mode: if insert.overwrite { SaveMode::Overwrite } else { SaveMode::Append },
        ..WriteSpec::default()
    };
    Ok(Planned::Write(WriteCommand { input, target, then: AfterWrite::Nothing }))
}

/// The part of a table that static partition values name.
struct StaticPart {
    /// Column and its value as the table's type.
    values: Vec<(String, Expr)>,
    /// Folders `a=1/b=2` below the table.
    folder: String,
}

fn static_folder(
    table: &Table,
    identifier: &Identifier,
    partition: &[(String, PartitionValue)],
    snapshot: &Snapshot,
) -> Result<StaticPart> {
    for (name, _) in partition {
        if !table.partition_by.iter().any(|column| snapshot.case.same(column, name)) {
            return Err(errors::partitions_not_found(&[quote(name)], &identifier.parts()));
        }
    }
    let mut part = StaticPart { values: Vec::new(), folder: String::new() };
    let mut ended = false;
    for column in &table.partition_by {
        let given = partition.iter().find(|(name, _)| snapshot.case.same(name, column));
        let value = match given {
            Some((_, PartitionValue::Text(text))) => Some(text.as_str()),
            Some((_, PartitionValue::Null)) => None,
            Some((_, PartitionValue::Open)) | None => {
                ended = true;
                continue;
            }
        };
        if ended {
            return Err(SparkError::unsupported("a static partition column after a dynamic one"));
        }
        let kept = table.columns.iter().find(|c| c.name == *column);
        let data_type = kept.map(|c| c.arrow_field(&snapshot.time_zone)).transpose()?;
        let data_type = data_type.map_or(DataType::Utf8, |field| field.data_type().clone());
        let typed = typed(value, &data_type, column)?;
        let folder = match &typed {
            scalar if scalar.is_null() => DEFAULT_PARTITION.to_owned(),
            scalar => {
                let array = scalar.to_array()?;
                escape(&crate::text::value(&array, 0, crate::text::Style::Cast)?)
            }
        };
        let separator = if part.folder.is_empty() { "" } else { "/" };
        part.folder.push_str(&format!("{separator}{}={folder}", escape(column)));
        part.values.push((column.clone(), Expr::Literal(typed, None)));
    }
    Ok(part)
}

/// The value of a partition column from its text.
fn typed(text: Option<&str>, data_type: &DataType, column: &str) -> Result<ScalarValue> {
    let Some(text) = text else { return Ok(ScalarValue::try_from(data_type)?) };
    ScalarValue::Utf8(Some(text.to_owned())).cast_to(data_type).map_err(|_| {
        SparkError::new(
            "CAST_INVALID_INPUT",
            "22018",
            format!(
                "The value '{text}' of the type \"STRING\" cannot be cast to \"{}\" because it is malformed. \
                 Correct the value of the partition column {} as per the syntax.",
                types::sql_name(data_type),
                quote(column)
            ),
        )
    })
}

/// The folder of a full or leading partition spec below a table.
///
/// # Errors
/// A column that is none of the partition columns, a value that does not fit.
pub(super) fn partition_folder(
    table: &Table,
    identifier: &Identifier,
    partition: &[(String, PartitionValue)],
    snapshot: &Snapshot,
) -> Result<String> {
    Ok(static_folder(table, identifier, partition, snapshot)?.folder)
}

/// A write of rows into a table, by position unless they are to find their columns by name.
///
/// # Errors
/// Rows that do not fit.
pub fn into_table(
    session: &SparkSession,
    snapshot: &Snapshot,
    identifier: Identifier,
    table: Table,
    input: LogicalPlan,
    into: Into,
) -> Result<WriteCommand> {
    let part = static_folder(&table, &identifier, &into.partition, snapshot)?;
    let schema = table.schema(&snapshot.time_zone)?;
    let lenient = session
        .conf()
        .get_str("spark.sql.storeAssignmentPolicy")
        .is_some_and(|policy| policy.eq_ignore_ascii_case("LEGACY"));
    let fitting = Fitting { identifier: &identifier, schema: &schema, case: snapshot.case, lenient };
    let input = fitting.fit(input, &part.values, &into)?;
    let mut options = table.options;
    options.extend(into.options);
    let dynamic = into.dynamic
        || options
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case("partitionOverwriteMode"))
            .map(|(_, mode)| mode.clone())
            .or_else(|| session.conf().get_str("spark.sql.sources.partitionOverwriteMode").map(str::to_owned))
            .is_some_and(|mode| mode.eq_ignore_ascii_case("dynamic"));
    options.retain(|key, _| !key.eq_ignore_ascii_case("partitionOverwriteMode"));
    if dynamic && !table.partition_by.is_empty() {
        options.insert("partitionOverwriteMode".to_owned(), "dynamic".to_owned());
    }
    let target = WriteSpec {
        path: table.location,
        format: file_format(&table.format)?,
        mode: if into.overwrite { SaveMode::Overwrite } else { SaveMode::Append },
        partition_by: table.partition_by,
        options,
        within: part.folder,
    };
    let then = match table.partitions {
        Some(_) => AfterWrite::AddPartitions(identifier),
        None => AfterWrite::Nothing,
    };
    Ok(WriteCommand { input, target, then })
}

/// Rows as a table's columns want them, in the table's order.
pub(super) fn writable(input: LogicalPlan, table: &Table, snapshot: &Snapshot) -> Result<LogicalPlan> {
    let given = input.schema().columns();
    let mut exprs = Vec::with_capacity(table.columns.len());
    for column in &table.columns {
        let found = given.iter().find(|c| snapshot.case.same(display_name(&c.name), &column.name));
        let Some(found) = found else {
            return Err(SparkError::internal(format!("the rows have no column {}", column.name)));
        };
        exprs.push(Expr::Column(found.clone()).alias(column.name.clone()));
    }
    Ok(LogicalPlanBuilder::from(input).project(exprs)?.build()?)
}

struct Fitting<'a> {
    identifier: &'a Identifier,
    schema: &'a SchemaRef,
    case: CaseRule,
    /// Whatever can be cast may be stored.
    lenient: bool,
}

impl Fitting<'_> {
    fn table(&self) -> String {
        quote_parts(&self.identifier.parts())
    }

    /// The input's columns under the table's names and types.
    fn fit(&self, input: LogicalPlan, fixed: &[(String, Expr)], into: &Into) -> Result<LogicalPlan> {
        let given = input.schema().columns();
        let names: Vec<String> = given.iter().map(|c| display_name(&c.name).to_owned()).collect();
        let is_fixed = |name: &str| fixed.iter().any(|(column, _)| self.case.same(column, name));
        let fields = self.schema.fields();
        let free: Vec<String> =
            fields.iter().map(|f| f.name().clone()).filter(|name| !is_fixed(name)).collect();
        let wanted: Vec<String> = if into.by_name {
            unique_columns(&input, self.case)?;
            self.check_names(&names, &free)?;
            names.clone()
        } else if into.columns.is_empty() {
            free.clone()
        } else {
            self.check_list(&into.columns, &free)?;
            into.columns.clone()
        };
        if wanted.len() != given.len() {
            return Err(self.arity(&wanted, &names));
        }
        let dfschema = std::sync::Arc::clone(input.schema());
        let mut exprs = Vec::with_capacity(fields.len());
        for field in fields {
            let fixed = fixed.iter().find(|(column, _)| self.case.same(column, field.name()));
            let source = wanted.iter().position(|name| self.case.same(name, field.name()));
            let expr = match (fixed, source) {
                (Some((_, value)), _) => value.clone(),
                (None, Some(i)) => {
                    let expr = Expr::Column(given[i].clone());
                    let from = expr.get_type(dfschema.as_ref())?;
                    let storable = self.lenient || can_store(&from, field.data_type());
                    let cast =
                        cast(expr, field.data_type(), false, dfschema.as_ref()).ok().filter(|_| storable);
                    cast.ok_or_else(|| self.unsafe_cast(field.name(), &from, field.data_type()))?
                }
                (None, None) => lit(ScalarValue::try_from(field.data_type())?),
            };
            exprs.push(expr.alias(field.name().clone()));
        }
        Ok(LogicalPlanBuilder::from(input).project(exprs)?.build()?)
    }

    /// With BY NAME, columns of the rows that the table does not have are an error.
    fn check_names(&self, names: &[String], free: &[String]) -> Result<()> {
        let extra: Vec<String> = names
            .iter()
            .filter(|name| !free.iter().any(|column| self.case.same(column, name)))
            .map(|name| quote(name))
            .collect();
        if extra.is_empty() {
            return Ok(());
        }
        if names.len() > free.len() {
            return Err(self.arity(free, names));
        }
        let extra = extra.join(", ");
        Err(SparkError::new(
            "INCOMPATIBLE_DATA_FOR_TABLE.EXTRA_COLUMNS",
            "KD000",
            format!(
                "Cannot write incompatible data for the table {}: Cannot write extra columns {extra}.",
                self.table()
            ),
        )
        .with_param("tableName", self.table())
        .with_param("extraColumns", extra))
    }

    /// The columns named must be the table's, each once.
    fn check_list(&self, columns: &[String], free: &[String]) -> Result<()> {
        for (i, name) in columns.iter().enumerate() {
            if !free.iter().any(|column| self.case.same(column, name)) {
                return Err(unresolved(name, free));
            }
            if columns[..i].iter().any(|other| self.case.same(other, name)) {
                return Err(SparkError::column_exists(&name.to_lowercase()));
            }
        }
        Ok(())
    }

    fn arity(&self, wanted: &[String], given: &[String]) -> SparkError {
        let (class, what) = if given.len() < wanted.len() {
            ("INSERT_COLUMN_ARITY_MISMATCH.NOT_ENOUGH_DATA_COLUMNS", "not enough data columns")
        } else {
            ("INSERT_COLUMN_ARITY_MISMATCH.TOO_MANY_DATA_COLUMNS", "too many data columns")
        };
        let list = |names: &[String]| names.iter().map(|n| quote(n)).collect::<Vec<_>>().join(", ");
        let (table, wanted, given) = (self.table(), list(wanted), list(given));
        SparkError::new(
            class,
            "21S01",
            format!(
                "Cannot write to {table}, the reason is {what}:\nTable columns: {wanted}.\nData columns: {given}."
            ),
        )
        .with_param("tableName", table)
        .with_param("tableColumns", wanted)
        .with_param("dataColumns", given)
    }

    fn unsafe_cast(&self, column: &str, from: &DataType, to: &DataType) -> SparkError {
        let (table, column) = (self.table(), quote(column));
        let (from, to) = (format!("\"{}\"", types::sql_name(from)), format!("\"{}\"", types::sql_name(to)));
        SparkError::new(
            "INCOMPATIBLE_DATA_FOR_TABLE.CANNOT_SAFELY_CAST",
            "KD000",
            format!(
                "Cannot write incompatible data for the table {table}: Cannot safely cast {column} {from} to {to}."
            ),
        )
        .with_param("tableName", table)
        .with_param("colName", column)
        .with_param("srcType", from)
        .with_param("targetType", to)
    }
}

/// A column named in an INSERT that the table does not have; all of the table's are proposed.
fn unresolved(name: &str, columns: &[String]) -> SparkError {
    let proposal: Vec<_> = columns.iter().map(|column| quote(column)).collect();
    let (object, proposal) = (quote(name), proposal.join(", "));
    SparkError::new(
        "UNRESOLVED_COLUMN.WITH_SUGGESTION",
        "42703",
        format!(
            "A column, variable, or function parameter with name {object} cannot be resolved. Did you mean one of the following? [{proposal}]."
        ),
    )
    .with_param("objectName", object)
    .with_param("proposal", proposal)
}

/// Spark's ANSI rules of what may be stored as what.
fn can_store(from: &DataType, to: &DataType) -> bool {
    use DataType::{Date32, List, Map, Null, Struct, Timestamp};
    let atomic = |t: &DataType| !t.is_nested();
    match (from, to) {
        _ if from == to => true,
        (Null, _) => true,
        (List(from), List(to)) => can_store(from.data_type(), to.data_type()),
        (Map(from, _), Map(to, _)) => can_store(from.data_type(), to.data_type()),
        (Struct(from), Struct(to)) => {
            from.len() == to.len()
                && from.iter().zip(to).all(|(from, to)| can_store(from.data_type(), to.data_type()))
        }
        (Date32 | Timestamp(..), Date32 | Timestamp(..)) => true,
        (from, to) if from.is_numeric() && to.is_numeric() => true,
        (from, to) => to.is_string() && atomic(from),
    }
}

pub(super) async fn directory(session: &SparkSession, directory: InsertDirectory) -> Result<Planned> {
    let input = plan_query(session, &directory.query).await?;
    unique_columns(&input, session.snapshot()?.case)?;
    let target = WriteSpec {
        path: directory.path,
        format: file_format(&directory.table.format)?,
        mode: SaveMode::Overwrite,
        options: directory.table.options,
        ..WriteSpec::default()
    };
    Ok(Planned::Write(WriteCommand { input, target, then: AfterWrite::Nothing }))
}
