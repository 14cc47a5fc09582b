//! Generators: functions that make several rows of one, in the select list, in LATERAL VIEW and in FROM.

use datafusion::common::DFSchema;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast::{self, FunctionArg, JoinConstraint, JoinOperator, LateralView};

use super::Planner;
use super::expr::Names;
use super::select::boolean_condition;
use crate::analysis::Named;
use crate::analysis::call::generator;
use crate::analysis::scope::{Relation, ScopeColumn};
use crate::error::{Result, SparkError};
use crate::sql::statement::Name;

/// The name of the generator that an expression calls, lower case.
pub(super) fn generator_of(expr: &ast::Expr) -> Option<(String, &[FunctionArg])> {
    let ast::Expr::Function(function) = expr else { return None };
    if function.over.is_some() {
        return None;
    }
    let name = function.name.0.last()?.as_ident()?.value.to_lowercase();
    let args = match &function.args {
        ast::FunctionArguments::List(list) => list.args.as_slice(),
        _ => &[],
    };
    generator::is_generator(&name).then_some((name, args))
}

impl Planner<'_> {
    /// The relation with the rows that a generator makes of each of its rows, and the columns made.
    pub(super) fn generate(
        &mut self,
        input: Relation,
        name: &str,
        args: &[FunctionArg],
        outer: bool,
    ) -> Result<(Relation, Vec<Named>)> {
        let schema = input.plan.schema().clone();
        let names = Names::input(&input.columns, &schema);
        let args = self.arguments(name, args, &names)?;
        let made = generator::generate(&self.context(&names), input.plan, name, args, outer)?;
        Ok((Relation { plan: made.plan, columns: input.columns }, made.columns))
    }

    /// LATERAL VIEW.
    pub(super) fn lateral_view(&mut self, input: Relation, view: &LateralView) -> Result<Relation> {
        let Some((name, args)) = generator_of(&view.lateral_view) else {
            let called = match &view.lateral_view {
                ast::Expr::Function(f) => f.name.to_string(),
                other => other.to_string(),
            };
            let error = SparkError::unsupported(format!("LATERAL VIEW of {called}, which is no generator"));
            return Err(error.at(super::expr::position_of(&view.lateral_view)));
        };
        let qualifier: Vec<String> =
            Name::new(&view.lateral_view_name).parts.into_iter().filter(|part| !part.is_empty()).collect();
        let aliases: Vec<String> = view.lateral_col_alias.iter().map(|alias| alias.value.clone()).collect();
        let (relation, made) = self.generate(input, &name, args, view.outer)?;
        with_columns(relation, made, &aliases, &qualifier)
    }

    /// A generator in FROM that sees the columns of the relations before it.
    pub(super) fn lateral_function(
        &mut self,
        left: Relation,
        name: &str,
        args: &[FunctionArg],
        alias: Option<&ast::TableAlias>,
        op: &JoinOperator,
    ) -> Result<Relation> {
        let (outer, constraint) = match op {
            JoinOperator::Inner(c) | JoinOperator::CrossJoin(c) => (false, c),
            JoinOperator::LeftOuter(c) => (true, c),
            _ => return Err(SparkError::unsupported("LATERAL with a join neither inner nor left outer")),
        };
        let condition = match constraint {
            JoinConstraint::None => None,
            JoinConstraint::On(condition) if is_true(condition) => None,
            JoinConstraint::On(condition) if !outer => Some(condition),
            _ => return Err(SparkError::unsupported("JOIN USING with LATERAL of a generator")),
        };
        let qualifier: Vec<String> =
            alias.map_or_else(|| vec![name.to_owned()], |a| vec![a.name.value.clone()]);
        let aliases: Vec<String> =
            alias.map(|a| a.columns.iter().map(|c| c.name.value.clone()).collect()).unwrap_or_default();
        let (relation, made) = self.generate(left, name, args, outer)?;
        let mut relation = with_columns(relation, made, &aliases, &qualifier)?;
        if let Some(condition) = condition {
            let schema = relation.plan.schema().clone();
            let named = self.expr(condition, &Names::input(&relation.columns, &schema))?;
            let condition = boolean_condition(named, &schema, "JOIN condition")?;
            relation.plan = LogicalPlanBuilder::from(relation.plan).filter(condition)?.build()?;
        }
        Ok(relation)
    }

    /// A generator alone in FROM.
    pub(super) fn generated_table(&mut self, name: &str, args: &[FunctionArg]) -> Result<Relation> {
        let input = Relation { plan: LogicalPlanBuilder::empty(true).build()?, columns: Vec::new() };
        let names_schema = DFSchema::empty();
        let args = self.arguments(name, args, &Names::input(&[], &names_schema))?;
        let made = generator::generate(&self.schema_context(&names_schema), input.plan, name, args, false)?;
        with_columns(Relation { plan: made.plan, columns: Vec::new() }, made.columns, &[], &[])
    }
}

/// Whether a condition is just TRUE.
pub(super) fn is_true(condition: &ast::Expr) -> bool {
    matches!(condition, ast::Expr::Value(value) if value.value == ast::Value::Boolean(true))
}

/// The generator's columns named as the aliases say, if there are any.
pub(super) fn renamed(made: Vec<Named>, aliases: &[String]) -> Result<Vec<Named>> {
    if aliases.is_empty() {
        return Ok(made);
    }
    if aliases.len() != made.len() {
        let given = aliases.join(",");
        return Err(SparkError::new(
            "UDTF_ALIAS_NUMBER_MISMATCH",
            "42802",
            format!(
                "The number of aliases supplied in the AS clause does not match the number of columns output by the UDTF. Expected {} aliases, but got {given}. Please ensure that the number of aliases provided matches the number of columns output by the UDTF.",
                made.len()
            ),
        )
        .with_param("aliasesSize", made.len().to_string())
        .with_param("aliasesNames", given));
    }
    Ok(made.into_iter().zip(aliases).map(|(column, alias)| Named::new(column.expr, alias.clone())).collect())
}

/// The relation with the generator's columns, which are columns of its plan.
fn with_columns(
    relation: Relation,
    made: Vec<Named>,
    aliases: &[String],
    qualifier: &[String],
) -> Result<Relation> {
    let mut columns = relation.columns;
    for named in renamed(made, aliases)? {
        let Expr::Column(column) = named.expr else {
            return Err(SparkError::internal("a generator whose column is none"));
        };
        columns.push(ScopeColumn { qualifier: qualifier.to_vec(), name: named.name, column, hidden: false });
    }
    columns.sort_by_key(|c| c.hidden);
    Ok(Relation { plan: relation.plan, columns })
}
