//! `df.write` and `df.writeTo`: what is to be written where, for the driver to run.

use std::collections::BTreeMap;

use datafusion::logical_expr::expr::Sort;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Partitioning};

use super::expression::missing;
use super::planner::Planner;
use super::proto::write_operation::save_table::TableSaveMethod;
use super::proto::write_operation::{BucketBy, SaveMode as ProtoMode, SaveTable, SaveType};
use super::proto::write_operation_v2::Mode;
use super::{CommandOutcome, Environment, proto};
use crate::analysis::scope::{CaseRule, display_name};
use crate::catalog::table::unique_columns;
use crate::catalog::{Identifier, Stored, Table, errors};
use crate::error::{Result, SparkError, quote_parts};
use crate::layout::{Layout, LayoutNode};
use crate::session::{Snapshot, SparkSession};
use crate::sql::WriteCommand;
use crate::sql::plan::AfterWrite;
use crate::sql::plan::command::{
    CreateAs, Into, NewTable, create_as, file_format, into_table, query_columns,
};
use crate::sql::statement::parse_name;
use crate::write::{SaveMode, WriteSpec};

/// The rows of a relation, as a plan to write.
async fn input(env: &Environment<'_>, relation: Option<&proto::Relation>) -> Result<LogicalPlan> {
    let relation = relation.ok_or_else(|| missing("an input"))?;
    Planner::finished(Planner::new(env)?.plan(relation).await?)
}

/// `df.write...save()`, `saveAsTable()`, `insertInto()`.
///
/// # Errors
/// What Spark's analyzer would raise.
pub async fn write_operation(
    env: &Environment<'_>,
    operation: &proto::WriteOperation,
) -> Result<CommandOutcome> {
    let session = env.session;
    let snapshot = session.snapshot()?;
    let mode = match operation.mode() {
        ProtoMode::Append => SaveMode::Append,
        ProtoMode::Overwrite => SaveMode::Overwrite,
        ProtoMode::Ignore => SaveMode::Ignore,
        ProtoMode::ErrorIfExists | ProtoMode::Unspecified => SaveMode::ErrorIfExists,
    };
    let table = match &operation.save_type {
        Some(SaveType::Table(table)) => Some(table),
        _ => None,
    };
    check_buckets(operation, table)?;
    let mut plan = input(env, operation.input.as_ref()).await?;
    if let Some(buckets) = &operation.bucket_by {
        plan = bucketed(plan, buckets, &operation.sort_column_names, snapshot.case)?;
    }
    let write = Write {
        session,
        snapshot: &snapshot,
        mode,
        format: operation.source.as_deref().unwrap_or_default().to_lowercase(),
        partition_by: operation.partitioning_columns.clone(),
        options: operation.options.clone().into_iter().collect(),
    };
    let command = match (&operation.save_type, table) {
        (_, Some(table)) => {
            let name = parse_name(&table.table_name)?;
            match table.save_method() {
                TableSaveMethod::InsertInto => Some(write.insert_into(&name, plan).await?),
                _ => write.save_as_table(&name, plan).await?,
            }
        }
        (Some(SaveType::Path(path)), None) => Some(write.save(Some(path), plan)?),
        _ => Some(write.save(None, plan)?),
    };
    Ok(outcome(command))
}

fn outcome(command: Option<WriteCommand>) -> CommandOutcome {
    command.map_or(CommandOutcome::Done, |command| CommandOutcome::Write(Box::new(command)))
}

fn check_buckets(operation: &proto::WriteOperation, table: Option<&SaveTable>) -> Result<()> {
    let inserts = table.is_some_and(|table| table.save_method() == TableSaveMethod::InsertInto);
    if operation.bucket_by.is_none() {
        if operation.sort_column_names.is_empty() {
            return Ok(());
        }
        return Err(SparkError::new(
            "SORT_BY_WITHOUT_BUCKETING",
            "42601",
            "sortBy must be used together with bucketBy.",
        ));
    }
    match table {
        Some(_) if !inserts => Ok(()),
        _ => {
            let operation = if inserts { "insertInto" } else { "save" };
            let message = format!("'{operation}' does not support bucketBy right now.");
            Err(SparkError::new("_LEGACY_ERROR_TEMP_1312", "", message).with_param("operation", operation))
        }
    }
}

