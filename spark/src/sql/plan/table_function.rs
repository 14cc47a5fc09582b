//! Table functions in FROM.

use datafusion::arrow::datatypes::DataType;
use datafusion::catalog::TableFunctionArgs;
use datafusion::common::TableReference;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, lit};
use datafusion::sql::sqlparser::ast::FunctionArg;

use super::expr::Names;
use super::{Planner, literal};
use crate::analysis::call::generator;
use crate::analysis::cast::cast;
use crate::analysis::scope::Relation;
use crate::error::{Result, SparkError};
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
        if function != "range" {
            return Err(SparkError::table_function_not_found(&name.parts).at(name.position));
        }
        let args = self.arguments(&function, args, &names)?;
        if args.is_empty() || args.len() > 4 {
            return Err(SparkError::wrong_num_args(&function, "[1, 2, 3, 4]", args.len()).at(name.position));
        }
        let mut bounds = Vec::new();
        // The fourth argument is a number of partitions.
        for arg in args.into_iter().take(3) {
            let value = cast(arg.expr, &DataType::Int64, false, &empty)?;
            bounds.push(lit(literal::fold(value)?));
        }
        let function = self
            .session
            .state
            .table_functions()
            .get("range")
            .ok_or_else(|| SparkError::unsupported("the table function range"))?;
        let args = TableFunctionArgs::new(&bounds, &self.session.state);
        let provider = function.create_table_provider_with_args(args)?;
        let source = datafusion::datasource::provider_as_source(provider);
        let alias = self.aliases.claim("range");
        let scan = LogicalPlanBuilder::scan(TableReference::bare(alias), source, None)?;
        let column = scan.schema().columns().remove(0);
        let plan = scan.project(vec![Expr::Column(column).alias("id")])?.build()?;
        Ok(Relation::unqualified(plan))
    }
}
