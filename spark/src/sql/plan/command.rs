//! Statements: queries go to the planner, commands are carried out, writes are described.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, lit};
use datafusion::sql::sqlparser::ast::Query;

use super::{AfterWrite, Planned, WriteCommand, literal, plan_query};
use crate::analysis::cast::cast;
use crate::analysis::scope::{Relation, display_name};
use crate::catalog::{self, Entry, Table, View};
use crate::error::{Result, SparkError};
use crate::session::SparkSession;
use crate::source;
use crate::sql::statement::{
    ColumnDef, CreateTable, CreateTempView, FileTable, Insert, InsertDirectory, Name, Statement, ViewSource,
};
use crate::types;
use crate::write::{FileFormat, SaveMode, WriteSpec};

pub(super) async fn plan(session: &SparkSession, statement: Statement) -> Result<Planned> {
    match statement {
        Statement::Query(query) => Ok(Planned::Query(plan_query(session, &query).await?)),
        Statement::CreateTempView(view) => create_view(session, view).await,
        Statement::CreateTable(table) => create_table(session, table).await,
        Statement::Insert(insert) => self::insert(session, insert).await,
        Statement::InsertDirectory(directory) => insert_directory(session, directory).await,
        Statement::Drop { name, view, if_exists } => {
            let case = session.snapshot()?.case;
            session.catalog().drop(&name.parts, view, if_exists, case)?;
            nothing()
        }
        Statement::Set { key, value } => set(session, key, value),
        Statement::Reset(key) => {
            session.reset(key.as_deref())?;
            nothing()
        }
        Statement::ShowTables { views_only, pattern } => show_tables(session, views_only, pattern.as_deref()),
        Statement::ShowColumns(name) => {
            let plan = table_plan(session, &name).await?;
            let names = columns_of(&plan).into_iter().map(|(name, _)| name).collect();
            strings(&["col_name"], vec![names])
        }
        Statement::Describe(name) => describe(&table_plan(session, &name).await?),
        Statement::DescribeQuery(query) => describe(&plan_query(session, &query).await?),
        Statement::Explain { extended, query } => explain(session, extended, &query).await,
        Statement::Use(name) => {
            let known = matches!(name.parts.as_slice(),
                [schema] if schema.eq_ignore_ascii_case(catalog::SCHEMA)
                    || schema.eq_ignore_ascii_case(catalog::CATALOG));
            if known {
                nothing()
            } else {
                Err(SparkError::schema_not_found(&catalog::with_catalog(&name.parts)))
            }
        }
    }
}

fn nothing() -> Result<Planned> {
    Ok(Planned::Local(Vec::new(), Arc::new(Schema::empty())))
}

/// Rows of strings, columns first.
fn strings(names: &[&str], columns: Vec<Vec<String>>) -> Result<Planned> {
    let fields: Vec<_> = names.iter().map(|n| Field::new(*n, DataType::Utf8, false)).collect();
    let arrays = columns.into_iter().map(|c| Arc::new(StringArray::from(c)) as ArrayRef).collect();
    local(fields, arrays)
}

fn local(fields: Vec<Field>, arrays: Vec<ArrayRef>) -> Result<Planned> {
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays)
        .map_err(|error| SparkError::internal(format!("rows of a command: {error}")))?;
    Ok(Planned::Local(vec![batch], schema))
}

async fn create_view(session: &SparkSession, view: CreateTempView) -> Result<Planned> {
    let case = session.snapshot()?.case;
    let plan = match view.source {
        ViewSource::Query { columns, query } => {
            let plan = plan_query(session, &query).await?;
            let plan = if columns.is_empty() {
                plan
            } else {
                super::finish(super::query::rename(Relation::unqualified(plan), columns)?)?
            };
            unique_columns(&plan, case)?;
            plan
        }
        ViewSource::Files(files) => file_scan(session, files).await?,
    };
    session.catalog().create_view(
        &view.name.parts,
        View { plan },
        view.replace,
        view.if_not_exists,
        view.global,
        case,
    )?;
    nothing()
}

