//! Messages of clients, refused before they are decoded where they are nested too deeply.

use std::marker::PhantomData;

use bytes::{Buf, Bytes};
use cerium_spark::connect::depth;
use prost::Message;
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder};
use tonic_prost::ProstEncoder;

use super::error::Failure;

/// Levels that fit on any stack.
const SHALLOW: usize = 32;
/// Bytes of address space for the stack that deep messages are decoded on; only what is used
/// takes memory.
const STACK: usize = 256 << 20;

/// Encodes `T`, decodes `U`.
#[derive(Debug)]
pub struct BoundedCodec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for BoundedCodec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> Codec for BoundedCodec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = BoundedDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstEncoder::default()
    }

    fn decoder(&mut self) -> Self::Decoder {
        BoundedDecoder(PhantomData)
    }
}

/// Decodes `U`.
#[derive(Debug)]
pub struct BoundedDecoder<U>(PhantomData<U>);

impl<U: Message + Default> Decoder for BoundedDecoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, src: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        let bytes = src.copy_to_bytes(src.remaining());
        decode(bytes).map(Some).map_err(|problem| Failure::invalid_plan(problem).into_status())
    }
}

/// Decodes a message; the error says what is wrong with it.
pub fn decode<M: Message + Default>(bytes: Bytes) -> Result<M, String> {
    let depth = depth::check(&bytes).map_err(|too_deep| too_deep.to_string())?;
    with_room(depth, || M::decode(bytes)).map_err(|error| error.to_string())
}

/// Does what takes stack for each of so many levels.
pub fn with_room<T>(depth: usize, work: impl FnOnce() -> T) -> T {
    if depth <= SHALLOW { work() } else { stacker::grow(STACK, work) }
}

#[cfg(test)]
mod tests {
    use spark_connect_proto as proto;
    use spark_connect_proto::relation::RelType;

    use super::*;

    /// A limit over a limit, and so on: two levels each.
    fn limits(count: usize) -> Bytes {
        let mut relation = proto::Relation::default();
        for _ in 0..count {
            let limit = proto::Limit { input: Some(Box::new(relation)), limit: 1 };
            relation = proto::Relation { common: None, rel_type: Some(RelType::Limit(Box::new(limit))) };
        }
        let bytes = stacker::grow(STACK, || relation.encode_to_vec());
        stacker::grow(STACK, || drop(relation));
        bytes.into()
    }

    #[test]
    fn relations_are_decoded_as_deep_as_spark_allows() {
        let relation = decode::<proto::Relation>(limits(512)).unwrap();
        stacker::grow(STACK, || drop(relation));
        let error = decode::<proto::Relation>(limits(513)).unwrap_err();
        assert!(error.contains("too many levels of nesting"), "{error}");
        assert!(decode::<proto::Relation>(limits(1000)).is_err());
    }
}
