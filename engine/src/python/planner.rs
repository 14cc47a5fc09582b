//! Plans Python nodes.

use std::sync::Arc;

use async_trait::async_trait;
use cerium_spark::python::PythonNode;
use datafusion::catalog::Session;
use datafusion::error::Result;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{LogicalPlan, UserDefinedLogicalNode};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{ExtensionPlanner, PhysicalPlanner};

use super::exec::PythonExec;
use super::work::bind;

/// Plans [`PythonNode`].
#[derive(Debug)]
pub struct PythonPlanner;

#[async_trait]
impl ExtensionPlanner for PythonPlanner {
    async fn plan_extension(
        &self,
        _planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        logical_inputs: &[&LogicalPlan],
        physical_inputs: &[Arc<dyn ExecutionPlan>],
        _session: &dyn Session,
        _planning_ctx: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(python) = node.as_any().downcast_ref::<PythonNode>() else { return Ok(None) };
        let schemas: Vec<_> = logical_inputs.iter().map(|input| input.schema().as_ref()).collect();
        let work = bind(python.operator(), &schemas)?;
        Ok(Some(Arc::new(PythonExec::try_new(work, physical_inputs.to_vec(), python.arrow_schema())?)))
    }
}