fn unique_columns(plan: &LogicalPlan, case: crate::analysis::scope::CaseRule) -> Result<()> {
    let names = columns_of(plan);
    for (i, (name, _)) in names.iter().enumerate() {
        if names[..i].iter().any(|(other, _)| case.same(other, name)) {
            return Err(SparkError::column_exists(&name.to_lowercase()));
        }
    }
    Ok(())
}

/// Names and types of a plan's columns.
fn columns_of(plan: &LogicalPlan) -> Vec<(String, DataType)> {
    plan.schema()
        .fields()
        .iter()
        .map(|f| (display_name(f.name()).to_owned(), f.data_type().clone()))
        .collect()
}

/// A scan of the files that `USING format OPTIONS (path ...)` names.
async fn file_scan(session: &SparkSession, files: FileTable) -> Result<LogicalPlan> {
    let snapshot = session.snapshot()?;
    let (paths, options) = split_path(files.options);
    let schema = declared(&files.columns, &snapshot.time_zone)?;
    let provider = source::resolve(&snapshot.state, &files.format, &paths, &options, schema).await?;
    let scan = LogicalPlanBuilder::scan("files", provider_as_source(provider), None)?.build()?;
    super::finish(Relation::unqualified(scan))
}

/// Takes the option `path`, however it is written, out of the others.
fn split_path(options: BTreeMap<String, String>) -> (Vec<String>, BTreeMap<String, String>) {
    let (paths, rest): (BTreeMap<_, _>, BTreeMap<_, _>) =
        options.into_iter().partition(|(key, _)| key.eq_ignore_ascii_case("path"));
    (paths.into_values().collect(), rest)
}

/// The schema that a list of columns declares, if there are any.
fn declared(columns: &[ColumnDef], time_zone: &str) -> Result<Option<SchemaRef>> {
    if columns.is_empty() {
        return Ok(None);
    }
    let fields: Result<Vec<Field>> = columns
        .iter()
        .map(|column| {
            let sql = column.data_type.as_ref().ok_or_else(|| {
                SparkError::new(
                    "PARSE_SYNTAX_ERROR",
                    "42601",
                    format!("The column {} has no type.", crate::error::quote(&column.name)),
                )
            })?;
            Ok(Field::new(&column.name, types::from_sql(sql, time_zone)?, column.nullable))
        })
        .collect();
    Ok(Some(Arc::new(Schema::new(fields?))))
}

fn file_format(name: &str) -> Result<FileFormat> {
    name.parse().map_err(|_| match name {
        "orc" | "text" | "avro" | "xml" => SparkError::unsupported(format!("writing the format {name}")),
        _ => SparkError::data_source_not_found(name),
    })
}

