//! DataFusion's planner, with the nodes that Cerium adds.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::error::Result;
use datafusion::execution::SessionState;
use datafusion::execution::context::QueryPlanner;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner};

use crate::layout::planner::LayoutPlanner;
use crate::partition::planner::PartitionPlanner;
use crate::python::planner::PythonPlanner;
use crate::recursion::planner::RecursionPlanner;
use crate::repartition::{self, planner::RepartitionPlanner};
use crate::small;
use crate::write::planner::WritePlanner;

/// DataFusion's planner, with Cerium's nodes.
#[derive(Debug, Default)]
pub struct CeriumQueryPlanner;

#[async_trait]
impl QueryPlanner for CeriumQueryPlanner {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = repartition::lower(plan.clone())?;
        let planned = physical(&plan, session).await?;
        if small::is_wanted(session.config())
            && small::is_spread(&plan, &planned)?
            && let Some(state) = session.as_any().downcast_ref::<SessionState>()
        {
            let mut state = state.clone();
            state.config_mut().options_mut().execution.target_partitions = 1;
            return physical(&plan, &state).await;
        }
        Ok(planned)
    }
}

async fn physical(plan: &LogicalPlan, session: &dyn Session) -> Result<Arc<dyn ExecutionPlan>> {
    let nodes: Vec<Arc<dyn ExtensionPlanner + Send + Sync>> = vec![
        Arc::new(WritePlanner),
        Arc::new(PythonPlanner),
        Arc::new(RepartitionPlanner),
        Arc::new(PartitionPlanner),
        Arc::new(LayoutPlanner),
        Arc::new(RecursionPlanner),
    ];
    DefaultPhysicalPlanner::with_extension_planners(nodes).create_physical_plan(plan, session).await
}