/// Rows with those of a bucket in one partition, in the order asked for. The table does not remember its
/// buckets.
fn bucketed(
    plan: LogicalPlan,
    buckets: &BucketBy,
    sorted_by: &[String],
    case: CaseRule,
) -> Result<LogicalPlan> {
    let columns = plan.schema().columns();
    let column = |name: &String| {
        let found = columns.iter().find(|c| case.same(display_name(&c.name), name));
        found.map(|c| Expr::Column(c.clone())).ok_or_else(|| {
            let candidates: Vec<_> = columns.iter().map(|c| vec![display_name(&c.name).to_owned()]).collect();
            SparkError::column_not_found(std::slice::from_ref(name), &candidates)
        })
    };
    let count = usize::try_from(buckets.num_buckets).ok().filter(|count| (1..=100_000).contains(count));
    let count = count.ok_or_else(|| {
        SparkError::new(
            "INVALID_BUCKET_COUNT",
            "22003",
            format!(
                "Number of buckets should be greater than 0 but less than or equal to bucketing.maxBuckets (`100000`). Got `{}`.",
                buckets.num_buckets
            ),
        )
    })?;
    let keys: Vec<Expr> = buckets.bucket_column_names.iter().map(column).collect::<Result<_>>()?;
    let sorts: Result<Vec<Sort>> =
        sorted_by.iter().map(|name| Ok(Sort::new(column(name)?, true, true))).collect();
    let sorts = sorts?;
    let plan = LogicalPlanBuilder::from(plan).repartition(Partitioning::Hash(keys, count))?.build()?;
    Ok(if sorts.is_empty() { plan } else { LayoutNode::new(plan, Layout::Sorted(sorts)).into_plan() })
}

/// A write of the DataFrame API.
struct Write<'a> {
    session: &'a SparkSession,
    snapshot: &'a Snapshot,
    mode: SaveMode,
    /// Empty for the default.
    format: String,
    partition_by: Vec<String>,
    options: BTreeMap<String, String>,
}

impl Write<'_> {
    fn format(&self) -> &str {
        if self.format.is_empty() { &self.snapshot.default_format } else { &self.format }
    }

    /// Files in a folder.
    fn save(self, path: Option<&str>, input: LogicalPlan) -> Result<WriteCommand> {
        let format = file_format(&self.format().to_lowercase())?;
        let mut options = self.options;
        let given = options.iter().find(|(key, _)| key.eq_ignore_ascii_case("path")).map(|(_, v)| v.clone());
        options.retain(|key, _| !key.eq_ignore_ascii_case("path"));
        let Some(path) = path.filter(|path| !path.is_empty()).map(str::to_owned).or(given) else {
            return Err(SparkError::new("_LEGACY_ERROR_TEMP_2047", "", "'path' is not specified."));
        };
        unique_columns(&input, self.snapshot.case)?;
        let conf = self.session.conf();
        let is_set = options.keys().any(|key| key.eq_ignore_ascii_case("partitionOverwriteMode"));
        if let Some(mode) = conf.get_str("spark.sql.sources.partitionOverwriteMode")
            && !is_set
        {
            options.insert("partitionOverwriteMode".to_owned(), mode.to_owned());
        }
        let target = WriteSpec {
            path,
            format,
            mode: self.mode,
            partition_by: self.partition_by,
            options,
            within: String::new(),
        };
        Ok(WriteCommand { input, target, then: AfterWrite::Nothing })
    }

    async fn existing(&self, name: &[String]) -> Result<Option<(Identifier, Table)>> {
        match self.session.catalog().stored(name, self.snapshot.case).await? {
            None => Ok(None),
            Some((identifier, Stored::Table(table))) => Ok(Some((identifier, table))),
            Some((identifier, Stored::View(_))) => Err(errors::expect_table(&identifier.parts(), "INSERT")),
        }
    }

    /// Rows by position into a table that is there.
    async fn insert_into(self, name: &[String], input: LogicalPlan) -> Result<WriteCommand> {
        if !self.partition_by.is_empty() {
            return Err(SparkError::new(
                "_LEGACY_ERROR_TEMP_1309",
                "",
                "insertInto() can't be used together with partitionBy(). Partition columns have already been defined for the table. It is not necessary to use partitionBy().",
            ));
        }
        let Some((identifier, table)) = self.existing(name).await? else {
            return Err(SparkError::table_not_found(name));
        };
        let into =
            Into { overwrite: self.mode == SaveMode::Overwrite, options: self.options, ..Into::default() };
        into_table(self.session, self.snapshot, identifier, table, input, into)
    }

    /// Nothing to do where the table is there and the mode is IGNORE.
    async fn save_as_table(self, name: &[String], input: LogicalPlan) -> Result<Option<WriteCommand>> {
        let identifier = self.session.catalog().identifier(name, self.snapshot.case)?;
        let found = match (self.session.catalog().stored(name, self.snapshot.case).await?, self.mode) {
            (None, _) => None,
            (Some(_), SaveMode::Ignore) => return Ok(None),
            (Some(_), SaveMode::ErrorIfExists) => {
                return Err(SparkError::table_exists(&identifier.parts()));
            }
            (Some((_, Stored::View(_))), _) => {
                return Err(errors::expect_table(&identifier.parts(), "saveAsTable"));
            }
            (Some((_, Stored::Table(table))), _) => Some(table),
        };
        if let (Some(table), SaveMode::Append) = (&found, self.mode) {
            self.fits(&identifier, table)?;
            let into = Into { by_name: true, options: self.options, ..Into::default() };
            let table = table.clone();
            return into_table(self.session, self.snapshot, identifier, table, input, into).map(Some);
        }
        let new = self.new_table(&input, BTreeMap::new());
        let how = CreateAs { mode: self.mode, replace: found.is_some(), if_not_exists: false };
        create_as(self.session, self.snapshot, identifier, new, input, how).await.map(Some)
    }

    fn new_table(&self, input: &LogicalPlan, properties: BTreeMap<String, String>) -> NewTable {
        NewTable {
            format: self.format.clone(),
            location: None,
            options: self.options.clone(),
            columns: query_columns(input),
            partition_by: self.partition_by.clone(),
            comment: None,
            properties,
        }
    }

    /// Rows may be appended to a table only as what it is.
    fn fits(&self, identifier: &Identifier, table: &Table) -> Result<()> {
        let same = |a: &str, b: &str| self.snapshot.case.same(a, b);
        if !self.format.is_empty() && self.format != table.format {
            let message = format!(
                "The format of the existing table {} is `{}`. It doesn't match the specified format `{}`.",
                quote_parts(&identifier.parts()),
                table.format,
                self.format
            );
            return Err(SparkError::new("_LEGACY_ERROR_TEMP_1159", "", message));
        }
        let fits = self.partition_by.len() == table.partition_by.len()
            && self.partition_by.iter().zip(&table.partition_by).all(|(a, b)| same(a, b));
        if self.partition_by.is_empty() || fits {
            return Ok(());
        }
        let message = format!(
            "Specified partitioning does not match that of the existing table {}.\n\
             Specified partition columns: [{}].\nExisting partition columns: [{}].",
            quote_parts(&identifier.parts()),
            self.partition_by.join(", "),
            table.partition_by.join(", ")
        );
        Err(SparkError::new("_LEGACY_ERROR_TEMP_1163", "", message))
    }
}

