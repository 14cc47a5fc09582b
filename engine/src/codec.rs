//! How plans cross the wire: Cerium's own nodes behind a tag of their own, the rest by Ballista.

mod lambda;
mod recursion;

use std::sync::Arc;

use ballista_core::serde::{BallistaLogicalExtensionCodec, BallistaPhysicalExtensionCodec};
use cerium_spark::recursion::WorkTableExec;
use cerium_spark::source::numbers::NumbersExec;
use cerium_spark::source::scan::{TextFormat, TextSource};
use chrono::NaiveDate;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use datafusion::datasource::file_format::FileFormatFactory;
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{AggregateUDF, Extension, HigherOrderUDF, LogicalPlan, ScalarUDF, WindowUDF};
use datafusion::physical_plan::ExecutionPlan;
use datafusion_proto::logical_plan::LogicalExtensionCodec;
use datafusion_proto::physical_plan::from_proto::{
    parse_protobuf_file_scan_config, parse_table_schema_from_proto,
};
use datafusion_proto::physical_plan::to_proto::serialize_file_scan_config;
use datafusion_proto::physical_plan::{
    PhysicalExtensionCodec, PhysicalPlanDecodeContext, PhysicalProtoConverterExtension,
};
use datafusion_proto::protobuf::FileScanExecConf;
use prost::Message;

use self::recursion::{RecursionMessage, WorkTableMessage};
use crate::blocks::exec::BlockExec;
use crate::layout::exec::{self as layout, LayoutExec};
use crate::layout::together::TogetherExec;
use crate::partition::Quantity;
use crate::partition::exec::PartitionExec;
use crate::partition::kept::KeptPartitionsExec;
use crate::python::PythonPlan;
use crate::python::exec::PythonExec;
use crate::recursion::exec::RecursionExec;
use crate::repartition::exec::{Target, TargetExec};
use crate::result_limit::ResultLimitExec;
use crate::write::WriteJob;
use crate::write::exec::WriteExec;
use crate::write::node::WriteNode;

/// What Cerium's own messages start with. Ballista takes any bytes that look like protobuf, so
/// ours must not: as protobuf this would be a field of the unknown wire type 7.
const TAG: &[u8] = b"\x07cerium1";