async fn create_table(session: &SparkSession, create: CreateTable) -> Result<Planned> {
    let snapshot = session.snapshot()?;
    let name = catalog::table_name(&create.name.parts)?;
    let full = catalog::full_name(&name);
    let exists = session.catalog().lookup(&full, snapshot.case)?.is_some();
    if exists && create.if_not_exists {
        return nothing();
    }
    if exists {
        return Err(SparkError::table_exists(&full));
    }
    let format =
        if create.table.format.is_empty() { snapshot.default_format.clone() } else { create.table.format };
    let (paths, options) = split_path(create.table.options);
    let location = match (create.location, paths.into_iter().next()) {
        (Some(location), _) | (None, Some(location)) => location,
        (None, None) => format!("{}/{}", session.warehouse()?, name.to_lowercase()),
    };
    let partition_by: Vec<String> = create.partitioned_by.iter().map(|c| c.name.clone()).collect();
    let mut columns = create.table.columns;
    columns.extend(create.partitioned_by.into_iter().filter(|c| c.data_type.is_some()));
    // Columns that are folders come last, wherever they were declared.
    let is_partition = |name: &str| partition_by.iter().any(|p| snapshot.case.same(p, name));
    columns.sort_by_key(|column| is_partition(&column.name));
    let mut table = Table {
        format: format.clone(),
        location: location.clone(),
        options: options.clone(),
        partition_by: partition_by.clone(),
        schema: declared(&columns, &snapshot.time_zone)?,
    };
    let Some(query) = create.query else {
        if table.schema.is_none() {
            // The files must tell the columns, and do so now.
            source::resolve(&snapshot.state, &format, &[location], &options, None).await?;
        }
        session.create_table(&full, table, create.if_not_exists, snapshot.case)?;
        return nothing();
    };
    let input = plan_query(session, &query).await?;
    unique_columns(&input, snapshot.case)?;
    known_partitions(&input, &partition_by, snapshot.case)?;
    let mut fields: Vec<_> = input.schema().fields().iter().cloned().collect();
    fields.sort_by_key(|field| is_partition(field.name()));
    table.schema = Some(Arc::new(Schema::new(fields)));
    let target = WriteSpec {
        path: location,
        format: file_format(&format)?,
        mode: if create.if_not_exists { SaveMode::Ignore } else { SaveMode::ErrorIfExists },
        partition_by,
        options,
    };
    Ok(Planned::Write(WriteCommand { input, target, then: AfterWrite::CreateTable(full.to_vec(), table) }))
}

fn known_partitions(
    input: &LogicalPlan,
    partition_by: &[String],
    case: crate::analysis::scope::CaseRule,
) -> Result<()> {
    let columns = columns_of(input);
    for partition in partition_by {
        if !columns.iter().any(|(name, _)| case.same(name, partition)) {
            let candidates: Vec<_> = columns.iter().map(|(name, _)| vec![name.clone()]).collect();
            return Err(SparkError::column_not_found(std::slice::from_ref(partition), &candidates));
        }
    }
    Ok(())
}

async fn insert(session: &SparkSession, insert: Insert) -> Result<Planned> {
    let snapshot = session.snapshot()?;
    let not_found = || SparkError::table_not_found(&insert.name.parts).at(insert.name.position);
    let table = match session.catalog().lookup(&insert.name.parts, snapshot.case)? {
        Some(Entry::Table(table)) => table,
        Some(Entry::View(_)) => return Err(SparkError::unsupported("INSERT into a view")),
        None => match insert.name.parts.as_slice() {
            [format, path] if super::is_format(format) => Table {
                format: format.to_lowercase(),
                location: path.clone(),
                options: BTreeMap::new(),
                partition_by: Vec::new(),
                schema: None,
            },
            _ => return Err(not_found()),
        },
    };
    if !insert.partition.is_empty() && insert.overwrite {
        return Err(SparkError::unsupported("INSERT OVERWRITE of single partitions"));
    }
    let mut input = plan_query(session, &insert.query).await?;
    for (column, value) in &insert.partition {
        let Some(value) = value else { continue };
        let named = match value {
            datafusion::sql::sqlparser::ast::Expr::Value(v) => literal::value(&v.value)?,
            other => return Err(SparkError::unsupported(format!("the partition value {other}"))),
        };
        let mut exprs: Vec<Expr> = input.schema().columns().into_iter().map(Expr::Column).collect();
        exprs.push(named.expr.alias(column.clone()));
        input = LogicalPlanBuilder::from(input).project(exprs)?.build()?;
    }
    if let Some(schema) = &table.schema {
        input = fit(input, schema, &insert, snapshot.case)?;
    }
    let target = WriteSpec {
        path: table.location,
        format: file_format(&table.format)?,
        mode: if insert.overwrite { SaveMode::Overwrite } else { SaveMode::Append },
        partition_by: table.partition_by,
        options: table.options,
    };
    Ok(Planned::Write(WriteCommand { input, target, then: AfterWrite::Nothing }))
}

