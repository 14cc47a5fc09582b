//! Runs Python functions over the rows, partitions or groups of its inputs.

use std::fmt;
use std::sync::Arc;

use cerium_spark::{no_expressions, replaced_inputs};
use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{
    Distribution, EquivalenceProperties, LexOrdering, OrderingRequirements, Partitioning, PhysicalExpr,
    PhysicalSortExpr,
};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
    ReplaceChildrenOptions, SendableRecordBatchStream,
};
use futures::{TryStreamExt, stream};

use super::accumulators::Accumulators;
use super::groups::KEY_ORDER;
use super::task::PythonTask;
use super::work::{PythonPlan, SortKey, Work};
use crate::partition::exec::{numbers, only_number};

mod grouped;
mod rows;
mod table;
mod window;

/// A Python node.
#[derive(Debug)]
pub struct PythonExec {
    work: Work,
    /// Its inputs, and after them the numbers of the partitions: those that a task gets are not told to it.
    children: Vec<Arc<dyn ExecutionPlan>>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    accumulators: Accumulators,
}

impl PythonExec {
    /// A node over its inputs that makes rows of `schema`. After the inputs may come the numbers of the
    /// partitions; they are made where they are not there or are those of another input.
    pub fn try_new(work: Work, mut children: Vec<Arc<dyn ExecutionPlan>>, schema: SchemaRef) -> Result<Self> {
        let expected = match &work {
            Work::GroupMap(map) if map.right.is_some() => 2,
            _ => 1,
        };
        let known = children.len();
        let count = |plan: &Arc<dyn ExecutionPlan>| plan.output_partitioning().partition_count();
        let Some(input) = children.first().filter(|_| known == expected || known == expected + 1) else {
            return Err(DataFusionError::Internal(format!("a Python node of {known} inputs")));
        };
        let (input, partitions) = (Arc::clone(input), count(input));
        if children.get(expected).is_none_or(|numbers| count(numbers) != partitions) {
            children.truncate(expected);
            children.push(numbers(partitions)?);
        }
        // Columns that pass through keep their places, and with them the partitioning its columns.
        let partitioning = match &work {
            Work::Eval(_) | Work::Window(_) => input.output_partitioning().clone(),
            _ => Partitioning::UnknownPartitioning(input.output_partitioning().partition_count()),
        };
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            partitioning,
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        let properties = Arc::new(properties);
        Ok(Self { work, children, schema, properties, accumulators: Accumulators::default() })
    }

    /// The same node, whose workers add to `accumulators`.
    pub(super) fn collecting(&self, accumulators: Accumulators) -> Self {
        Self {
            work: self.work.clone(),
            children: self.children.clone(),
            schema: Arc::clone(&self.schema),
            properties: Arc::clone(&self.properties),
            accumulators,
        }
    }

    fn inputs(&self) -> &[Arc<dyn ExecutionPlan>] {
        &self.children[..self.children.len() - 1]
    }

    /// What executors need to know.
    pub fn to_message(&self) -> Result<PythonPlan> {
        PythonPlan::new(self.work.clone(), &self.schema)
    }

    /// The node a message stands for.
    pub fn from_message(message: PythonPlan, inputs: &[Arc<dyn ExecutionPlan>]) -> Result<Self> {
        let (work, schema) = message.into_parts()?;
        Self::try_new(work, inputs.to_vec(), schema)
    }

    /// The keys and the order that an input must come grouped by.
    fn grouping(&self, input: usize) -> Option<(&[u32], &[SortKey])> {
        match (&self.work, input) {
            (Work::GroupMap(map), 0) => Some((&map.groups.keys, &map.groups.sorting)),
            (Work::GroupMap(map), _) => {
                map.right.as_ref().map(|groups| (groups.keys.as_slice(), groups.sorting.as_slice()))
            }
            (Work::Aggregate(aggregate), _) => Some((&aggregate.keys, &[])),
            (Work::Window(window), _) => Some((&window.partition, &window.order)),
            (Work::Table(table), _) => {
                table.groups.as_ref().map(|groups| (groups.keys.as_slice(), groups.sorting.as_slice()))
            }
            _ => None,
        }
    }

