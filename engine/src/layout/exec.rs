//! One physical node for what says how rows lie, and for what keeps them in order.

use std::fmt;
use std::sync::Arc;

use cerium_spark::layout::JoinHint;
use cerium_spark::one_input;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{JoinType, Statistics};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::physical_expr::expressions::{Column, IsNullExpr};
use datafusion::physical_expr::{
    Distribution, EquivalenceProperties, LexOrdering, OrderingRequirements, Partitioning, PhysicalExpr,
    PhysicalSortExpr,
};
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::common::spawn_buffered;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::joins::{HashJoinExec, PartitionMode};
use datafusion::physical_plan::limit::LimitStream;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
    SendableRecordBatchStream,
};
use futures::{StreamExt, TryStreamExt, stream};

/// Partitions read ahead of the one whose turn it is.
const READ_AHEAD: usize = 4;
/// Batches held of each of them.
const BATCHES_AHEAD: usize = 2;
/// The size that makes an input small enough to be broadcast under any threshold, in bytes.
const SMALLEST: usize = 1;

/// What a [`LayoutExec`] is there for.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// A hint for the join above, until that is chosen.
    Hint(JoinHint),
    /// The place of a sort within partitions.
    Sorted(LexOrdering),
    /// Asks for the order that its input was sorted in, so that the sort stays.
    Kept {
        /// The order.
        ordering: LexOrdering,
        /// Whether it is one of all rows, not of those of each partition.
        whole: bool,
    },
    /// The place where partitions are put together.
    Coalesced(usize),
    /// Says that its input may be broadcast, whatever its size.
    Small,
    /// Says nothing of the size of its input, so that nobody broadcasts it.
    Unknown,
    /// Says that its input has an order, which a join that streams it keeps.
    Ordered,
    /// The partitions of its input one after the other, up to a number of rows.
    InOrder(Option<usize>),
}

/// A node that changes no row.
#[derive(Debug)]
pub struct LayoutExec {
    input: Arc<dyn ExecutionPlan>,
    kind: Kind,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl LayoutExec {
    /// A node over `input`.
    pub fn new(input: Arc<dyn ExecutionPlan>, kind: Kind) -> Self {
        let partitioning = match &kind {
            Kind::Hint(_) | Kind::Kept { .. } | Kind::Small | Kind::Unknown | Kind::Ordered => None,
            Kind::Sorted(_) => Some(input.output_partitioning().clone()),
            Kind::Coalesced(count) => {
                let count = input.output_partitioning().partition_count().min(*count);
                Some(Partitioning::UnknownPartitioning(count))
            }
            Kind::InOrder(_) => Some(Partitioning::UnknownPartitioning(1)),
        };
        let properties = match partitioning {
            None if kind == Kind::Ordered => {
                let mut told = EquivalenceProperties::new(input.schema());
                told.add_ordering(always_in_order(&input.schema()));
                Arc::new(PlanProperties::new(
                    told,
                    input.output_partitioning().clone(),
                    EmissionType::Incremental,
                    Boundedness::Bounded,
                ))
            }
            None => Arc::clone(input.properties()),
            Some(partitioning) => Arc::new(PlanProperties::new(
                EquivalenceProperties::new(input.schema()),
                partitioning,
                EmissionType::Incremental,
                Boundedness::Bounded,
            )),
        };
        Self { input, kind, properties, metrics: ExecutionPlanMetricsSet::new() }
    }

    /// What it is there for.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// What it is over.
    pub fn input(&self) -> &Arc<dyn ExecutionPlan> {
        &self.input
    }
}

impl DisplayAs for LayoutExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Hint(hint) => write!(f, "JoinHintExec: {hint:?}"),
            Kind::Kept { .. } => f.write_str("KeptExec"),
            Kind::Sorted(keys) => write!(f, "SortWithinPartitionsExec: {keys}"),
            Kind::Coalesced(count) => write!(f, "CoalesceExec: partitions={count}"),
            Kind::Small => f.write_str("BroadcastHintExec"),
            Kind::Unknown => f.write_str("ShuffleHintExec"),
            Kind::Ordered => f.write_str("OrderedExec"),
            Kind::InOrder(_) => f.write_str("InOrderExec"),
        }
    }
}

