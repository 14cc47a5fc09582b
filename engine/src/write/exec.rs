//! Writes one partition of rows to files that wait for the driver's commit.

use std::fmt;
use std::sync::Arc;

use cerium_spark::error::SparkError;
use cerium_spark::source::partitions::folder_name;
use cerium_spark::text::{Style, value};
use cerium_spark::{no_expressions, one_input};
use datafusion::arrow::array::{Array, RecordBatch};
use datafusion::arrow::compute::{SortOptions, partition};
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{
    EquivalenceProperties, LexOrdering, OrderingRequirements, Partitioning, PhysicalSortExpr,
};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
    SendableRecordBatchStream,
};
use futures::{StreamExt, TryStreamExt, stream};

use super::encode::{Encoder, Encoding};
use super::sink::{Destination, Sink};
use super::staged::{self, StagedFile};
use super::{WriteJob, split_columns};
use crate::task::task_number;

/// Writes its input, each partition to its own files, and returns what it wrote as rows.
#[derive(Debug)]
pub struct WriteExec {
    job: WriteJob,
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl WriteExec {
    /// A write of `input`.
    pub fn new(job: WriteJob, input: Arc<dyn ExecutionPlan>) -> Self {
        let partitions = input.output_partitioning().partition_count();
        let properties = PlanProperties::new(
            EquivalenceProperties::new(staged::schema()),
            Partitioning::UnknownPartitioning(partitions),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        Self { job, input, properties: Arc::new(properties) }
    }

    /// The job.
    pub fn job(&self) -> &WriteJob {
        &self.job
    }
}

impl DisplayAs for WriteExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "WriteExec: {} {}, partition_by=[{}]",
            self.job.spec.format,
            self.job.display(),
            self.job.spec.partition_by.join(", ")
        )
    }
}

impl ExecutionPlan for WriteExec {
    fn name(&self) -> &'static str {
        "WriteExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    /// Rows come sorted by partition, so that a task has one file open at a time.
    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        let schema = self.input.schema();
        let (columns, _) = split_columns(&self.job.spec, &schema);
        let order = columns.into_iter().map(|index| PhysicalSortExpr {
            expr: Arc::new(Column::new(schema.field(index).name(), index)),
            options: SortOptions { descending: false, nulls_first: true },
        });
        vec![LexOrdering::new(order).map(OrderingRequirements::from)]
    }

    no_expressions!();

    one_input!(|node, input| Self::new(node.job.clone(), input));

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let input = self.input.execute(partition, Arc::clone(&context))?;
        let job = self.job.clone();
        let written = async move {
            let files = write(job, input, partition, &context).await?;
            staged::to_batch(&files)
        };
        let rows = stream::once(written).try_filter(|batch| futures::future::ready(batch.num_rows() > 0));
        Ok(Box::pin(RecordBatchStreamAdapter::new(staged::schema(), rows.boxed())))
    }
}

