//! Plans repartitions.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{LogicalPlan, UserDefinedLogicalNode, UserDefinedLogicalNodeCore};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_planner::{ExtensionPlanner, PhysicalPlanner};

use super::exec::{ShuffleMark, Target, TargetExec};
use super::rule::place;
use super::{RepartitionNode, Scheme};

/// Name of the column that names a row's partition.
const PARTITION: &str = "\u{E0C2}partition";

/// Plans [`RepartitionNode`].
#[derive(Debug)]
pub struct RepartitionPlanner;

#[async_trait]
impl ExtensionPlanner for RepartitionPlanner {
    async fn plan_extension(
        &self,
        planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _logical_inputs: &[&LogicalPlan],
        physical_inputs: &[Arc<dyn ExecutionPlan>],
        session: &dyn Session,
        context: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(node) = node.as_any().downcast_ref::<RepartitionNode>() else { return Ok(None) };
        let [input] = physical_inputs else {
            return Err(DataFusionError::Internal("a repartition has exactly one input".into()));
        };
        let columns = columns(input.as_ref());
        let width = columns.len();
        let (input, target): (Arc<dyn ExecutionPlan>, Target) = match node.scheme() {
            Scheme::RoundRobin => (Arc::clone(input), Target::RoundRobin),
            Scheme::Id(id) => {
                let id = planner.create_physical_expr(
                    id,
                    UserDefinedLogicalNodeCore::schema(node),
                    session,
                    context,
                )?;
                let mut exprs = columns.clone();
                exprs.push((id, PARTITION.to_owned()));
                (Arc::new(ProjectionExec::try_new(exprs, Arc::clone(input))?), Target::LastColumn)
            }
        };
        let targets = Arc::new(TargetExec::new(input, node.partitions(), target));
        without_target(Arc::new(ShuffleMark::new(targets, node.partitions())), width).map(Some)
    }
}

/// A shuffle of rows that have their targets.
pub(crate) fn shuffle(targets: Arc<TargetExec>) -> Result<Arc<dyn ExecutionPlan>> {
    let width = targets.schema().fields().len() - 1;
    let partitions = targets.partitions();
    let placed = place(&ShuffleMark::new(targets, partitions))?;
    without_target(placed, width)
}

fn without_target(shuffled: Arc<dyn ExecutionPlan>, width: usize) -> Result<Arc<dyn ExecutionPlan>> {
    let own = columns(shuffled.as_ref()).into_iter().take(width).collect::<Vec<_>>();
    Ok(Arc::new(ProjectionExec::try_new(own, shuffled)?))
}

/// The columns of a plan as they are.
fn columns(plan: &dyn ExecutionPlan) -> Vec<(Arc<dyn PhysicalExpr>, String)> {
    let schema = plan.schema();
    let fields = schema.fields().iter().enumerate();
    fields
        .map(|(index, field)| {
            let column: Arc<dyn PhysicalExpr> = Arc::new(Column::new(field.name(), index));
            (column, field.name().clone())
        })
        .collect()
}
