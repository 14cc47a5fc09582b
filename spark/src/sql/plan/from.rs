//! FROM: tables, subqueries, joins, LATERAL VIEW.

use datafusion::common::{Column, TableReference, UnnestOptions};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, when};
use datafusion::sql::sqlparser::ast::{
    self, FunctionArg, FunctionArgExpr, Ident, JoinConstraint, JoinOperator, LateralView, TableFactor,
    TableWithJoins,
};

use super::expr::Names;
use super::join::cross;
use super::{Planner, TableEntry, TableKey};
use crate::analysis::operator;
use crate::analysis::scope::{Relation, ScopeColumn, UniqueNames};
use crate::error::{Result, SparkError};
use crate::sql::statement::{Name, ident_position};

impl Planner<'_> {
    pub(super) fn from(&mut self, from: &[TableWithJoins]) -> Result<Relation> {
        let mut whole: Option<Relation> = None;
        for item in from {
            whole = Some(match (whole, &item.relation) {
                // The first of several relations joined may see those before it.
                (
                    Some(left),
                    TableFactor::Derived { lateral: true, .. } | TableFactor::Function { lateral: true, .. },
                ) => {
                    let first = ast::Join {
                        relation: item.relation.clone(),
                        global: false,
                        join_operator: JoinOperator::CrossJoin(JoinConstraint::None),
                    };
                    let mut left = self.joined(left, &first)?;
                    for join in &item.joins {
                        left = self.joined(left, join)?;
                    }
                    left
                }
                (None, _) => self.table_with_joins(item)?,
                (Some(left), _) => cross(left, self.table_with_joins(item)?)?,
            });
        }
        match whole {
            Some(relation) => Ok(relation),
            None => Ok(Relation { plan: LogicalPlanBuilder::empty(true).build()?, columns: Vec::new() }),
        }
    }

    fn table_with_joins(&mut self, item: &TableWithJoins) -> Result<Relation> {
        let mut left = self.table_factor(&item.relation)?;
        for join in &item.joins {
            left = self.joined(left, join)?;
        }
        Ok(left)
    }

    pub(super) fn table_factor(&mut self, factor: &TableFactor) -> Result<Relation> {
        match factor {
            TableFactor::Table { name, alias, args: Some(args), sample, .. } => {
                let relation = self.table_function(&Name::new(name), &args.args)?;
                let relation = self.sampled(relation, sample.as_ref())?;
                self.aliased(relation, alias.as_ref(), None)
            }
            TableFactor::Function { name, alias, args, .. } => {
                let relation = self.table_function(&Name::new(name), args)?;
                self.aliased(relation, alias.as_ref(), None)
            }
            TableFactor::Table { name, alias, sample, version, .. } => {
                if version.is_some() {
                    return Err(SparkError::unsupported("time travel"));
                }
                let name = Name::new(name);
                let relation = self.named_table(&name, factor)?;
                let relation = self.sampled(relation, sample.as_ref())?;
                let qualifier = name.parts.last().cloned();
                self.aliased(relation, alias.as_ref(), qualifier).map_err(|error| error.at(name.position))
            }
            // LATERAL with nothing before it sees nothing.
            TableFactor::Derived { subquery, alias, sample, .. } => {
                let relation = self.query(subquery)?;
                let relation = self.sampled(relation, sample.as_ref())?;
                self.aliased(relation, alias.as_ref(), None)
            }
            TableFactor::NestedJoin { table_with_joins, alias } => {
                let relation = self.table_with_joins(table_with_joins)?;
                match alias {
                    None => Ok(relation),
                    Some(_) => self.aliased(relation, alias.as_ref(), None),
                }
            }
            TableFactor::Pivot { table, aggregate_functions, value_column, value_source, alias, .. } => {
                let input = self.table_factor(table)?;
                let relation = self.pivot(input, aggregate_functions, value_column, value_source)?;
                match alias {
                    None => Ok(relation),
                    Some(_) => self.aliased(relation, alias.as_ref(), None),
                }
            }
            TableFactor::Unpivot { table, value, name, columns, null_inclusion, alias } => {
                let input = self.table_factor(table)?;
                let keep_nulls = matches!(null_inclusion, Some(ast::NullInclusion::IncludeNulls));
                let relation = self.unpivot(input, value, name, columns, keep_nulls)?;
                match alias {
                    None => Ok(relation),
                    Some(_) => self.aliased(relation, alias.as_ref(), None),
                }
            }
            other => Err(SparkError::unsupported(format!("the relation {other}"))),
        }
    }

    /// A CTE, view or table.
    fn named_table(&mut self, name: &Name, factor: &TableFactor) -> Result<Relation> {
        if let [single] = name.parts.as_slice() {
            let case = self.session.case;
            let cte = self.ctes.iter().rev().find(|(cte, _)| case.same(cte, single));
            if let Some((_, relation)) = cte {
                return Ok(relation.clone());
            }
        }
        let key = TableKey::of(&name.parts, factor);
        match self.tables.get(&key) {
            Some(TableEntry::Plan(plan)) => Ok(Relation::unqualified(plan.clone())),
            Some(TableEntry::Source(source)) => {
                let alias = self.aliases.claim(&name.parts.join("."));
                let scan = LogicalPlanBuilder::scan(
                    TableReference::bare(alias),
                    std::sync::Arc::clone(source),
                    None,
                )?;
                Ok(Relation::unqualified(scan.build()?))
            }
            None => Err(SparkError::table_not_found(&name.parts).at(name.position)),
        }
    }

    /// Gives the columns a qualifier: the alias, else `own`; and other names if the alias has some.
    pub(super) fn aliased(
        &mut self,
        relation: Relation,
        alias: Option<&ast::TableAlias>,
        own: Option<String>,
    ) -> Result<Relation> {
        let shown = alias.map(|a| a.name.value.clone()).or(own);
        let renamed: Vec<String> =
            alias.map(|a| a.columns.iter().map(|c| c.name.value.clone()).collect()).unwrap_or_default();
        let visible: Vec<ScopeColumn> = relation.visible().cloned().collect();
        if !renamed.is_empty() && renamed.len() != visible.len() {
            return Err(SparkError::new(
                "ASSIGNMENT_ARITY_MISMATCH",
                "42802",
                format!(
                    "The number of columns or variables assigned or aliased: {} does not match the number of source expressions: {}.",
                    renamed.len(),
                    visible.len()
                ),
            )
            .at(alias.and_then(|a| ident_position(&a.name))));
        }
        // Below an alias all columns need names of their own.
        let mut unique = UniqueNames::default();
        let mut names = Vec::with_capacity(visible.len());
        let mut exprs = Vec::with_capacity(visible.len());
        for (i, column) in visible.iter().enumerate() {
            let name = renamed.get(i).unwrap_or(&column.name);
            let inner = unique.claim(name);
            exprs.push(Expr::Column(column.column.clone()).alias(inner.clone()));
            names.push((name.clone(), inner));
        }
        let internal = self.aliases.claim(shown.as_deref().unwrap_or("__subquery"));
        let table = TableReference::bare(internal);
        let unchanged = relation.schema().fields().len() == visible.len()
            && names.iter().zip(&visible).all(|((_, inner), column)| *inner == column.column.name);
        let builder = LogicalPlanBuilder::from(relation.plan);
        let builder = if unchanged { builder } else { builder.project(exprs)? };
        let plan = builder.alias(table.clone())?.build()?;
        let columns = names
            .into_iter()
            .map(|(name, inner)| ScopeColumn {
                qualifier: shown.iter().cloned().collect(),
                name,
                column: Column::new(Some(table.clone()), inner),
                hidden: false,
            })
            .collect();
        Ok(Relation { plan, columns })
    }

    pub(super) fn lateral_view(&mut self, input: Relation, view: &LateralView) -> Result<Relation> {
        let ast::Expr::Function(function) = &view.lateral_view else {
            return Err(SparkError::unsupported(format!("LATERAL VIEW {}", view.lateral_view)));
        };
        let generator = Generator::of(function)
            .ok_or_else(|| SparkError::unsupported(format!("LATERAL VIEW of {}", function.name)))?;
        let qualifier = Name::new(&view.lateral_view_name).parts;
        // `LATERAL VIEW explode(x) AS c` has columns only, and no name before AS.
        let columns: Vec<String> = view.lateral_col_alias.iter().map(|i: &Ident| i.value.clone()).collect();
        let (mut relation, generated) =
            self.generate(input, &generator, view.outer, columns.first().map(String::as_str))?;
        for column in &mut relation.columns {
            if column.column == generated {
                column.qualifier.clone_from(&qualifier);
            }
        }
        Ok(relation)
    }

    /// Adds the generator's column to the relation, one row an element.
    pub(super) fn generate(
        &mut self,
        input: Relation,
        generator: &Generator<'_>,
        outer: bool,
        name: Option<&str>,
    ) -> Result<(Relation, Column)> {
        let outer = outer || generator.outer;
        let schema = input.plan.schema().clone();
        let names = Names::input(&input.columns, &schema);
        let array = self.expr(generator.argument, &names)?;
        let data_type = array.expr.get_type(schema.as_ref())?;
        if !data_type.is_list() {
            return Err(SparkError::unsupported(format!(
                "explode of {}",
                crate::types::sql_name(&data_type)
            )));
        }
        let array = if outer {
            // DataFusion keeps rows of null arrays, Spark those of empty ones too.
            let context = self.context(&names);
            let length = operator::scalar_call(
                context
                    .state
                    .scalar_functions()
                    .get("array_length")
                    .cloned()
                    .ok_or_else(|| SparkError::internal("array_length is not registered"))?,
                vec![array.expr.clone()],
            );
            when(length.is_not_null(), array.expr).end()?
        } else {
            array.expr
        };
        let internal = self.aliases.claim("__generated");
        let mut exprs: Vec<Expr> = schema.columns().into_iter().map(Expr::Column).collect();
        exprs.push(array.alias(internal.clone()));
        let column = Column::from_name(internal);
        let options = UnnestOptions::new().with_preserve_nulls(outer);
        let plan: LogicalPlan = LogicalPlanBuilder::from(input.plan)
            .project(exprs)?
            .unnest_column_with_options(column.clone(), options)?
            .build()?;
        let mut columns = input.columns;
        columns.push(ScopeColumn {
            qualifier: Vec::new(),
            name: name.unwrap_or("col").to_owned(),
            column: column.clone(),
            hidden: false,
        });
        columns.sort_by_key(|c| c.hidden);
        Ok((Relation { plan, columns }, column))
    }
}

/// A call that makes rows of an array.
pub(super) struct Generator<'a> {
    argument: &'a ast::Expr,
    outer: bool,
}

impl<'a> Generator<'a> {
    /// The generator a call is, if it is one.
    pub fn of(function: &'a ast::Function) -> Option<Self> {
        let name = function.name.to_string().to_lowercase();
        let outer = match name.as_str() {
            "explode" => false,
            "explode_outer" => true,
            _ => return None,
        };
        let ast::FunctionArguments::List(list) = &function.args else {
            return None;
        };
        match list.args.as_slice() {
            [FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))] => Some(Self { argument, outer }),
            _ => None,
        }
    }
}
