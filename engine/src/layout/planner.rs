//! Plans layouts.

use std::sync::Arc;

use async_trait::async_trait;
use cerium_spark::layout::{Layout, LayoutNode};
use datafusion::arrow::compute::SortOptions;
use datafusion::catalog::Session;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{LogicalPlan, UserDefinedLogicalNode, UserDefinedLogicalNodeCore};
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{ExtensionPlanner, PhysicalPlanner};

use super::exec::{Kind, LayoutExec};
use super::together::TogetherExec;

/// Plans [`LayoutNode`].
#[derive(Debug)]
pub struct LayoutPlanner;

#[async_trait]
impl ExtensionPlanner for LayoutPlanner {
    async fn plan_extension(
        &self,
        planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _logical_inputs: &[&LogicalPlan],
        physical_inputs: &[Arc<dyn ExecutionPlan>],
        session: &dyn Session,
        context: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(node) = node.as_any().downcast_ref::<LayoutNode>() else { return Ok(None) };
        let [input] = physical_inputs else {
            return Err(DataFusionError::Internal("a layout has exactly one input".into()));
        };
        let kind = match node.layout() {
            Layout::Coalesce(count) => Kind::Coalesced(*count),
            Layout::Join(hint) => Kind::Hint(*hint),
            Layout::Together => return Ok(Some(Arc::new(TogetherExec::of_union(input)?))),
            Layout::Sorted(keys) => {
                let schema = UserDefinedLogicalNodeCore::schema(node);
                let mut sorts = Vec::with_capacity(keys.len());
                for key in keys {
                    let expr = planner.create_physical_expr(&key.expr, schema, session, context)?;
                    let options = SortOptions { descending: !key.asc, nulls_first: key.nulls_first };
                    sorts.push(PhysicalSortExpr::new(expr, options));
                }
                match LexOrdering::new(sorts) {
                    Some(keys) => Kind::Sorted(keys),
                    None => return Ok(Some(Arc::clone(input))),
                }
            }
            Layout::Ranges { .. } | Layout::Ids(..) => {
                return Err(DataFusionError::Internal("a repartition was not lowered".into()));
            }
        };
        Ok(Some(Arc::new(LayoutExec::new(Arc::clone(input), kind))))
    }
}