impl ExecutionPlan for LayoutExec {
    fn name(&self) -> &'static str {
        "LayoutExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        let keeps = matches!(
            self.kind,
            Kind::Hint(_) | Kind::Kept { .. } | Kind::Small | Kind::Unknown | Kind::Ordered
        );
        vec![keeps]
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        vec![match &self.kind {
            Kind::Kept { ordering, .. } => Some(OrderingRequirements::from(ordering.clone())),
            _ => None,
        }]
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        vec![match &self.kind {
            Kind::Kept { whole: true, .. } => Distribution::SinglePartition,
            _ => Distribution::UnspecifiedDistribution,
        }]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        let Kind::Sorted(keys) = &self.kind else { return Ok(TreeNodeRecursion::Continue) };
        for key in keys {
            if f(&key.expr)? == TreeNodeRecursion::Stop {
                return Ok(TreeNodeRecursion::Stop);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    }

    one_input!(|node, input| Self::new(input, node.kind.clone()));

    fn metrics(&self) -> Option<MetricsSet> {
        // The node it stands in for has some, and the driver counts on as many as there are nodes with them.
        matches!(self.kind, Kind::InOrder(_)).then(|| self.metrics.clone_inner())
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        let same = matches!(self.kind, Kind::Hint(_) | Kind::Kept { .. } | Kind::Small | Kind::Sorted(_));
        vec![ChildStats::At(if same { partition } else { None })]
    }

    fn statistics_from_inputs(
        &self,
        inputs: &[Arc<Statistics>],
        _args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        let unknown = || Arc::new(Statistics::new_unknown(&self.schema()));
        Ok(match (&self.kind, inputs.first()) {
            (Kind::Unknown, _) | (_, None) => unknown(),
            (Kind::Small, Some(input)) => {
                let mut told = input.as_ref().clone();
                told.total_byte_size = Precision::Inexact(SMALLEST);
                Arc::new(told)
            }
            (_, Some(input)) => Arc::clone(input),
        })
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        match &self.kind {
            Kind::Hint(_) | Kind::Kept { .. } | Kind::Small | Kind::Unknown | Kind::Ordered => {
                self.input.execute(partition, context)
            }
            Kind::Sorted(_) | Kind::Coalesced(_) => {
                Err(DataFusionError::Internal(format!("{:?} was not put in its place", self.kind)))
            }
            Kind::InOrder(fetch) => self.in_order(*fetch, &context),
        }
    }
}

impl LayoutExec {
    fn in_order(
        &self,
        fetch: Option<usize>,
        context: &Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let count = self.input.output_partitioning().partition_count();
        let input = Arc::clone(&self.input);
        let task = Arc::clone(context);
        let open = move |partition: usize| {
            let opened = input.execute(partition, Arc::clone(&task));
            // What is spawned goes on while another partition has its turn.
            async move { Ok::<_, DataFusionError>(spawn_buffered(opened?, BATCHES_AHEAD)) }
        };
        let rows = stream::iter(0..count).map(open).buffered(READ_AHEAD.min(count.max(1))).try_flatten();
        let rows: SendableRecordBatchStream = Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows));
        let Some(fetch) = fetch else { return Ok(rows) };
        let metrics = BaselineMetrics::new(&self.metrics, 0);
        Ok(Box::pin(LimitStream::new(rows, 0, Some(fetch), metrics)))
    }
}

/// An order that any rows are in: that of a value which is false for each of them.
fn always_in_order(schema: &SchemaRef) -> Vec<PhysicalSortExpr> {
    let Some(field) = schema.fields().first() else { return vec![] };
    let column: Arc<dyn PhysicalExpr> = Arc::new(Column::new(field.name(), 0));
    let never = Arc::new(IsNullExpr::new(Arc::new(IsNullExpr::new(column))));
    vec![PhysicalSortExpr::new_default(never)]
}

/// A plan whose partitions are merged in their order instead of that of arrival, and whose joins keep the
/// order of what they stream, as Spark does.
///
/// To be called right before the plan runs: planners know the node that it replaces.
///
/// # Errors
/// Where a node does not take its new inputs.
pub fn in_order(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let ordered = plan.transform_up(|node| {
        if let Some(join) = node.downcast_ref::<HashJoinExec>()
            && *join.join_type() == JoinType::Right
            && *join.partition_mode() == PartitionMode::CollectLeft
        {
            let right = Arc::new(LayoutExec::new(Arc::clone(join.right()), Kind::Ordered));
            let join = join.builder().with_new_children(vec![Arc::clone(join.left()), right])?;
            return Ok(Transformed::yes(join.build_exec()?));
        }
        if !node.is::<CoalescePartitionsExec>() {
            return Ok(Transformed::no(node));
        }
        let fetch = node.fetch();
        match node.children().first() {
            Some(input) => {
                let ordered = LayoutExec::new(Arc::clone(input), Kind::InOrder(fetch));
                Ok(Transformed::yes(Arc::new(ordered) as Arc<dyn ExecutionPlan>))
            }
            None => Ok(Transformed::no(node)),
        }
    })?;
    Ok(ordered.data)
}
