//! Hints of a SELECT: how its relations are joined, and in how many partitions its rows lie.

use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::expr::Sort;
use datafusion::sql::sqlparser::ast;

use super::Planner;
use super::expr::Names;
use super::select::ordinal;
use crate::analysis::scope::Relation;
use crate::error::Result;
use crate::layout::{JoinHint, Layout, LayoutNode, PartitionHint, is_partition_hint, partitioned};
use crate::sql::parse::Hint;

/// The join hints of a SELECT with the relations they name; those that name none mean all.
pub(super) fn of_relations(hints: &[Hint]) -> Vec<(JoinHint, Vec<String>)> {
    let mut found = Vec::new();
    for hint in hints {
        match JoinHint::of(&hint.name) {
            Some(join) => {
                let names = hint.parameters.iter().filter_map(last_part).collect();
                found.push((join, names));
            }
            None if is_partition_hint(&hint.name) => {}
            None => tracing::warn!("Unrecognized hint: {}", hint.name),
        }
    }
    found
}

fn last_part(expr: &ast::Expr) -> Option<String> {
    match expr {
        ast::Expr::Identifier(ident) => Some(ident.value.clone()),
        ast::Expr::CompoundIdentifier(parts) => parts.last().map(|ident| ident.value.clone()),
        _ => None,
    }
}

impl Planner<'_> {
    /// A relation of FROM under the hints of the SELECT that mean it.
    pub(super) fn under_hints(&self, relation: Relation) -> Relation {
        let case = self.session.case;
        let name = relation.visible().next().and_then(|column| column.qualifier.last().cloned());
        let hint = self.join_hints.last().and_then(|hints| {
            hints
                .iter()
                .find(|(_, names)| {
                    names.is_empty()
                        || name.as_ref().is_some_and(|name| names.iter().any(|n| case.same(n, name)))
                })
                .map(|(hint, _)| *hint)
        });
        match hint {
            Some(hint) => {
                let plan = LayoutNode::new(relation.plan, Layout::Join(hint)).into_plan();
                Relation { plan, ..relation }
            }
            None => relation,
        }
    }

    /// A plan in the partitions that the hints ask for.
    pub(super) fn with_partitions(
        &mut self,
        plan: LogicalPlan,
        hints: &[Hint],
        names: &Names<'_>,
    ) -> Result<LogicalPlan> {
        let mut plan = plan;
        for hint in hints.iter().rev().filter(|hint| is_partition_hint(&hint.name)) {
            let count = hint.parameters.iter().find_map(ordinal).filter(|n| *n > 0);
            let mut keys = Vec::new();
            for parameter in hint.parameters.iter().filter(|p| ordinal(p).is_none()) {
                keys.push(Sort::new(self.expr(parameter, names)?.expr, true, true));
            }
            let default = self.session.state.config().target_partitions().max(1);
            plan = partitioned(plan, &hint.name, PartitionHint { count, keys }, default)?;
        }
        Ok(plan)
    }
}
