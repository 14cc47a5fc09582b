//! Calls of Python table functions: with values, with tables, and beside the rows of a relation.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::{Column, DFSchema, ExprSchema, JoinType};
use datafusion::functions::core::named_struct;
use datafusion::logical_expr::expr::Sort;
use datafusion::logical_expr::{
    Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Operator, binary_expr, lit,
};

use super::analyze::{AnalyzeArgument, AnalyzeCall, Analyzed};
use super::node::{self, Call, PythonNode, SortKey, TableInput};
use super::{PythonArgument, PythonFunction, eval_type, expect_kind, fresh_name, sort_keys, with_columns};
use crate::analysis::Named;
use crate::analysis::scope::{Relation, ScopeColumn, UniqueNames, display_name};
use crate::error::{Result, SparkError, quote};
use crate::session::Snapshot;
use crate::sql::plan::fragment::Fragment;
use crate::sql::plan::routine::positional_after;

/// `spark.sql.tvf.allowMultipleTableArguments.enabled`.
const SEVERAL_TABLES: &str = "spark.sql.tvf.allowMultipleTableArguments.enabled";

/// An argument of a table function.
#[derive(Debug, Clone)]
pub enum TableFunctionArgument {
    /// A value.
    Value(PythonArgument),
    /// The rows of a table.
    Table(TableArgument),
}

/// A table as an argument.
#[derive(Debug, Clone)]
pub struct TableArgument {
    /// The keyword it is passed by.
    pub keyword: Option<String>,
    /// The table.
    pub relation: Relation,
    /// How its rows come, where the call says so.
    pub layout: Option<TableLayout>,
}

/// How the rows of a table come to a function.
#[derive(Debug, Clone)]
pub struct TableLayout {
    /// Rows of equal values are for one instance of the function; all rows if there are none.
    pub partition_by: Vec<Expr>,
    /// The order of the rows of an instance.
    pub order_by: Vec<Sort>,
}

impl TableFunctionArgument {
    fn keyword(&self) -> Option<&str> {
        match self {
            Self::Value(argument) => argument.keyword.as_deref(),
            Self::Table(table) => table.keyword.as_deref(),
        }
    }
}

/// A call of a table function: once with constant values, for all rows of a table, or for each row of
/// `input`, whose columns then stay before those of the function.
///
/// # Errors
/// Where the arguments cannot be those of one call; what `analyze` raises.
pub fn table_function(
    session: &Snapshot,
    function: Arc<PythonFunction>,
    arguments: Vec<TableFunctionArgument>,
    input: Option<LogicalPlan>,
) -> Result<LogicalPlan> {
    expect_kind(&function, &[eval_type::TABLE, eval_type::ARROW_TABLE, eval_type::ARROW_UDTF])?;
    if input.is_some() && function.eval_type == eval_type::ARROW_UDTF {
        return Err(lateral_arrow());
    }
    check_keywords(&function.name, arguments.iter().map(TableFunctionArgument::keyword))?;
    let tables =
        arguments.iter().filter(|argument| matches!(argument, TableFunctionArgument::Table(_))).count();
    if tables > 1 && session.conf.get_str(SEVERAL_TABLES) != Some("true") {
        return Err(too_many_tables(tables));
    }
    if tables > 0 && input.is_some() {
        return Err(SparkError::unsupported(format!(
            "the table function {} of a table and of the columns of another relation",
            function.name
        )));
    }
    let analyzed = match function.output {
        DataType::Null => Some(analyzed(session, &function, &arguments, input.as_ref())?),
        _ => None,
    };
    let function = match &analyzed {
        None => function,
        Some(analyzed) => Arc::new(PythonFunction {
            output: analyzed.output(&session.time_zone)?,
            ..function.as_ref().clone()
        }),
    };
    let rows = if tables == 0 {
        Rows {
            plan: input.clone().map_or_else(|| LogicalPlanBuilder::empty(true).build(), Ok)?,
            ..Rows::default()
        }
    } else {
        let mut rows: Option<Rows> = None;
        for table in arguments.iter().filter_map(|argument| match argument {
            TableFunctionArgument::Table(table) => Some(table),
            TableFunctionArgument::Value(_) => None,
        }) {
            let more = rows_of(session, &function.name, table, analyzed.as_ref())?;
            rows = Some(match rows {
                None => more,
                Some(rows) => rows.crossed(more)?,
            });
        }
        rows.unwrap_or_default()
    };
    call(function, arguments, rows, analyzed, input.is_some())
}

