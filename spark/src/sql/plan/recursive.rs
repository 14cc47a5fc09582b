//! WITH RECURSIVE.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{ExprSchema, JoinType, TableReference};
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast::{Cte, SetExpr, SetOperator, SetQuantifier};

use super::Planner;
use super::query::{column_counts_differ, projected, rename};
use crate::analysis::cast::cast;
use crate::analysis::common::common_type;
use crate::analysis::scope::{Relation, ScopeColumn, UniqueNames};
use crate::error::{Result, SparkError};
use crate::recursion::{RecursionLimits, RecursionNode, WorkTable};
use crate::session::defaults::sql_key;
use crate::types;

const LEVEL_LIMIT: &str = "spark.sql.cteRecursionLevelLimit";
const ROW_LIMIT: &str = "spark.sql.cteRecursionRowLimit";

impl Planner<'_> {
    /// A table of WITH RECURSIVE that refers to itself.
    pub(super) fn recursive(&mut self, name: &str, cte: &Cte) -> Result<Relation> {
        let ctes = self.ctes.len();
        let planned = self.recursion(name, cte);
        self.ctes.truncate(ctes);
        planned
    }

    fn recursion(&mut self, name: &str, cte: &Cte) -> Result<Relation> {
        let query = &cte.query;
        if let Some(with) = &query.with {
            if with.cte_tables.iter().any(|inner| self.refers_to(&inner.query, name)) {
                return Err(invalid());
            }
            self.with_tables(with)?;
        }
        let SetExpr::SetOperation { op: SetOperator::Union, set_quantifier, left, right } =
            query.body.as_ref()
        else {
            return Err(invalid());
        };
        if query.order_by.is_some() || query.limit_clause.is_some() || self.refers_to(left, name) {
            return Err(invalid());
        }
        if *set_quantifier != SetQuantifier::All {
            return Err(SparkError::new(
                "UNION_NOT_SUPPORTED_IN_RECURSIVE_CTE",
                "42836",
                "The UNION operator is not yet supported within recursive common table expressions (WITH clauses that refer to themselves, directly or indirectly). Please use UNION ALL instead.",
            ));
        }
        let limits = self.recursion_limits(cte);
        let mut anchor = self.set_expr(left, None)?;
        let columns: Vec<String> = cte.alias.columns.iter().map(|c| c.name.value.clone()).collect();
        if !columns.is_empty() {
            anchor = rename(anchor, columns)?;
        }
        let shown: Vec<String> = anchor.visible().map(|c| c.name.clone()).collect();
        let mut unique = UniqueNames::default();
        let inner: Vec<String> = shown.iter().map(|n| unique.claim(n)).collect();
        let anchor = projected(anchor, &inner)?;
        // The rows of later rounds may have nulls where those of the first have none.
        let fields = anchor.schema().fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let table = self.aliases.claim(name);
        let source = provider_as_source(Arc::new(WorkTable::new(table.clone(), Arc::clone(&schema))));
        let scan = LogicalPlanBuilder::scan(TableReference::bare(table.clone()), source, None)?.build()?;
        self.ctes.push((name.to_owned(), Relation::unqualified(scan)));
        let term = self.set_expr(right, None)?;
        let width = term.visible().count();
        if width != shown.len() {
            return Err(column_counts_differ("UNION", shown.len(), width));
        }
        let term = projected(term, &inner)?;
        check_places(&term, &table)?;
        let same_types = |plan: LogicalPlan| -> Result<LogicalPlan> {
            let own = plan.schema().clone();
            let exprs = own.columns().into_iter().zip(schema.fields()).map(|(column, field)| {
                let (to, given) = (field.data_type(), own.field_from_column(&column)?.data_type().clone());
                if common_type([to, &given]).as_ref() != Some(to) {
                    return Err(incompatible(to, &given));
                }
                let value = cast(Expr::Column(column), to, false, own.as_ref())?;
                Ok(value.unalias().alias(field.name()))
            });
            Ok(LogicalPlanBuilder::from(plan).project(exprs.collect::<Result<Vec<_>>>()?)?.build()?)
        };
        let term = same_types(term)?;
        let plan = RecursionNode::new(anchor, term, table, &schema, limits)?.into_plan();
        let columns = plan
            .schema()
            .columns()
            .into_iter()
            .zip(shown)
            .map(|(column, name)| ScopeColumn { qualifier: Vec::new(), name, column, hidden: false })
            .collect();
        Ok(Relation { plan, columns })
    }

    /// What the query says, else the conf; below zero there is no limit.
    fn recursion_limits(&self, cte: &Cte) -> RecursionLimits {
        let set = |key: &str| -> Option<i64> {
            let value = self.session.conf.get_str(key).or_else(|| sql_key(key)?.default)?;
            value.trim().parse().ok()
        };
        let written = cte.from.as_ref().and_then(|level| level.value.parse().ok());
        let limit = |value: Option<i64>| value.and_then(|value| u64::try_from(value).ok());
        RecursionLimits { levels: limit(written.or_else(|| set(LEVEL_LIMIT))), rows: limit(set(ROW_LIMIT)) }
    }
}

