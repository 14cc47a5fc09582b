//! The repartition as a node of a logical plan.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use cerium_spark::functions::hash::HASH;
use cerium_spark::layout::{Layout, LayoutNode};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::DFSchemaRef;
use datafusion::common::tree_node::Transformed;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{
    Expr, Extension, LogicalPlan, Partitioning, Repartition, UserDefinedLogicalNodeCore, cast, lit, when,
};

/// Which partition a row goes to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// One after the other.
    RoundRobin,
    /// The one an expression of type INT names, counted from 0.
    Id(Expr),
}

/// Spreads the rows of its input over a number of partitions.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RepartitionNode {
    input: LogicalPlan,
    partitions: usize,
    scheme: Scheme,
}

impl RepartitionNode {
    /// `input` in `partitions` partitions, at least one.
    pub fn new(input: LogicalPlan, partitions: usize, scheme: Scheme) -> Self {
        Self { input, partitions: partitions.max(1), scheme }
    }

    /// The plan that this node is.
    pub fn into_plan(self) -> LogicalPlan {
        LogicalPlan::Extension(Extension { node: Arc::new(self) })
    }

    /// How many partitions there will be.
    pub fn partitions(&self) -> usize {
        self.partitions
    }

    /// Which of them a row goes to.
    pub fn scheme(&self) -> &Scheme {
        &self.scheme
    }
}

impl PartialOrd for RepartitionNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.partitions.partial_cmp(&other.partitions).filter(|o| *o != Ordering::Equal || self == other)
    }
}

impl UserDefinedLogicalNodeCore for RepartitionNode {
    fn name(&self) -> &'static str {
        "Repartition"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        self.input.schema()
    }

    fn expressions(&self) -> Vec<Expr> {
        match &self.scheme {
            Scheme::RoundRobin => vec![],
            Scheme::Id(id) => vec![id.clone()],
        }
    }

    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        Some(vec![output_columns.to_vec()])
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.scheme {
            Scheme::RoundRobin => write!(f, "Repartition: {} partitions, round robin", self.partitions),
            Scheme::Id(id) => write!(f, "Repartition: {} partitions, by {id}", self.partitions),
        }
    }

    fn with_exprs_and_inputs(&self, mut exprs: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> Result<Self> {
        let scheme = match exprs.pop() {
            None => Scheme::RoundRobin,
            Some(id) => Scheme::Id(id),
        };
        match inputs.pop() {
            Some(input) if inputs.is_empty() => Ok(Self::new(input, self.partitions, scheme)),
            _ => Err(DataFusionError::Internal("a repartition has exactly one input".into())),
        }
    }
}

/// Makes DataFusion's repartitions ours, which its planner would drop. Rows that go by a hash go where
/// Spark's would.
pub fn lower(plan: LogicalPlan) -> Result<LogicalPlan> {
    let lowered = plan.transform_up_with_subqueries(|node| {
        if let LogicalPlan::Extension(extension) = &node
            && let Some(layout) = extension.node.as_any().downcast_ref::<LayoutNode>()
        {
            return Ok(match layout.layout() {
                Layout::Ids(id, partitions) => Transformed::yes(by_id(layout.input(), id, *partitions)?),
                // The bounds are not known when a plan is only looked at.
                Layout::Ranges { partitions, .. } => {
                    let spread =
                        RepartitionNode::new(layout.input().clone(), *partitions, Scheme::RoundRobin);
                    Transformed::yes(spread.into_plan())
                }
                Layout::Coalesce(_) | Layout::Sorted(_) | Layout::Join(_) | Layout::Together => {
                    Transformed::no(node)
                }
            });
        }
        let LogicalPlan::Repartition(Repartition { input, partitioning_scheme }) = node else {
            return Ok(Transformed::no(node));
        };
        let (partitions, scheme) = match partitioning_scheme {
            Partitioning::RoundRobinBatch(partitions) => (partitions, Scheme::RoundRobin),
            Partitioning::Hash(exprs, partitions) => (partitions, Scheme::Id(bucket(exprs, partitions)?)),
            other @ (Partitioning::DistributeBy(_) | Partitioning::Range(_)) => {
                return Err(DataFusionError::NotImplemented(format!("a repartition by {other:?}")));
            }
        };
        let node = RepartitionNode::new(Arc::unwrap_or_clone(input), partitions, scheme);
        Ok(Transformed::yes(node.into_plan()))
    })?;
    Ok(lowered.data)
}

/// Rows in the partition that an integer names, modulo the number of partitions; those without one in
/// the first.
fn by_id(input: &LogicalPlan, id: &Expr, partitions: usize) -> Result<LogicalPlan> {
    let count = i32::try_from(partitions).map_err(|error| DataFusionError::External(Box::new(error)))?;
    let id = cast(id.clone(), DataType::Int64);
    let count = lit(i64::from(count));
    let place = cast((id % count.clone() + count.clone()) % count, DataType::Int32);
    let place = when(place.clone().is_null(), lit(0_i32)).otherwise(place)?;
    Ok(RepartitionNode::new(input.clone(), partitions, Scheme::Id(place)).into_plan())
}

/// `pmod(hash(exprs), partitions)`.
fn bucket(exprs: Vec<Expr>, partitions: usize) -> Result<Expr> {
    let count = lit(i32::try_from(partitions).map_err(|error| DataFusionError::External(Box::new(error)))?);
    Ok((HASH.function().call(exprs) % count.clone() + count.clone()) % count)
}