/// A call for each row of `left`, whose rows stay without a partner where the function makes none that
/// meets the condition over both.
pub(crate) fn outer_lateral(
    session: &Snapshot,
    function: Arc<PythonFunction>,
    arguments: Vec<TableFunctionArgument>,
    left: LogicalPlan,
    condition: impl FnOnce(&DFSchema, &[Column]) -> Result<Option<Expr>>,
) -> Result<LogicalPlan> {
    let mut values = Vec::with_capacity(arguments.len());
    for argument in &arguments {
        match argument {
            TableFunctionArgument::Value(argument) => values.push(argument.value.expr.clone()),
            TableFunctionArgument::Table(_) => {
                return Err(SparkError::unsupported("a table as an argument in an outer lateral join"));
            }
        }
    }
    let own = left.schema().columns();
    let (left, keys) = with_columns(left, values)?;
    // The function is called for each different list of arguments, and its rows are joined by these.
    let names: Vec<String> = keys.iter().map(|_| fresh_name()).collect();
    let fresh = |name: &String| Expr::Column(Column::new_unqualified(name));
    let right = if keys.is_empty() {
        table_function(session, function, arguments, None)?
    } else {
        let exprs = keys.iter().zip(&names).map(|(key, name)| Expr::Column(key.clone()).alias(name));
        let domain = LogicalPlanBuilder::from(left.clone()).project(exprs.collect::<Vec<_>>())?.distinct()?;
        let renamed = arguments.into_iter().zip(&names).map(|(argument, name)| {
            let keyword = argument.keyword().map(str::to_owned);
            TableFunctionArgument::Value(PythonArgument { value: Named::new(fresh(name), name), keyword })
        });
        table_function(session, function, renamed.collect(), Some(domain.build()?))?
    };
    // Columns of the function may be called as some of the relation.
    let mut unique = UniqueNames::default();
    left.schema().fields().iter().for_each(|field| unique.take(field.name()));
    let mut made = right.schema().columns();
    let keys_again = made.drain(..names.len()).map(Expr::Column).collect::<Vec<_>>();
    let shown: Vec<String> = made.iter().map(|column| unique.claim(display_name(&column.name))).collect();
    let renamed = made.into_iter().zip(&shown).map(|(column, name)| Expr::Column(column).alias(name));
    let right = LogicalPlanBuilder::from(right).project(keys_again.into_iter().chain(renamed))?.build()?;
    let made: Vec<Column> = shown.into_iter().map(Column::new_unqualified).collect();
    let same = keys
        .iter()
        .zip(&names)
        .map(|(key, name)| binary_expr(Expr::Column(key.clone()), Operator::IsNotDistinctFrom, fresh(name)));
    let schema = left.schema().join(right.schema())?;
    let filter = same.chain(condition(&schema, &made)?).reduce(Expr::and).unwrap_or_else(|| lit(true));
    let shown = own.into_iter().chain(made).map(Expr::Column).collect::<Vec<_>>();
    Ok(LogicalPlanBuilder::from(left)
        .join_on(right, JoinType::Left, Some(filter))?
        .project(shown)?
        .build()?)
}

/// The rows that a function is called with.
#[derive(Default)]
struct Rows {
    plan: LogicalPlan,
    /// The columns that are its tables, in their order.
    tables: Vec<Column>,
    /// Keys and order, where the rows come in partitions.
    grouped: Option<(Vec<Column>, Vec<SortKey>)>,
    /// The fields of the table with the values that its partitions have in common.
    partition_fields: Vec<u32>,
}

impl Rows {
    /// All pairs of rows of two tables.
    fn crossed(mut self, other: Self) -> Result<Self> {
        if self.grouped.is_some() || other.grouped.is_some() {
            return Err(SparkError::unsupported(
                "partitions of a table where a function takes several tables",
            ));
        }
        // The names of their own columns may be the same.
        let only = |plan: LogicalPlan, tables: &[Column]| {
            LogicalPlanBuilder::from(plan).project(tables.iter().cloned().map(Expr::Column))
        };
        let right = only(other.plan, &other.tables)?.build()?;
        self.plan = only(self.plan, &self.tables)?.cross_join(right)?.build()?;
        self.tables.extend(other.tables);
        Ok(self)
    }
}

