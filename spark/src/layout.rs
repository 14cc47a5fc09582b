//! How rows lie in partitions and how a join is to be run, as a node of a logical plan.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use datafusion::common::DFSchemaRef;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::expr::Sort;
use datafusion::logical_expr::{
    Expr, Extension, LogicalPlan, LogicalPlanBuilder, Partitioning, UserDefinedLogicalNodeCore,
};

/// How the join above an input is to be run, as far as that is possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JoinHint {
    /// Every task gets all rows of this input.
    Broadcast,
    /// Both inputs are sorted and merged.
    Merge,
    /// Both inputs are shuffled and this one becomes the hash table.
    ShuffleHash,
    /// Each row of one input meets each row of the other.
    NestedLoop,
}

impl JoinHint {
    /// The hint of a name in upper case.
    pub fn of(name: &str) -> Option<Self> {
        Some(match name {
            "BROADCAST" | "BROADCASTJOIN" | "MAPJOIN" => Self::Broadcast,
            "MERGE" | "SHUFFLE_MERGE" | "MERGEJOIN" => Self::Merge,
            "SHUFFLE_HASH" => Self::ShuffleHash,
            "SHUFFLE_REPLICATE_NL" => Self::NestedLoop,
            _ => return None,
        })
    }
}

/// What a [`LayoutNode`] asks for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Layout {
    /// At most so many partitions, made of whole partitions of the input.
    Coalesce(usize),
    /// The rows of each partition in this order.
    Sorted(Vec<Sort>),
    /// Rows in partitions by ranges of the keys, in the order of the keys.
    Ranges {
        /// The keys and their order.
        keys: Vec<Sort>,
        /// How many partitions at most.
        partitions: usize,
    },
    /// Rows in the partition that an expression of an integer type names, modulo their number.
    Ids(Expr, usize),
    /// Rows as they are, with a hint for the join above.
    Join(JoinHint),
    /// The rows of a union, those of each input's partition with those of the others' of the same number.
    Together,
}

/// The hint above a union that asks for [`Layout::Together`], in upper case; what RDDs are made of has it.
pub const TOGETHER: &str = "CERIUM_TOGETHER";

/// The rows of its input, laid out.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LayoutNode {
    input: LogicalPlan,
    layout: Layout,
}

impl LayoutNode {
    /// `input`, laid out.
    pub fn new(input: LogicalPlan, layout: Layout) -> Self {
        Self { input, layout }
    }

    /// The plan that this node is.
    pub fn into_plan(self) -> LogicalPlan {
        LogicalPlan::Extension(Extension { node: Arc::new(self) })
    }

    /// What is asked for.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// What is laid out.
    pub fn input(&self) -> &LogicalPlan {
        &self.input
    }
}

impl PartialOrd for LayoutNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self == other).then_some(Ordering::Equal)
    }
}

impl UserDefinedLogicalNodeCore for LayoutNode {
    fn name(&self) -> &'static str {
        "Layout"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        self.input.schema()
    }

    fn expressions(&self) -> Vec<Expr> {
        match &self.layout {
            Layout::Sorted(keys) | Layout::Ranges { keys, .. } => {
                keys.iter().map(|key| key.expr.clone()).collect()
            }
            Layout::Ids(id, _) => vec![id.clone()],
            Layout::Coalesce(_) | Layout::Join(_) | Layout::Together => vec![],
        }
    }

    fn prevent_predicate_push_down_columns(&self) -> HashSet<String> {
        HashSet::new()
    }

    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        Some(vec![output_columns.to_vec()])
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |keys: &[Sort]| keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        match &self.layout {
            Layout::Coalesce(count) => write!(f, "Coalesce: {count} partitions"),
            Layout::Sorted(keys) => write!(f, "SortWithinPartitions: {}", list(keys)),
            Layout::Ranges { keys, partitions } => {
                write!(f, "RepartitionByRange: {partitions} partitions, by {}", list(keys))
            }
            Layout::Ids(id, partitions) => write!(f, "RepartitionById: {partitions} partitions, by {id}"),
            Layout::Join(hint) => write!(f, "JoinHint: {hint:?}"),
            Layout::Together => f.write_str("Together"),
        }
    }

    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> Result<Self> {
        let sorts = |keys: &[Sort]| {
            keys.iter().zip(&exprs).map(|(key, expr)| key.with_expr(expr.clone())).collect::<Vec<_>>()
        };
        let layout = match &self.layout {
            Layout::Sorted(keys) => Layout::Sorted(sorts(keys)),
            Layout::Ranges { keys, partitions } => {
                Layout::Ranges { keys: sorts(keys), partitions: *partitions }
            }
            Layout::Ids(id, partitions) => {
                Layout::Ids(exprs.into_iter().next().unwrap_or_else(|| id.clone()), *partitions)
            }
            other => other.clone(),
        };
        match inputs.pop() {
            Some(input) if inputs.is_empty() => Ok(Self::new(input, layout)),
            _ => Err(DataFusionError::Internal("a layout has exactly one input".into())),
        }
    }
}

/// A hint about partitions: its number of partitions and its columns, each with its direction.
#[derive(Debug, Clone, Default)]
pub struct PartitionHint {
    /// How many partitions; the session's where the hint says nothing.
    pub count: Option<usize>,
    /// What rows are spread by.
    pub keys: Vec<Sort>,
}

/// Whether a hint of this name, in upper case, is about partitions.
pub fn is_partition_hint(name: &str) -> bool {
    matches!(name, "COALESCE" | "REPARTITION" | "REPARTITION_BY_RANGE" | "REBALANCE")
}

/// A plan with the partitions that a hint asks for; `default` is the session's number of them.
///
/// # Errors
/// Where the plan does not hold together.
pub fn partitioned(
    plan: LogicalPlan,
    name: &str,
    hint: PartitionHint,
    default: usize,
) -> Result<LogicalPlan> {
    let PartitionHint { count, keys } = hint;
    let partitions = count.unwrap_or(default).max(1);
    match name {
        "COALESCE" => Ok(match count {
            Some(count) => LayoutNode::new(plan, Layout::Coalesce(count.max(1))).into_plan(),
            None => plan,
        }),
        "REPARTITION_BY_RANGE" if !keys.is_empty() => {
            Ok(LayoutNode::new(plan, Layout::Ranges { keys, partitions }).into_plan())
        }
        _ => {
            let scheme = if keys.is_empty() {
                Partitioning::RoundRobinBatch(partitions)
            } else {
                Partitioning::Hash(keys.into_iter().map(|key| key.expr).collect(), partitions)
            };
            LogicalPlanBuilder::from(plan).repartition(scheme)?.build()
        }
    }
}