/// `df.writeTo(table)...`.
///
/// # Errors
/// What Spark's analyzer would raise.
pub async fn write_operation_v2(
    env: &Environment<'_>,
    operation: &proto::WriteOperationV2,
) -> Result<CommandOutcome> {
    let session = env.session;
    let snapshot = session.snapshot()?;
    let name = parse_name(&operation.table_name)?;
    let plan = input(env, operation.input.as_ref()).await?;
    let write = Write {
        session,
        snapshot: &snapshot,
        mode: SaveMode::Append,
        format: operation.provider.as_deref().unwrap_or_default().to_lowercase(),
        partition_by: operation.partitioning_columns.iter().map(column).collect::<Result<_>>()?,
        options: operation.options.clone().into_iter().collect(),
    };
    let identifier = session.catalog().identifier(&name, snapshot.case)?;
    let found = write.existing(&name).await?;
    let mode = operation.mode();
    let creates = matches!(mode, Mode::Create | Mode::Replace | Mode::CreateOrReplace);
    let command = match found {
        Some(_) if mode == Mode::Create => return Err(SparkError::table_exists(&identifier.parts())),
        None if mode == Mode::Replace || !creates => return Err(SparkError::table_not_found(&name)),
        found if creates => {
            let properties = operation.table_properties.clone().into_iter().collect();
            let new = write.new_table(&plan, properties);
            let mode = if found.is_some() { SaveMode::Overwrite } else { SaveMode::ErrorIfExists };
            let how = CreateAs { mode, replace: found.is_some(), if_not_exists: false };
            create_as(session, &snapshot, identifier, new, plan, how).await?
        }
        Some((identifier, table)) => {
            let overwrite = match mode {
                Mode::Append => false,
                Mode::Overwrite => always(operation.overwrite_condition.as_ref())?,
                Mode::OverwritePartitions => true,
                _ => return Err(SparkError::unsupported("a write of an unknown mode")),
            };
            let into = Into {
                overwrite,
                by_name: true,
                dynamic: mode == Mode::OverwritePartitions,
                options: write.options,
                ..Into::default()
            };
            into_table(session, &snapshot, identifier, table, plan, into)?
        }
        None => return Err(SparkError::table_not_found(&name)),
    };
    Ok(outcome(Some(command)))
}

/// The column that a partitioning expression names.
fn column(expression: &proto::Expression) -> Result<String> {
    use super::proto::expression::ExprType;
    match &expression.expr_type {
        Some(ExprType::UnresolvedAttribute(attribute)) => {
            let mut parts = parse_name(&attribute.unparsed_identifier)?;
            match (parts.pop(), parts.is_empty()) {
                (Some(name), true) => Ok(name),
                _ => Err(SparkError::unsupported("partitions by fields of structs")),
            }
        }
        _ => Err(SparkError::unsupported("partitions by transforms of columns")),
    }
}

/// Whether a condition is `true`; others are not supported.
fn always(condition: Option<&proto::Expression>) -> Result<bool> {
    use super::proto::expression::ExprType;
    use super::proto::expression::literal::LiteralType;
    match condition.and_then(|condition| condition.expr_type.as_ref()) {
        Some(ExprType::Literal(literal)) if literal.literal_type == Some(LiteralType::Boolean(true)) => {
            Ok(true)
        }
        _ => Err(SparkError::unsupported("overwrite(condition) with any condition but lit(True)")),
    }
}