fn call(
    function: Arc<PythonFunction>,
    arguments: Vec<TableFunctionArgument>,
    rows: Rows,
    analyzed: Option<Analyzed>,
    keeps_input: bool,
) -> Result<LogicalPlan> {
    let mut tables = rows.tables.into_iter();
    let mut positions = Vec::new();
    let mut values = Vec::with_capacity(arguments.len());
    let mut keywords = Vec::with_capacity(arguments.len());
    for (position, argument) in arguments.into_iter().enumerate() {
        keywords.push(argument.keyword().map(str::to_owned));
        values.push(match argument {
            TableFunctionArgument::Value(argument) => argument.value.expr,
            TableFunctionArgument::Table(_) => {
                positions.push(position as u32);
                let column = tables.next();
                Expr::Column(column.ok_or_else(|| SparkError::internal("a table without a column"))?)
            }
        });
    }
    let own = rows.plan.schema().columns();
    let (input, columns) = with_columns(rows.plan, values)?;
    let width = input.schema().fields().len();
    let call = Call { function, arguments: columns.into_iter().zip(keywords).collect(), name: String::new() };
    let input_of = TableInput {
        keeps_input,
        tables: positions,
        grouped: rows.grouped,
        partition_fields: rows.partition_fields,
        analyzed: analyzed.map(|analyzed| analyzed.result),
    };
    let plan = PythonNode::new(node::Operator::Table { call, input: input_of }, vec![input])?.into_plan();
    if !keeps_input || width == own.len() {
        return Ok(plan);
    }
    let made = plan.schema().columns().split_off(width);
    let shown = own.into_iter().chain(made).map(Expr::Column).collect::<Vec<_>>();
    Ok(LogicalPlanBuilder::from(plan).project(shown)?.build()?)
}

/// The rows of one table as a column of structs, laid out as the call or `analyze` wants them.
fn rows_of(
    session: &Snapshot,
    function: &str,
    table: &TableArgument,
    analyzed: Option<&Analyzed>,
) -> Result<Rows> {
    let relation = &table.relation;
    let mut layout = table.layout.clone();
    let mut fields: Vec<(String, Expr)> =
        relation.visible().map(|column| (column.name.clone(), Expr::Column(column.column.clone()))).collect();
    if let Some(analyzed) = analyzed {
        analyzed.check(function, layout.is_some())?;
        if analyzed.single_partition || !analyzed.partition_by.is_empty() {
            layout = Some(analyzed_layout(session, relation, analyzed)?);
        }
        if !analyzed.select.is_empty() {
            fields = selected(session, relation, &analyzed.select)?;
        }
    }
    let (mut plan, mut grouped, mut partition_fields) = (relation.plan.clone(), None, vec![]);
    if let Some(TableLayout { partition_by, order_by }) = layout {
        let (with_keys, keys) = with_columns(plan, partition_by)?;
        let (with_order, sorting) = sort_keys(with_keys, order_by)?;
        plan = with_order;
        for (index, key) in keys.iter().enumerate() {
            partition_fields.push(fields.len() as u32);
            fields.push((format!("partition_by_{index}"), Expr::Column(key.clone())));
        }
        grouped = Some((keys, sorting));
    }
    let parts = fields.into_iter().flat_map(|(name, value)| [lit(name), value]).collect();
    let (plan, column) = with_columns(plan, vec![named_struct().call(parts)])?;
    Ok(Rows { plan, tables: column, grouped, partition_fields })
}

/// The layout that `analyze` asks for.
fn analyzed_layout(session: &Snapshot, relation: &Relation, analyzed: &Analyzed) -> Result<TableLayout> {
    let mut partition_by = Vec::with_capacity(analyzed.partition_by.len());
    for text in &analyzed.partition_by {
        partition_by.push(over(session, relation, text)?.0.expr);
    }
    let mut order_by = Vec::with_capacity(analyzed.order_by.len());
    for key in &analyzed.order_by {
        let (named, alias) = over(session, relation, &key.name)?;
        if let Some(alias) = alias {
            return Err(SparkError::new(
                "UDTF_INVALID_ALIAS_IN_REQUESTED_ORDERING_STRING_FROM_ANALYZE_METHOD",
                "42802",
                format!(
                    "Failed to evaluate the user-defined table function because its 'analyze' method returned a \
                     requested OrderingColumn whose column name expression included an unnecessary alias {alias}; \
                     please remove this alias and then try the query again."
                ),
            )
            .with_param("aliasName", alias));
        }
        let nulls_first = key.nulls_first.unwrap_or(key.ascending);
        order_by.push(Sort::new(named.expr, key.ascending, nulls_first));
    }
    Ok(TableLayout { partition_by, order_by })
}

/// What `analyze` wants of a row, by name.
fn selected(
    session: &Snapshot,
    relation: &Relation,
    select: &[(String, String)],
) -> Result<Vec<(String, Expr)>> {
    select
        .iter()
        .map(|(text, alias)| {
            let (named, own) = over(session, relation, text)?;
            let name = match (alias.as_str(), own) {
                ("", Some(own)) => own,
                ("", None) if matches!(named.expr, Expr::Column(_)) => named.name,
                ("", None) => return Err(without_alias(&named.name)),
                (alias, _) => alias.to_owned(),
            };
            Ok((name, named.expr))
        })
        .collect()
}

