//! How functions that take lambdas cross the wire: their bodies go with them.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use cerium_conf::SparkConf;
use cerium_spark::functions::lambda::{Body, HigherOrder, LambdaFunction};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::logical_expr::ScalarUDF;
use datafusion::prelude::SessionConfig;
use datafusion_proto::logical_plan::LogicalExtensionCodec;
use datafusion_proto::logical_plan::from_proto::parse_expr;
use datafusion_proto::logical_plan::to_proto::serialize_expr;
use datafusion_proto::protobuf::{self, LogicalExprNode};
use prost::Message;

use super::{TAG, external, missing};
use crate::session::{function_registry, new_session_state};

#[derive(Clone, PartialEq, Message)]
struct LambdaNode {
    /// Spark's name of the function.
    #[prost(string, tag = "1")]
    function: String,
    #[prost(message, repeated, tag = "2")]
    bodies: Vec<BodyNode>,
    #[prost(message, optional, tag = "3")]
    captures: Option<protobuf::Schema>,
}

#[derive(Clone, PartialEq, Message)]
struct BodyNode {
    #[prost(message, optional, tag = "1")]
    expr: Option<LogicalExprNode>,
    #[prost(message, optional, tag = "2")]
    parameters: Option<protobuf::Schema>,
}

/// The functions that bodies can name: those every process has.
static FUNCTIONS: LazyLock<std::result::Result<TaskContext, String>> = LazyLock::new(|| {
    let state = new_session_state(&SparkConf::new(), 1, Arc::default()).map_err(|error| error.to_string())?;
    let registry = function_registry(&state);
    Ok(TaskContext::new(
        None,
        String::new(),
        SessionConfig::new(),
        registry.scalar_functions,
        HashMap::new(),
        HashMap::new(),
        HashMap::new(),
        Arc::new(RuntimeEnv::default()),
    ))
});

fn types_to_proto(types: &[DataType]) -> Result<protobuf::Schema> {
    let fields: Vec<Field> = types.iter().map(|t| Field::new("", t.clone(), true)).collect();
    (&Schema::new(fields)).try_into().map_err(external)
}

fn types_from_proto(schema: Option<&protobuf::Schema>) -> Result<Vec<DataType>> {
    let schema: Schema = schema.ok_or_else(|| missing("types"))?.try_into().map_err(external)?;
    Ok(schema.fields().iter().map(|field| field.data_type().clone()).collect())
}

/// Writes the function if it takes lambdas; gives whether it does.
pub(super) fn encode(node: &ScalarUDF, codec: &dyn LogicalExtensionCodec, buf: &mut Vec<u8>) -> Result<bool> {
    let Some(function) = node.inner().as_ref().downcast_ref::<LambdaFunction>() else {
        return Ok(false);
    };
    let body = |body: &Body| -> Result<BodyNode> {
        Ok(BodyNode {
            expr: Some(serialize_expr(&body.expr, codec).map_err(external)?),
            parameters: Some(types_to_proto(&body.parameters)?),
        })
    };
    let message = LambdaNode {
        function: function.function().name().to_owned(),
        bodies: function.bodies().iter().map(body).collect::<Result<_>>()?,
        captures: Some(types_to_proto(function.captures())?),
    };
    buf.extend_from_slice(TAG);
    message.encode(buf).map_err(external)?;
    Ok(true)
}

/// The function, `None` where the bytes are not of one that takes lambdas.
pub(super) fn decode(buf: &[u8], codec: &dyn LogicalExtensionCodec) -> Result<Option<Arc<ScalarUDF>>> {
    let Some(message) = buf.strip_prefix(TAG) else { return Ok(None) };
    let message = LambdaNode::decode(message).map_err(external)?;
    let function = HigherOrder::of(&message.function).ok_or_else(|| missing("function"))?;
    let functions = FUNCTIONS
        .as_ref()
        .map_err(|error| DataFusionError::Internal(format!("the functions of lambdas: {error}")))?;
    let body = |node: &BodyNode| -> Result<Body> {
        let expr = node.expr.as_ref().ok_or_else(|| missing("body"))?;
        Ok(Body {
            expr: parse_expr(expr, functions, codec).map_err(external)?,
            parameters: types_from_proto(node.parameters.as_ref())?,
        })
    };
    let bodies = message.bodies.iter().map(body).collect::<Result<_>>()?;
    let captures = types_from_proto(message.captures.as_ref())?;
    Ok(Some(Arc::new(ScalarUDF::new_from_impl(LambdaFunction::try_new(function, bodies, captures)?))))
}

#[cfg(test)]
mod tests {
    use datafusion::common::Column;
    use datafusion::logical_expr::{Expr, ScalarUDFImpl};

    use super::*;
    use crate::codec::{CeriumLogicalCodec, CeriumPhysicalCodec};
    use datafusion_proto::physical_plan::PhysicalExtensionCodec;

    fn column(name: String) -> Expr {
        Expr::Column(Column::from_name(name))
    }

    #[test]
    fn a_lambda_within_a_lambda_arrives_as_it_was_sent() {
        let longs = DataType::new_list(DataType::Int64, true);
        // transform(p0, x -> abs(x) + c0) within transform(values, p0 -> ..)
        let abs = datafusion_spark::function::math::abs();
        let inner = Body {
            expr: abs.call(vec![column(Body::parameter_name(0))]) + column(Body::capture_name(0)),
            parameters: vec![DataType::Int64],
        };
        let inner =
            LambdaFunction::try_new(HigherOrder::Transform, vec![inner], vec![DataType::Int64]).unwrap();
        let call = ScalarUDF::new_from_impl(inner)
            .call(vec![column(Body::parameter_name(0)), column(Body::capture_name(0))]);
        let outer = Body { expr: call, parameters: vec![longs.clone()] };
        let outer =
            LambdaFunction::try_new(HigherOrder::Transform, vec![outer], vec![DataType::Int64]).unwrap();
        let name = outer.name().to_owned();
        let sent = ScalarUDF::new_from_impl(outer);

        let codec = CeriumPhysicalCodec::default();
        let mut bytes = Vec::new();
        codec.try_encode_udf(&sent, &mut bytes).unwrap();
        let arrived = codec.try_decode_udf(&name, &bytes).unwrap();
        assert_eq!(arrived.as_ref(), &sent);
        let values = DataType::new_list(longs.clone(), true);
        let longs_of_longs = arrived.return_type(&[values.clone(), DataType::Int64]).unwrap();
        assert_eq!(longs_of_longs, values);

        let mut plain = Vec::new();
        assert!(!encode(&abs, &CeriumLogicalCodec::default(), &mut plain).unwrap());
    }
}