/// A node of Cerium.
#[derive(Clone, PartialEq, Message)]
struct CeriumNode {
    #[prost(oneof = "Kind", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14")]
    kind: Option<Kind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Kind {
    #[prost(message, tag = "1")]
    TextScan(Box<TextScan>),
    /// A [`WriteJob`] as JSON.
    #[prost(string, tag = "2")]
    Write(String),
    #[prost(message, tag = "10")]
    Python(Box<PythonPlan>),
    #[prost(message, tag = "3")]
    Target(TargetNode),
    /// Bytes of a result that a task may hand on.
    #[prost(uint64, tag = "4")]
    ResultLimit(u64),
    #[prost(message, tag = "5")]
    Numbers(NumbersNode),
    #[prost(message, tag = "6")]
    Partition(PartitionColumns),
    /// Whether an input says that it is small, else that its size is unknown.
    #[prost(bool, tag = "7")]
    SizeHint(bool),
    #[prost(message, tag = "8")]
    KeptPartitions(KeptPartitions),
    /// What keeps a sort in its place while plans are made: a task runs its input.
    #[prost(bool, tag = "9")]
    KeptSort(bool),
    /// A [`TogetherExec`], which has nothing but its inputs.
    #[prost(bool, tag = "13")]
    Together(bool),
    #[prost(message, tag = "11")]
    Recursion(Box<RecursionMessage>),
    #[prost(message, tag = "12")]
    WorkTable(WorkTableMessage),
    /// Whether a [`BlockExec`] keeps rows.
    #[prost(bool, tag = "14")]
    Block(bool),
}

/// A [`NumbersExec`].
#[derive(Clone, Copy, PartialEq, Eq, Message)]
struct NumbersNode {
    #[prost(sint64, tag = "1")]
    step: i64,
    #[prost(bool, tag = "2")]
    shown: bool,
}

/// A [`PartitionExec`].
#[derive(Clone, PartialEq, Eq, Message)]
struct PartitionColumns {
    #[prost(message, repeated, tag = "1")]
    columns: Vec<PartitionColumn>,
}

/// A [`KeptPartitionsExec`].
#[derive(Clone, PartialEq, Eq, Message)]
struct KeptPartitions {
    #[prost(uint64, repeated, tag = "1")]
    keep: Vec<u64>,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct PartitionColumn {
    #[prost(enumeration = "Quantity", tag = "1")]
    quantity: i32,
    #[prost(string, tag = "2")]
    name: String,
}

/// A [`TargetExec`].
#[derive(Clone, Copy, PartialEq, Eq, Message)]
struct TargetNode {
    #[prost(uint64, tag = "1")]
    partitions: u64,
    #[prost(bool, tag = "2")]
    by_last_column: bool,
    /// Set where neighbours stay together.
    #[prost(uint64, optional, tag = "3")]
    neighbours_of: Option<u64>,
}

/// A scan of text files.
#[derive(Clone, PartialEq, Message)]
struct TextScan {
    /// A [`TextFormat`] as JSON.
    #[prost(string, tag = "1")]
    format: String,
    /// The date of times without one, in days since the epoch.
    #[prost(int32, tag = "2")]
    today: i32,
    #[prost(message, optional, tag = "3")]
    base: Option<FileScanExecConf>,
}

fn external(error: impl std::error::Error + Send + Sync + 'static) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

fn missing(what: &str) -> DataFusionError {
    DataFusionError::Internal(format!("a plan node arrived without its {what}"))
}

impl CeriumNode {
    fn encode_to(&self, buf: &mut Vec<u8>) -> Result<()> {
        buf.extend_from_slice(TAG);
        self.encode(buf).map_err(external)
    }

    /// The node, `None` where the bytes are not Cerium's.
    fn decode_from(buf: &[u8]) -> Result<Option<Kind>> {
        let Some(message) = buf.strip_prefix(TAG) else { return Ok(None) };
        let node = Self::decode(message).map_err(external)?;
        node.kind.map(Some).ok_or_else(|| missing("kind"))
    }
}

fn write_node(job: &WriteJob) -> Result<CeriumNode> {
    let json = serde_json::to_string(job).map_err(external)?;
    Ok(CeriumNode { kind: Some(Kind::Write(json)) })
}

/// Physical plans: text scans and writes, the rest by Ballista's codec.
#[derive(Debug, Default)]
pub struct CeriumPhysicalCodec {
    inner: BallistaPhysicalExtensionCodec,
}

impl PhysicalExtensionCodec for CeriumPhysicalCodec {
    fn try_decode(
        &self,
        buf: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        ctx: &TaskContext,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match CeriumNode::decode_from(buf)? {
            None => self.inner.try_decode(buf, inputs, ctx, converter),
            Some(Kind::Write(json)) => {
                let job: WriteJob = serde_json::from_str(&json).map_err(external)?;
                let input = inputs.first().ok_or_else(|| missing("input"))?;
                Ok(Arc::new(WriteExec::new(job, Arc::clone(input))))
            }
            Some(Kind::Python(python)) => Ok(Arc::new(PythonExec::from_message(*python, inputs)?)),
            Some(Kind::Target(node)) => {
                let input = inputs.first().ok_or_else(|| missing("input"))?;
                let partitions = usize::try_from(node.partitions).map_err(external)?;
                if let Some(sources) = node.neighbours_of {
                    let sources = usize::try_from(sources).map_err(external)?;
                    let input = Arc::clone(input);
                    return Ok(Arc::new(TargetExec::of_sources(
                        input,
                        partitions,
                        Target::Neighbours,
                        sources,
                    )));
                }
                let target = if node.by_last_column { Target::LastColumn } else { Target::RoundRobin };
                Ok(Arc::new(TargetExec::new(Arc::clone(input), partitions, target)))
            }
            Some(Kind::SizeHint(small)) => {
                let input = inputs.first().ok_or_else(|| missing("input"))?;
                let kind = if small { layout::Kind::Small } else { layout::Kind::Unknown };
                Ok(Arc::new(LayoutExec::new(Arc::clone(input), kind)))
            }
            Some(Kind::KeptSort(_)) => Ok(Arc::clone(inputs.first().ok_or_else(|| missing("input"))?)),
            Some(Kind::Together(_)) => Ok(Arc::new(TogetherExec::new(inputs.to_vec())?)),
            Some(Kind::ResultLimit(limit)) => {
                let input = inputs.first().ok_or_else(|| missing("input"))?;
                Ok(Arc::new(ResultLimitExec::new(Arc::clone(input), limit)))
            }
            Some(Kind::Numbers(node)) => {
                let input = inputs.first().ok_or_else(|| missing("input"))?;
                Ok(Arc::new(NumbersExec::new(Arc::clone(input), node.step, node.shown)))
            }
            Some(Kind::Partition(node)) => {
                let [input, numbers] = inputs else { return Err(missing("inputs")) };
                let column = |column: PartitionColumn| {
                    Ok((Quantity::try_from(column.quantity).map_err(external)?, column.name))
                };
                let columns = node.columns.into_iter().map(column).collect::<Result<_>>()?;
                Ok(Arc::new(PartitionExec::new(Arc::clone(input), Arc::clone(numbers), columns)))
            }
            Some(Kind::KeptPartitions(node)) => {
                let [input, numbers] = inputs else { return Err(missing("inputs")) };
                let keep: Vec<_> = node.keep.into_iter().map(|number| number as usize).collect();
                Ok(Arc::new(KeptPartitionsExec::new(Arc::clone(input), Arc::clone(numbers), keep)))
            }
            Some(Kind::Recursion(message)) => message.decoded(self, ctx, converter),
            Some(Kind::WorkTable(message)) => message.decoded(),
            Some(Kind::Block(in_memory)) => {
                let input = inputs.first().ok_or_else(|| missing("input"))?;
                Ok(Arc::new(BlockExec::new(Arc::clone(input), in_memory)))
            }
            Some(Kind::TextScan(scan)) => {
                let base = scan.base.ok_or_else(|| missing("files"))?;
                let format: TextFormat = serde_json::from_str(&scan.format).map_err(external)?;
                let today = NaiveDate::from_epoch_days(scan.today).ok_or_else(|| missing("date"))?;
                let schema = parse_table_schema_from_proto(&base)?;
                let source = Arc::new(TextSource::new(format, schema, today));
                let context = PhysicalPlanDecodeContext::new(ctx, self);
                let config = parse_protobuf_file_scan_config(&base, &context, converter, source)?;
                Ok(DataSourceExec::from_data_source(config))
            }
        }
    }

    fn try_encode(
        &self,
        node: Arc<dyn ExecutionPlan>,
        buf: &mut Vec<u8>,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<()> {
        if let Some(write) = node.downcast_ref::<WriteExec>() {
            return write_node(write.job())?.encode_to(buf);
        }
        if let Some(block) = node.downcast_ref::<BlockExec>() {
            return CeriumNode { kind: Some(Kind::Block(block.in_memory())) }.encode_to(buf);
        }
        if let Some(python) = node.downcast_ref::<PythonExec>() {
            let kind = Kind::Python(Box::new(python.to_message()?));
            return CeriumNode { kind: Some(kind) }.encode_to(buf);
        }
        if let Some(target) = node.downcast_ref::<TargetExec>() {
            let target = TargetNode {
                partitions: target.partitions() as u64,
                by_last_column: target.target() == Target::LastColumn,
                neighbours_of: (target.target() == Target::Neighbours).then_some(target.sources() as u64),
            };
            return CeriumNode { kind: Some(Kind::Target(target)) }.encode_to(buf);
        }
        if let Some(layout) = node.downcast_ref::<LayoutExec>() {
            let kind = match layout.kind() {
                layout::Kind::Small => Kind::SizeHint(true),
                layout::Kind::Unknown => Kind::SizeHint(false),
                layout::Kind::Kept { .. } => Kind::KeptSort(true),
                other => return Err(DataFusionError::Internal(format!("{other:?} cannot be sent"))),
            };
            return CeriumNode { kind: Some(kind) }.encode_to(buf);
        }
        if node.is::<TogetherExec>() {
            return CeriumNode { kind: Some(Kind::Together(true)) }.encode_to(buf);
        }
        if let Some(recursion) = node.downcast_ref::<RecursionExec>() {
            let message = RecursionMessage::of(recursion.recursion(), self, converter)?;
            return CeriumNode { kind: Some(Kind::Recursion(Box::new(message))) }.encode_to(buf);
        }
        if let Some(table) = node.downcast_ref::<WorkTableExec>() {
            return CeriumNode { kind: Some(Kind::WorkTable(WorkTableMessage::of(table)?)) }.encode_to(buf);
        }
        if let Some(limit) = node.downcast_ref::<ResultLimitExec>() {
            return CeriumNode { kind: Some(Kind::ResultLimit(limit.limit())) }.encode_to(buf);
        }
        if let Some(numbers) = node.downcast_ref::<NumbersExec>() {
            let numbers = NumbersNode { step: numbers.step(), shown: numbers.shown() };
            return CeriumNode { kind: Some(Kind::Numbers(numbers)) }.encode_to(buf);
        }
        if let Some(partition) = node.downcast_ref::<PartitionExec>() {
            let column = |(quantity, name): &(Quantity, String)| PartitionColumn {
                quantity: *quantity as i32,
                name: name.clone(),
            };
            let columns = partition.columns().iter().map(column).collect();
            return CeriumNode { kind: Some(Kind::Partition(PartitionColumns { columns })) }.encode_to(buf);
        }
        if let Some(kept) = node.downcast_ref::<KeptPartitionsExec>() {
            let keep = kept.keep().iter().map(|number| *number as u64).collect();
            return CeriumNode { kind: Some(Kind::KeptPartitions(KeptPartitions { keep })) }.encode_to(buf);
        }
        if let Some(scan) = node.downcast_ref::<DataSourceExec>()
            && let Some(config) =
                (scan.data_source().as_ref() as &dyn std::any::Any).downcast_ref::<FileScanConfig>()
            && let Some(source) = config.file_source().downcast_ref::<TextSource>()
        {
            let scan = TextScan {
                format: serde_json::to_string(source.format()).map_err(external)?,
                today: source.today().to_epoch_days(),
                base: Some(serialize_file_scan_config(config, self, converter)?),
            };
            return CeriumNode { kind: Some(Kind::TextScan(Box::new(scan))) }.encode_to(buf);
        }
        self.inner.try_encode(node, buf, converter)
    }

    fn try_decode_udf(&self, name: &str, buf: &[u8]) -> Result<Arc<ScalarUDF>> {
        match lambda::decode(buf, &CeriumLogicalCodec::default())? {
            Some(function) => Ok(function),
            None => self.inner.try_decode_udf(name, buf),
        }
    }

    fn try_encode_udf(&self, node: &ScalarUDF, buf: &mut Vec<u8>) -> Result<()> {
        if lambda::encode(node, &CeriumLogicalCodec::default(), buf)? {
            return Ok(());
        }
        self.inner.try_encode_udf(node, buf)
    }

    fn try_decode_higher_order_function(&self, name: &str, buf: &[u8]) -> Result<Arc<HigherOrderUDF>> {
        self.inner.try_decode_higher_order_function(name, buf)
    }

    fn try_encode_higher_order_function(&self, node: &HigherOrderUDF, buf: &mut Vec<u8>) -> Result<()> {
        self.inner.try_encode_higher_order_function(node, buf)
    }

    fn try_decode_udaf(&self, name: &str, buf: &[u8]) -> Result<Arc<AggregateUDF>> {
        self.inner.try_decode_udaf(name, buf)
    }

    fn try_encode_udaf(&self, node: &AggregateUDF, buf: &mut Vec<u8>) -> Result<()> {
        self.inner.try_encode_udaf(node, buf)
    }

    fn try_decode_udwf(&self, name: &str, buf: &[u8]) -> Result<Arc<WindowUDF>> {
        self.inner.try_decode_udwf(name, buf)
    }

    fn try_encode_udwf(&self, node: &WindowUDF, buf: &mut Vec<u8>) -> Result<()> {
        self.inner.try_encode_udwf(node, buf)
    }
}

/// Logical plans: writes, the rest by Ballista's codec.
#[derive(Debug, Default)]
pub struct CeriumLogicalCodec {
    inner: BallistaLogicalExtensionCodec,
}

impl LogicalExtensionCodec for CeriumLogicalCodec {
    fn try_decode(&self, buf: &[u8], inputs: &[LogicalPlan], ctx: &TaskContext) -> Result<Extension> {
        match CeriumNode::decode_from(buf)? {
            None => self.inner.try_decode(buf, inputs, ctx),
            Some(Kind::Write(json)) => {
                let job = serde_json::from_str(&json).map_err(external)?;
                let input = inputs.first().ok_or_else(|| missing("input"))?;
                Ok(Extension { node: Arc::new(WriteNode::new(job, input.clone())?) })
            }
            Some(_) => Err(missing("logical form")),
        }
    }

    fn try_encode(&self, node: &Extension, buf: &mut Vec<u8>) -> Result<()> {
        match node.node.as_any().downcast_ref::<WriteNode>() {
            Some(write) => write_node(write.job())?.encode_to(buf),
            None => self.inner.try_encode(node, buf),
        }
    }

    fn try_decode_table_provider(
        &self,
        buf: &[u8],
        table_ref: &TableReference,
        schema: SchemaRef,
        ctx: &TaskContext,
    ) -> Result<Arc<dyn TableProvider>> {
        self.inner.try_decode_table_provider(buf, table_ref, schema, ctx)
    }

    fn try_encode_table_provider(
        &self,
        table_ref: &TableReference,
        node: Arc<dyn TableProvider>,
        buf: &mut Vec<u8>,
    ) -> Result<()> {
        self.inner.try_encode_table_provider(table_ref, node, buf)
    }

    fn try_decode_udf(&self, name: &str, buf: &[u8]) -> Result<Arc<ScalarUDF>> {
        match lambda::decode(buf, self)? {
            Some(function) => Ok(function),
            None => self.inner.try_decode_udf(name, buf),
        }
    }

    fn try_encode_udf(&self, node: &ScalarUDF, buf: &mut Vec<u8>) -> Result<()> {
        if lambda::encode(node, self, buf)? {
            return Ok(());
        }
        self.inner.try_encode_udf(node, buf)
    }

    fn try_decode_file_format(&self, buf: &[u8], ctx: &TaskContext) -> Result<Arc<dyn FileFormatFactory>> {
        self.inner.try_decode_file_format(buf, ctx)
    }

    fn try_encode_file_format(&self, buf: &mut Vec<u8>, node: Arc<dyn FileFormatFactory>) -> Result<()> {
        self.inner.try_encode_file_format(buf, node)
    }
}