fn invalid() -> SparkError {
    SparkError::new(
        "INVALID_RECURSIVE_CTE",
        "42836",
        "Invalid recursive definition found. Recursive queries must contain an UNION or an UNION ALL statement with 2 children. The first child needs to be the anchor term without any recursive references. Any top level inner CTE must not contain self references.",
    )
}

/// Fails where rows of the round before are taken other than one by one.
fn check_places(plan: &LogicalPlan, table: &str) -> Result<()> {
    let inputs = plan.inputs();
    let forbidden = match plan {
        LogicalPlan::Aggregate(_) | LogicalPlan::Window(_) | LogicalPlan::Sort(_) => {
            inputs.iter().any(|input| refers(input, table))
        }
        LogicalPlan::Join(join) => {
            let (left, right) = (refers(&join.left, table), refers(&join.right, table));
            match join.join_type {
                JoinType::Inner => false,
                JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => right,
                JoinType::Right | JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => left,
                JoinType::Full => left || right,
            }
        }
        _ => false,
    };
    if forbidden {
        return Err(SparkError::new(
            "INVALID_RECURSIVE_REFERENCE.PLACE",
            "42836",
            "Invalid recursive reference found inside WITH RECURSIVE clause. Recursive references cannot be used on the right side of left outer/semi/anti joins, on the left side of right outer joins, in full outer joins, in aggregates, window functions or sorts",
        ));
    }
    let mut checked = inputs.into_iter().try_for_each(|input| check_places(input, table));
    plan.apply_subqueries(|subquery| {
        if checked.is_ok() {
            checked = subquery.inputs().into_iter().try_for_each(|query| check_places(query, table));
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    checked
}

/// The rows of later rounds are to fit into the columns of the first.
fn incompatible(first: &DataType, later: &DataType) -> SparkError {
    let (left, right) =
        (format!("\"{}\"", types::sql_name(first)), format!("\"{}\"", types::sql_name(later)));
    SparkError::new(
        "CANNOT_MERGE_INCOMPATIBLE_DATA_TYPE",
        "42825",
        format!(
            "Failed to merge incompatible data types {left} and {right}. Please check the data types of the columns being merged and ensure that they are compatible. If necessary, consider casting the columns to compatible data types before attempting the merge."
        ),
    )
    .with_param("left", left)
    .with_param("right", right)
}

/// Whether a plan reads a work table.
fn refers(plan: &LogicalPlan, table: &str) -> bool {
    if let LogicalPlan::TableScan(scan) = plan
        && let Ok(provider) = source_as_provider(&scan.source)
        && let Some(work) = (provider.as_ref() as &dyn std::any::Any).downcast_ref::<WorkTable>()
    {
        return work.name() == table;
    }
    plan.inputs().into_iter().any(|input| refers(input, table))
}