/// The input's columns under the table's names and types, by position or by name.
fn fit(
    input: LogicalPlan,
    schema: &SchemaRef,
    insert: &Insert,
    case: crate::analysis::scope::CaseRule,
) -> Result<LogicalPlan> {
    let given = input.schema().columns();
    let table_name = crate::error::quote_parts(&insert.name.parts);
    let wanted: Vec<String> = if insert.by_name {
        given.iter().map(|c| display_name(&c.name).to_owned()).collect()
    } else if insert.columns.is_empty() {
        schema.fields().iter().map(|f| f.name().clone()).collect()
    } else {
        let partitions = insert.partition.iter().filter(|(_, v)| v.is_some()).map(|(n, _)| n.clone());
        insert.columns.iter().cloned().chain(partitions).collect()
    };
    if wanted.len() != given.len() {
        let (class, what) = if given.len() < wanted.len() {
            ("INSERT_COLUMN_ARITY_MISMATCH.NOT_ENOUGH_DATA_COLUMNS", "not enough data columns")
        } else {
            ("INSERT_COLUMN_ARITY_MISMATCH.TOO_MANY_DATA_COLUMNS", "too many data columns")
        };
        let quoted =
            |names: Vec<String>| names.iter().map(|n| crate::error::quote(n)).collect::<Vec<_>>().join(", ");
        return Err(SparkError::new(
            class,
            "21S01",
            format!(
                "Cannot write to {table_name}, the reason is {what}:\nTable columns: {}.\nData columns: {}.",
                quoted(wanted),
                quoted(given.iter().map(|c| display_name(&c.name).to_owned()).collect())
            ),
        ));
    }
    let dfschema = Arc::clone(input.schema());
    let mut exprs = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        let source = wanted.iter().position(|name| case.same(name, field.name()));
        let expr = match source {
            Some(i) => Expr::Column(given[i].clone()),
            None => lit(datafusion::common::ScalarValue::Null),
        };
        let from = expr.get_type(dfschema.as_ref())?;
        let expr = cast(expr, field.data_type(), false, dfschema.as_ref()).map_err(|_| {
            SparkError::new(
                "INCOMPATIBLE_DATA_FOR_TABLE.CANNOT_SAFELY_CAST",
                "KD000",
                format!(
                    "Cannot write incompatible data for the table {table_name}: Cannot safely cast {} \"{}\" to \"{}\".",
                    crate::error::quote(field.name()),
                    types::sql_name(&from),
                    types::sql_name(field.data_type())
                ),
            )
        })?;
        exprs.push(expr.alias(field.name().clone()));
    }
    Ok(LogicalPlanBuilder::from(input).project(exprs)?.build()?)
}

async fn insert_directory(session: &SparkSession, directory: InsertDirectory) -> Result<Planned> {
    let input = plan_query(session, &directory.query).await?;
    unique_columns(&input, session.snapshot()?.case)?;
    let target = WriteSpec {
        path: directory.path,
        format: file_format(&directory.table.format)?,
        mode: SaveMode::Overwrite,
        partition_by: Vec::new(),
        options: directory.table.options,
    };
    Ok(Planned::Write(WriteCommand { input, target, then: AfterWrite::Nothing }))
}

fn set(session: &SparkSession, key: Option<String>, value: Option<String>) -> Result<Planned> {
    let Some(key) = key else {
        let (keys, values) = session.listed().into_iter().unzip();
        return strings(&["key", "value"], vec![keys, values]);
    };
    let shown = match value {
        Some(value) => {
            session.set(&key, &value)?;
            session.shown(&key).unwrap_or(value)
        }
        None => session.shown(&key).unwrap_or_else(|| "<undefined>".to_owned()),
    };
    strings(&["key", "value"], vec![vec![key], vec![shown]])
}

