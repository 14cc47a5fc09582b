//! Plans recursions.

use std::sync::Arc;

use async_trait::async_trait;
use cerium_spark::recursion::RecursionNode;
use datafusion::catalog::Session;
use datafusion::error::Result;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{LogicalPlan, UserDefinedLogicalNode};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{ExtensionPlanner, PhysicalPlanner};

use super::exec::{Recursion, RecursionExec};

/// Plans [`RecursionNode`].
#[derive(Debug)]
pub struct RecursionPlanner;

#[async_trait]
impl ExtensionPlanner for RecursionPlanner {
    async fn plan_extension(
        &self,
        planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        logical_inputs: &[&LogicalPlan],
        _physical_inputs: &[Arc<dyn ExecutionPlan>],
        session: &dyn Session,
        _planning_ctx: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(recursion) = node.as_any().downcast_ref::<RecursionNode>() else { return Ok(None) };
        let [anchor, term] = logical_inputs else { return Ok(None) };
        // Both run as they are within a task, so that they are made ready to run here.
        let anchor = planner.create_physical_plan(anchor, session).await?;
        let term = planner.create_physical_plan(term, session).await?;
        let table = recursion.table().to_owned();
        let recursion =
            Recursion { anchor, term, table, schema: recursion.arrow_schema(), limits: recursion.limits() };
        Ok(Some(Arc::new(RecursionExec::new(recursion))))
    }
}
