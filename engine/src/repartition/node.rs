//! The repartition as a node of a logical plan.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use datafusion::common::DFSchemaRef;
use datafusion::common::tree_node::Transformed;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{
    Expr, Extension, LogicalPlan, Partitioning, Repartition, ScalarUDF, UserDefinedLogicalNodeCore, lit,
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
/// Spark's would, by the function `hash`.
pub fn lower(plan: LogicalPlan, hash: Option<&Arc<ScalarUDF>>) -> Result<LogicalPlan> {
    let lowered = plan.transform_up_with_subqueries(|node| {
        let LogicalPlan::Repartition(Repartition { input, partitioning_scheme }) = node else {
            return Ok(Transformed::no(node));
        };
        let (partitions, scheme) = match partitioning_scheme {
            Partitioning::RoundRobinBatch(partitions) => (partitions, Scheme::RoundRobin),
            Partitioning::Hash(exprs, partitions) => {
                (partitions, Scheme::Id(bucket(exprs, partitions, hash)?))
            }
            other @ (Partitioning::DistributeBy(_) | Partitioning::Range(_)) => {
                return Err(DataFusionError::NotImplemented(format!("a repartition by {other:?}")));
            }
        };
        let node = RepartitionNode::new(Arc::unwrap_or_clone(input), partitions, scheme);
        Ok(Transformed::yes(LogicalPlan::Extension(Extension { node: Arc::new(node) })))
    })?;
    Ok(lowered.data)
}

/// `pmod(hash(exprs), partitions)`.
fn bucket(exprs: Vec<Expr>, partitions: usize, hash: Option<&Arc<ScalarUDF>>) -> Result<Expr> {
    let hash = hash.ok_or_else(|| DataFusionError::Internal("the session lacks the function hash".into()))?;
    let count = lit(i32::try_from(partitions).map_err(|error| DataFusionError::External(Box::new(error)))?);
    Ok((hash.call(exprs) % count.clone() + count.clone()) % count)
}
