//! FROM: tables, subqueries, joins, LATERAL VIEW.

use datafusion::common::{Column, TableReference};
use datafusion::logical_expr::{Expr, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast::{self, JoinConstraint, JoinOperator, TableFactor, TableWithJoins};

use super::join::cross;
use super::{Planner, TableEntry, TableKey};
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
        let relation = self.plain_factor(factor)?;
        Ok(self.under_hints(relation))
    }

    fn plain_factor(&mut self, factor: &TableFactor) -> Result<Relation> {
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
}