fn external(error: SparkError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

async fn write(
    job: WriteJob,
    input: SendableRecordBatchStream,
    partition: usize,
    context: &TaskContext,
) -> Result<Vec<StagedFile>> {
    let number = task_number(context, partition);
    let mut writer = PartitionWriter::new(job, &input.schema(), number, context)?;
    let written = writer.run(input).await;
    match written {
        Ok(()) => Ok(writer.done),
        Err(error) => {
            writer.discard().await;
            Err(error)
        }
    }
}

/// The files of one task.
struct PartitionWriter {
    destination: Destination,
    encoding: Encoding,
    /// Positions of the columns that become folders.
    partition_columns: Vec<usize>,
    data_columns: Vec<usize>,
    schema: SchemaRef,
    names: Vec<String>,
    max_rows: u64,
    open: Option<OpenFile>,
    done: Vec<StagedFile>,
}

struct OpenFile {
    folder: String,
    encoder: Encoder,
    sink: Sink,
    rows: u64,
}

impl PartitionWriter {
    fn new(job: WriteJob, schema: &Schema, number: usize, context: &TaskContext) -> Result<Self> {
        let zone = context.session_config().options().execution.time_zone.clone();
        let encoding = Encoding::new(&job.spec, zone.as_deref().unwrap_or("UTC")).map_err(external)?;
        let (partition_columns, data_columns) = split_columns(&job.spec, schema);
        let names = partition_columns.iter().map(|index| schema.field(*index).name().clone()).collect();
        let max_rows = match job.spec.option("maxRecordsPerFile") {
            None => 0,
            Some(text) => text.parse().map_err(|_| {
                DataFusionError::Execution(format!(
                    "option maxRecordsPerFile is `{text}`: expected a whole number"
                ))
            })?,
        };
        Ok(Self {
            destination: Destination::new(job, number, context)?,
            encoding,
            schema: Arc::new(schema.project(&data_columns)?),
            partition_columns,
            data_columns,
            names,
            max_rows,
            open: None,
            done: vec![],
        })
    }

    async fn run(&mut self, mut input: SendableRecordBatchStream) -> Result<()> {
        while let Some(batch) = input.try_next().await? {
            if batch.num_rows() == 0 {
                continue;
            }
            let data = batch.project(&self.data_columns)?;
            if self.partition_columns.is_empty() {
                self.append("", data).await?;
                continue;
            }
            let keys: Vec<_> =
                self.partition_columns.iter().map(|index| Arc::clone(batch.column(*index))).collect();
            for range in partition(&keys)?.ranges() {
                let folder = self.folder(&keys, range.start)?;
                self.append(&folder, data.slice(range.start, range.len())).await?;
            }
        }
        self.close().await
    }

    fn folder(&self, keys: &[Arc<dyn Array>], row: usize) -> Result<String> {
        let mut parts = vec![];
        for (name, key) in self.names.iter().zip(keys) {
            let text =
                if key.is_null(row) { None } else { Some(value(key, row, Style::Cast).map_err(external)?) };
            parts.push(folder_name(name, text.as_deref()));
        }
        Ok(parts.join("/"))
    }

    async fn append(&mut self, folder: &str, mut batch: RecordBatch) -> Result<()> {
        while batch.num_rows() > 0 {
            let full = self.open.as_ref().is_some_and(|open| {
                open.folder != folder || (self.max_rows > 0 && open.rows >= self.max_rows)
            });
            if full {
                self.close().await?;
            }
            let mut open = match self.open.take() {
                Some(open) => open,
                None => OpenFile {
                    folder: folder.to_owned(),
                    encoder: self.encoding.encoder(&self.schema)?,
                    sink: self.destination.create(folder, &self.encoding.extension()).await?,
                    rows: 0,
                },
            };
            let room = match self.max_rows {
                0 => batch.num_rows(),
                max => ((max - open.rows) as usize).min(batch.num_rows()),
            };
            let written = write_rows(&mut open, &batch.slice(0, room)).await;
            open.rows += room as u64;
            self.open = Some(open);
            written?;
            batch = batch.slice(room, batch.num_rows() - room);
        }
        Ok(())
    }

    async fn close(&mut self) -> Result<()> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let rest = match open.encoder.finish() {
            Ok(rest) => rest,
            Err(error) => {
                open.sink.discard().await;
                return Err(error);
            }
        };
        let (location, upload, size) = open.sink.finish(rest).await?;
        self.done.push(StagedFile {
            partition: open.folder,
            location,
            extension: self.encoding.extension(),
            upload,
            rows: open.rows,
            size,
            host: hostname(),
        });
        Ok(())
    }

    /// Takes back what this task wrote; the driver's abort would find local files, not uploads.
    async fn discard(mut self) {
        if let Some(open) = self.open.take() {
            open.sink.discard().await;
        }
        self.destination.discard(&self.done).await;
    }
}

async fn write_rows(open: &mut OpenFile, batch: &RecordBatch) -> Result<()> {
    let bytes = open.encoder.encode(batch)?;
    open.sink.write(bytes).await
}

/// The name of this host: in a pod, the pod's name.
fn hostname() -> String {
    std::env::var("HOSTNAME")
        .ok()
        .or_else(|| std::fs::read_to_string("/proc/sys/kernel/hostname").ok())
        .map_or_else(|| "unknown".into(), |name| name.trim().to_owned())
}