fn show_tables(session: &SparkSession, views_only: bool, pattern: Option<&str>) -> Result<Planned> {
    let all: Vec<_> = session
        .catalog()
        .list()
        .into_iter()
        .filter(|(_, _, temporary)| !views_only || *temporary)
        .filter(|(_, name, _)| pattern.is_none_or(|p| matches_pattern(name, p)))
        .collect();
    let namespaces: Vec<_> = all.iter().map(|(namespace, _, _)| namespace.as_str()).collect();
    let names: Vec<_> = all.iter().map(|(_, name, _)| name.as_str()).collect();
    let temporary: Vec<_> = all.iter().map(|(_, _, temporary)| *temporary).collect();
    let name_column = if views_only { "viewName" } else { "tableName" };
    local(
        vec![
            Field::new("namespace", DataType::Utf8, false),
            Field::new(name_column, DataType::Utf8, false),
            Field::new("isTemporary", DataType::Boolean, false),
        ],
        vec![
            Arc::new(StringArray::from(namespaces)),
            Arc::new(StringArray::from(names)),
            Arc::new(BooleanArray::from(temporary)),
        ],
    )
}

/// Spark's patterns of SHOW: `*` for any characters, `|` between alternatives, case ignored.
fn matches_pattern(name: &str, pattern: &str) -> bool {
    fn glob(name: &[char], pattern: &[char]) -> bool {
        match pattern.split_first() {
            None => name.is_empty(),
            Some(('*', rest)) => (0..=name.len()).any(|i| glob(&name[i..], rest)),
            Some((c, rest)) => name.first() == Some(c) && glob(&name[1..], rest),
        }
    }
    let name: Vec<char> = name.to_lowercase().chars().collect();
    pattern.split('|').any(|p| glob(&name, &p.trim().to_lowercase().chars().collect::<Vec<_>>()))
}

async fn table_plan(session: &SparkSession, name: &Name) -> Result<LogicalPlan> {
    use datafusion::sql::sqlparser::ast::Statement as Ast;
    use datafusion::sql::sqlparser::parser::Parser;
    let quoted: Vec<_> = name.parts.iter().map(|p| crate::error::quote(p)).collect();
    let text = format!("SELECT * FROM {}", quoted.join("."));
    let parsed = Parser::parse_sql(&crate::sql::lex::SparkDialect::default(), &text)
        .map_err(|error| SparkError::internal(format!("a query for DESCRIBE: {error}")))?;
    match parsed.into_iter().next() {
        Some(Ast::Query(query)) => plan_query(session, &query).await.map_err(|error| {
            if error.class() == "TABLE_OR_VIEW_NOT_FOUND" {
                SparkError::table_not_found(&name.parts).at(name.position)
            } else {
                error
            }
        }),
        _ => Err(SparkError::internal("a query for DESCRIBE that is no query")),
    }
}

fn describe(plan: &LogicalPlan) -> Result<Planned> {
    let (names, kinds): (Vec<_>, Vec<_>) =
        columns_of(plan).into_iter().map(|(n, t)| (n, types::simple_name(&t))).unzip();
    let comments: Vec<Option<String>> = vec![None; names.len()];
    local(
        vec![
            Field::new("col_name", DataType::Utf8, false),
            Field::new("data_type", DataType::Utf8, false),
            Field::new("comment", DataType::Utf8, true),
        ],
        vec![
            Arc::new(StringArray::from(names)),
            Arc::new(StringArray::from(kinds)),
            Arc::new(StringArray::from(comments)),
        ],
    )
}

async fn explain(session: &SparkSession, extended: bool, query: &Query) -> Result<Planned> {
    let plan = plan_query(session, query).await?;
    let state = session.state()?;
    let mut text = String::new();
    if extended {
        let optimized = state.optimize(&plan)?;
        text = format!(
            "== Analyzed Logical Plan ==\n{}\n\n== Optimized Logical Plan ==\n{}\n\n",
            plan.display_indent(),
            optimized.display_indent()
        );
    }
    let physical = state.create_physical_plan(&plan).await?;
    let shown = datafusion::physical_plan::displayable(physical.as_ref()).indent(false).to_string();
    text.push_str(&format!("== Physical Plan ==\n{shown}\n"));
    strings(&["plan"], vec![vec![text]])
}