    fn column(&self, input: usize, index: u32) -> Arc<dyn PhysicalExpr> {
        let schema = self.children[input].schema();
        Arc::new(Column::new(schema.field(index as usize).name(), index as usize))
    }

    fn with_inputs(&self, inputs: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        let node = Self::try_new(self.work.clone(), inputs, Arc::clone(&self.schema))?;
        Ok(Arc::new(Self { accumulators: self.accumulators.clone(), ..node }))
    }
}

impl DisplayAs for PythonExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, names): (_, Vec<&str>) = match &self.work {
            Work::Eval(calls) => ("eval", calls.calls.iter().map(|c| c.function.name.as_str()).collect()),
            Work::Map(function) => ("map partitions", vec![&function.name]),
            Work::GroupMap(map) if map.right.is_some() => ("cogroup", vec![&map.function.name]),
            Work::GroupMap(map) => ("group", vec![&map.function.name]),
            Work::Aggregate(a) => ("aggregate", a.calls.iter().map(|c| c.function.name.as_str()).collect()),
            Work::Window(w) => ("window", w.calls.iter().map(|c| c.function.name.as_str()).collect()),
            Work::Table(table) => ("table function", vec![&table.call.function.name]),
        };
        write!(f, "PythonExec: {kind} {}", names.join(", "))
    }
}

impl ExecutionPlan for PythonExec {
    fn name(&self) -> &'static str {
        "PythonExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.children.iter().collect()
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false; self.children.len()]
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        (0..self.inputs().len())
            .map(|input| match self.grouping(input) {
                None => Distribution::UnspecifiedDistribution,
                Some(([], _)) => Distribution::SinglePartition,
                Some((keys, _)) => {
                    Distribution::KeyPartitioned(keys.iter().map(|key| self.column(input, *key)).collect())
                }
            })
            .chain([Distribution::UnspecifiedDistribution])
            .collect()
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        (0..self.inputs().len())
            .map(|input| {
                let (keys, sorting) = self.grouping(input)?;
                let keys = keys
                    .iter()
                    .map(|key| PhysicalSortExpr { expr: self.column(input, *key), options: KEY_ORDER });
                let sorting = sorting.iter().map(|key| PhysicalSortExpr {
                    expr: self.column(input, key.column),
                    options: SortOptions { descending: key.descending, nulls_first: key.nulls_first },
                });
                LexOrdering::new(keys.chain(sorting)).map(OrderingRequirements::from)
            })
            .chain([None])
            .collect()
    }

    no_expressions!();

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.with_inputs(children)
    }

    replaced_inputs!();

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let task = PythonTask::new(&context, self.accumulators.clone());
        let numbers = self.children[self.children.len() - 1].execute(partition, Arc::clone(&context))?;
        let inputs = self
            .inputs()
            .iter()
            .map(|input| input.execute(partition, Arc::clone(&context)))
            .collect::<Result<Vec<_>>>()?;
        let (work, schema) = (self.work.clone(), Arc::clone(&self.schema));
        let rows = stream::once(start(task, numbers, work, inputs, schema)).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), rows)))
    }
}

type Rows = stream::BoxStream<'static, Result<datafusion::arrow::array::RecordBatch>>;

async fn start(
    mut task: PythonTask,
    numbers: SendableRecordBatchStream,
    work: Work,
    inputs: Vec<SendableRecordBatchStream>,
    schema: SchemaRef,
) -> Result<Rows> {
    task.partition(only_number(numbers).await?);
    let mut inputs = inputs.into_iter();
    let Some(input) = inputs.next() else {
        return Err(DataFusionError::Internal("a Python node without an input".into()));
    };
    match work {
        Work::Eval(calls) => rows::eval(task, calls.calls, input, schema).await,
        Work::Map(function) => rows::map_partitions(task, function, input, schema).await,
        Work::GroupMap(map) => grouped::map(task, map, input, inputs.next(), schema).await,
        Work::Aggregate(aggregate) => grouped::aggregate(task, aggregate, input, schema).await,
        Work::Window(window) => window::window(task, window, input, schema).await,
        Work::Table(table) => table::table(task, table, input, schema).await,
    }
}
