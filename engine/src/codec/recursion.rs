//! Recursions and their work tables as messages.

use std::sync::Arc;

use cerium_spark::recursion::{RecursionLimits, WorkTableExec};
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::error::Result;
use datafusion::execution::TaskContext;
use datafusion::physical_plan::ExecutionPlan;
use datafusion_proto::physical_plan::{
    PhysicalExtensionCodec, PhysicalPlanDecodeContext, PhysicalProtoConverterExtension,
};
use datafusion_proto::protobuf;
use prost::Message;

use super::missing;
use crate::recursion::exec::{Recursion, RecursionExec};

/// A [`Recursion`].
#[derive(Clone, PartialEq, Message)]
pub struct RecursionMessage {
    #[prost(message, optional, tag = "1")]
    anchor: Option<protobuf::PhysicalPlanNode>,
    #[prost(message, optional, tag = "2")]
    term: Option<protobuf::PhysicalPlanNode>,
    #[prost(string, tag = "3")]
    table: String,
    #[prost(uint64, optional, tag = "4")]
    levels: Option<u64>,
    #[prost(uint64, optional, tag = "5")]
    rows: Option<u64>,
    #[prost(message, optional, tag = "6")]
    schema: Option<protobuf::Schema>,
}

impl RecursionMessage {
    pub(super) fn of(
        recursion: &Recursion,
        codec: &dyn PhysicalExtensionCodec,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Self> {
        Ok(Self {
            anchor: Some(converter.execution_plan_to_proto(&recursion.anchor, codec)?),
            term: Some(converter.execution_plan_to_proto(&recursion.term, codec)?),
            table: recursion.table.clone(),
            levels: recursion.limits.levels,
            rows: recursion.limits.rows,
            schema: Some(recursion.schema.as_ref().try_into()?),
        })
    }

    pub(super) fn decoded(
        self,
        codec: &dyn PhysicalExtensionCodec,
        ctx: &TaskContext,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let (Some(anchor), Some(term)) = (self.anchor, self.term) else { return Err(missing("terms")) };
        let schema = self.schema.as_ref().ok_or_else(|| missing("schema"))?;
        let context = PhysicalPlanDecodeContext::new(ctx, codec);
        Ok(Arc::new(RecursionExec::new(Recursion {
            anchor: converter.proto_to_execution_plan(&anchor, &context)?,
            term: converter.proto_to_execution_plan(&term, &context)?,
            table: self.table,
            schema: Arc::new(Schema::try_from(schema)?),
            limits: RecursionLimits { levels: self.levels, rows: self.rows },
        })))
    }
}

/// A [`WorkTableExec`]: the columns that it gives, each by its place in the table.
#[derive(Clone, PartialEq, Message)]
pub struct WorkTableMessage {
    #[prost(string, tag = "1")]
    table: String,
    #[prost(message, optional, tag = "2")]
    schema: Option<protobuf::Schema>,
    #[prost(uint64, repeated, tag = "3")]
    columns: Vec<u64>,
}

impl WorkTableMessage {
    pub(super) fn of(table: &WorkTableExec) -> Result<Self> {
        Ok(Self {
            table: table.table().to_owned(),
            schema: Some(table.schema().as_ref().try_into()?),
            columns: table.columns().iter().map(|column| *column as u64).collect(),
        })
    }

    pub(super) fn decoded(self) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = self.schema.as_ref().ok_or_else(|| missing("schema"))?;
        let schema: SchemaRef = Arc::new(Schema::try_from(schema)?);
        let columns = self.columns.into_iter().map(|column| column as usize).collect();
        Ok(Arc::new(WorkTableExec::of_columns(self.table, schema, columns)))
    }
}
