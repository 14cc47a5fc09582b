//! Table functions in FROM.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{ScalarValue, TableReference};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast::FunctionArg;

use super::expr::Names;
use super::{Planner, literal};
use crate::analysis::call::generator;
use crate::analysis::cast::cast;
use crate::analysis::scope::Relation;
use crate::catalog::listing;
use crate::error::{Result, SparkError};
use crate::source::numbers::Numbers;
use crate::sql::statement::Name;

impl Planner<'_> {
    /// A call in FROM.
    pub(super) fn table_function(&mut self, name: &Name, args: &[FunctionArg]) -> Result<Relation> {
        if let Some(found) = self.session.routines.find(&name.parts) {
            return self.routine_table(&found, args).map_err(|error| error.at(name.position));
        }
        let function = name.parts.last().map(|n| n.to_lowercase()).unwrap_or_default();
        let empty = datafusion::common::DFSchema::empty();
        let names = Names::input(&[], &empty);
        if generator::is_generator(&function) {
            return self.generated_table(&function, args);
        }
        if args.is_empty()
            && let Some(listed) = listing::table(&function, &self.aliases.claim(&function))
        {
            return Ok(Relation::unqualified(listed?));
        }
        if function != "range" {
            return Err(SparkError::table_function_not_found(&name.parts).at(name.position));
        }
        let args = self.arguments(&function, args, &names)?;
        if args.is_empty() || args.len() > 4 {
            return Err(SparkError::wrong_num_args(&function, "[1, 2, 3, 4]", args.len()).at(name.position));
        }
        let mut bounds = Vec::new();
        for arg in args {
            let value = cast(arg.expr, &DataType::Int64, false, &empty)?;
            let ScalarValue::Int64(value) = literal::fold(value)? else {
                return Err(SparkError::internal("a bound of a range is no number"));
            };
            bounds.push(value.ok_or_else(|| unexpected_null(name))?);
        }
        let count = self.session.state.config().target_partitions();
        let table = match bounds.as_slice() {
            [end] => Numbers::spread(0, *end, 1, count),
            [start, end] => Numbers::spread(*start, *end, 1, count),
            [start, end, step] => Numbers::spread(*start, *end, *step, count),
            [start, end, step, parts] => {
                Numbers::new(*start, *end, *step, usize::try_from(*parts).unwrap_or(count))
            }
            _ => return Err(SparkError::internal("a range has up to four arguments")),
        };
        let source = provider_as_source(Arc::new(table.map_err(|error| error.at(name.position))?));
        let alias = self.aliases.claim("range");
        let scan = LogicalPlanBuilder::scan(TableReference::bare(alias), source, None)?;
        let column = scan.schema().columns().remove(0);
        let plan = scan.project(vec![Expr::Column(column).alias("id")])?.build()?;
        Ok(Relation::unqualified(plan))
    }
}

/// Spark's answer to a bound of a range that is null.
fn unexpected_null(name: &Name) -> SparkError {
    SparkError::new(
        "UNEXPECTED_INPUT_TYPE",
        "42K09",
        "Parameter second of function `range` requires the \"BIGINT\" type, however \"NULL\" has the type \"VOID\".",
    )
    .with_param("paramIndex", "second")
    .with_param("functionName", "`range`")
    .with_param("requiredType", "\"BIGINT\"")
    .with_param("inputSql", "\"NULL\"")
    .with_param("inputType", "\"VOID\"")
    .at(name.position)
}