fn without_alias(expression: &str) -> SparkError {
    SparkError::new(
        "UDTF_INVALID_REQUESTED_SELECTED_EXPRESSION_FROM_ANALYZE_METHOD_REQUIRES_ALIAS",
        "42802",
        format!(
            "Failed to evaluate the user-defined table function because its 'analyze' method returned a requested \
             'select' expression ({expression}) that does not include a corresponding alias; please update the UDTF \
             to specify an alias there and then try the query again."
        ),
    )
    .with_param("expression", expression)
}

/// An expression that `analyze` wrote over the columns of a table, and its alias if it has one.
fn over(session: &Snapshot, relation: &Relation, text: &str) -> Result<(Named, Option<String>)> {
    let fragment = Fragment::without_tables(text)?;
    let columns: Vec<ScopeColumn> = relation.visible().cloned().collect();
    let named = fragment.expr(session, &columns, relation.plan.schema())?;
    Ok((Named::new(named.expr.unalias(), named.name), fragment.aliases().pop()))
}

fn analyzed(
    session: &Snapshot,
    function: &PythonFunction,
    arguments: &[TableFunctionArgument],
    input: Option<&LogicalPlan>,
) -> Result<Analyzed> {
    let nothing = DFSchema::empty();
    let schema = input.map_or(&nothing, |plan| plan.schema().as_ref());
    let arguments = arguments
        .iter()
        .map(|argument| match argument {
            TableFunctionArgument::Value(argument) => {
                let expr = &argument.value.expr;
                AnalyzeArgument::value(argument.keyword.clone(), expr, &expr.get_type(schema)?)
            }
            TableFunctionArgument::Table(table) => {
                let columns = struct_of(&table.relation)?;
                Ok(AnalyzeArgument::table(table.keyword.clone(), &columns))
            }
        })
        .collect::<Result<_>>()?;
    let Some(engine) = &session.engine else {
        return Err(SparkError::unsupported("table functions with `analyze` in a session without an engine"));
    };
    engine.analyze(&session.state, &AnalyzeCall { function, arguments })
}

/// The type of the rows of a relation.
fn struct_of(relation: &Relation) -> Result<DataType> {
    let schema = relation.plan.schema();
    let fields = relation.visible().map(|column| {
        let field = schema.field_from_column(&column.column)?;
        Ok(Field::new(&column.name, field.data_type().clone(), field.is_nullable())
            .with_metadata(field.metadata().clone()))
    });
    Ok(DataType::Struct(fields.collect::<Result<Vec<_>>>()?.into()))
}

/// Fails where an argument by position follows one by name, or where two have the same name.
pub(super) fn check_keywords<'a>(
    function: &str,
    keywords: impl Iterator<Item = Option<&'a str>>,
) -> Result<()> {
    let mut given: Vec<&str> = Vec::new();
    for keyword in keywords {
        let Some(keyword) = keyword else {
            let Some(before) = given.last() else { continue };
            return Err(positional_after(&[function.to_owned()], before));
        };
        if given.iter().any(|known| known.eq_ignore_ascii_case(keyword)) {
            return Err(SparkError::new(
                "DUPLICATE_ROUTINE_PARAMETER_ASSIGNMENT.DOUBLE_NAMED_ARGUMENT_REFERENCE",
                "4274K",
                format!(
                    "Call to routine {} is invalid because it includes multiple argument assignments to the same parameter name {}. More than one named argument referred to the same parameter. Please assign a value only once.",
                    quote(function),
                    quote(keyword)
                ),
            )
            .with_param("routineName", quote(function))
            .with_param("parameterName", quote(keyword)));
        }
        given.push(keyword);
    }
    Ok(())
}

fn too_many_tables(count: usize) -> SparkError {
    SparkError::new(
        "TABLE_VALUED_FUNCTION_TOO_MANY_TABLE_ARGUMENTS",
        "54023",
        format!(
            "There are too many table arguments for table-valued function.\n\
             It allows one table argument, but got: {count}.\n\
             If you want to allow it, please set \"spark.sql.allowMultipleTableArguments.enabled\" to \"true\""
        ),
    )
    .with_param("num", count.to_string())
}

fn lateral_arrow() -> SparkError {
    SparkError::new(
        "LATERAL_JOIN_WITH_ARROW_UDTF_UNSUPPORTED",
        "0A000",
        "LATERAL JOIN with Arrow-optimized user-defined table functions (UDTFs) is not supported. \
         Arrow UDTFs cannot be used on the right-hand side of a lateral join.\n\
         Please use a regular UDTF instead, or restructure your query to avoid the lateral join.",
    )
}
