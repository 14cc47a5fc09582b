//! Plans as they arrive: packed or not.

use std::io::Read;

use spark_connect_proto as proto;
use spark_connect_proto::plan::OpType;
use spark_connect_proto::plan::compressed_operation::OpType as PackedType;

use super::codec::decode;
use super::error::{Failure, handle};

/// What a plan asks for.
#[derive(Debug)]
pub enum Asked {
    /// Rows.
    Relation(proto::Relation),
    /// Something done.
    Command(proto::Command),
}

/// Unpacks a plan; `limit` is the most bytes it may have then.
pub fn unpack(plan: proto::Plan, limit: u64) -> Result<Asked, Failure> {
    match plan.op_type {
        Some(OpType::Root(relation)) => Ok(Asked::Relation(relation)),
        Some(OpType::Command(command)) => Ok(Asked::Command(command)),
        Some(OpType::CompressedOperation(packed)) => {
            if packed.compression_codec() != proto::CompressionCodec::Zstd {
                return Err(handle::cannot_parse("unknown compression codec"));
            }
            let data = decompress(&packed.data, limit)?;
            let failed = |problem: String| handle::cannot_parse(&problem);
            match packed.op_type() {
                PackedType::Relation => decode(data.into()).map(Asked::Relation).map_err(failed),
                PackedType::Command => decode(data.into()).map(Asked::Command).map_err(failed),
                PackedType::Unspecified => Err(handle::cannot_parse("unknown operation type")),
            }
        }
        None => Err(Failure::invalid_plan("the plan is empty")),
    }
}

fn decompress(packed: &[u8], limit: u64) -> Result<Vec<u8>, Failure> {
    let failed = |error: std::io::Error| handle::cannot_parse(&error.to_string());
    let decoder = zstd::Decoder::new(packed).map_err(failed)?;
    let mut data = Vec::new();
    decoder.take(limit + 1).read_to_end(&mut data).map_err(failed)?;
    if data.len() as u64 > limit {
        return Err(handle::plan_too_large(data.len() as u64, limit));
    }
    Ok(data)
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;

    fn packed(data: &[u8]) -> proto::Plan {
        proto::Plan {
            op_type: Some(OpType::CompressedOperation(proto::plan::CompressedOperation {
                data: data.to_vec().into(),
                op_type: PackedType::Relation.into(),
                compression_codec: proto::CompressionCodec::Zstd.into(),
            })),
        }
    }

    fn class(plan: proto::Plan, limit: u64) -> String {
        unpack(plan, limit).unwrap_err().spark_error().unwrap().class().to_owned()
    }

    #[test]
    fn packed_plans_are_unpacked_up_to_the_limit() {
        let relation = proto::Relation {
            common: Some(proto::RelationCommon { plan_id: Some(7), ..Default::default() }),
            ..Default::default()
        };
        let data = zstd::encode_all(relation.encode_to_vec().as_slice(), 3).unwrap();
        let Asked::Relation(found) = unpack(packed(&data), 1000).unwrap() else { panic!("a relation") };
        assert_eq!(found, relation);
        assert_eq!(class(packed(&data), 1), "CONNECT_INVALID_PLAN.PLAN_SIZE_LARGER_THAN_MAX");
        assert_eq!(class(packed(b"nonsense"), 1000), "CONNECT_INVALID_PLAN.CANNOT_PARSE");
        let bomb = zstd::encode_all(vec![0_u8; 10 << 20].as_slice(), 3).unwrap();
        assert_eq!(class(packed(&bomb), 1 << 20), "CONNECT_INVALID_PLAN.PLAN_SIZE_LARGER_THAN_MAX");
    }
}
