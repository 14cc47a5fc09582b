//! Values whose hash leads to a given partition.

use std::sync::Arc;

use datafusion::arrow::array::{AsArray, RecordBatch, UInt64Array};
use datafusion::arrow::datatypes::{DataType, Field, Schema, UInt64Type};
use datafusion::error::{DataFusionError, Result};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::metrics::Time;
use datafusion::physical_plan::repartition::BatchPartitioner;

/// Candidates tried for each partition before giving up. A partition is missed by one round of `n`
/// candidates with probability 1/e, so this many rounds miss one in less than 1 of 10^20 cases.
const ROUNDS: u64 = 64;

/// For each of `partitions` partitions a value that DataFusion's hash partitioning puts there.
pub(super) fn values(partitions: usize) -> Result<Vec<u64>> {
    let schema = Arc::new(Schema::new(vec![Field::new("target", DataType::UInt64, false)]));
    let column = Arc::new(Column::new("target", 0));
    let mut partitioner = BatchPartitioner::new_hash_partitioner(vec![column], partitions, Time::new())?;
    let mut found: Vec<Option<u64>> = vec![None; partitions];
    let mut missing = partitions;
    let step = partitions.max(64) as u64;
    for round in 0..ROUNDS {
        let candidates = UInt64Array::from_iter_values((round * step..(round + 1) * step).map(scattered));
        let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(candidates)])?;
        partitioner.partition(batch, |partition, rows| {
            if found[partition].is_none() && rows.num_rows() > 0 {
                found[partition] = Some(rows.column(0).as_primitive::<UInt64Type>().value(0));
                missing -= 1;
            }
            Ok(())
        })?;
        if missing == 0 {
            break;
        }
    }
    found.into_iter().collect::<Option<Vec<_>>>().ok_or_else(|| {
        DataFusionError::Internal(format!("found no value for each of {partitions} partitions"))
    })
}

/// Numbers that follow each other, far from each other: the hashes of near ones miss whole partitions where
/// their number is a power of two. The mixing of SplitMix64 (Steele, Lea and Flood, 2014).
fn scattered(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_partition_has_a_value_of_its_own() {
        for partitions in [1, 2, 7, 64, 200, 256, 1000, 1024, 2048, 4096, 10_000] {
            let mut values = values(partitions).unwrap();
            values.sort_unstable();
            values.dedup();
            assert_eq!(values.len(), partitions);
        }
    }
}
