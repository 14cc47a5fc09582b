//! Which side of a join is collected, and how: the hints first, then Spark's choice by size.
//!
//! Takes the place of DataFusion's rule of the same name. Only joins whose rows all come from the side that
//! is streamed are run by broadcast: any other would give a row once for each task.

use std::sync::Arc;

use cerium_conf::{Key, keys};
use cerium_spark::layout::JoinHint;
use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::common::JoinType;
use datafusion::common::Statistics;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::{
    CrossJoinExec, HashJoinExec, NestedLoopJoinExec, PartitionMode, SortMergeJoinExec,
};
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};

use super::exec::{Kind, LayoutExec};
use cerium_spark::spark_options::SparkOptions;

/// Bytes of a side that is collected whatever the size of the other.
const ALWAYS_COLLECTED: usize = 1 << 20;

type Plan = Arc<dyn ExecutionPlan>;

/// Chooses how joins are run, and takes the hints for them out of the plan.
#[derive(Debug)]
pub struct SparkJoins;

impl PhysicalOptimizerRule for SparkJoins {
    fn optimize(&self, plan: Plan, config: &ConfigOptions) -> Result<Plan> {
        let chosen = plan.transform_up(|node| {
            Ok(match chosen(&node, config)? {
                Some(join) => Transformed::yes(join),
                None => Transformed::no(node),
            })
        })?;
        let plain = chosen.data.transform_up(|node| {
            Ok(match node.downcast_ref::<LayoutExec>() {
                Some(layout) if matches!(layout.kind(), Kind::Hint(_)) => {
                    Transformed::yes(Arc::clone(layout.input()))
                }
                _ => Transformed::no(node),
            })
        })?;
        Ok(plain.data)
    }

    fn name(&self) -> &'static str {
        "join_selection"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn chosen(node: &Plan, config: &ConfigOptions) -> Result<Option<Plan>> {
    if let Some(join) = node.downcast_ref::<HashJoinExec>() {
        return hash_join(join, config).map(Some);
    }
    if let Some(join) = node.downcast_ref::<CrossJoinExec>() {
        return if crosses_right(join, config) { join.swap_inputs().map(Some) } else { Ok(None) };
    }
    if let Some(join) = node.downcast_ref::<NestedLoopJoinExec>() {
        let swap = match collectable(*join.join_type()) {
            (true, true) => collects_right(join.left(), join.right()),
            (left, right) => right && !left,
        };
        return if swap { join.swap_inputs().map(Some) } else { Ok(None) };
    }
    Ok(None)
}

/// Whether a join gives no rows on behalf of the side that is collected, its left one.
pub(super) fn is_streamed(kind: JoinType) -> bool {
    matches!(
        kind,
        JoinType::Inner | JoinType::Right | JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark
    )
}

/// Whether the left and whether the right side of a join may be collected.
fn collectable(kind: JoinType) -> (bool, bool) {
    (is_streamed(kind), kind.supports_swap() && is_streamed(kind.swap()))
}

fn hash_join(join: &HashJoinExec, config: &ConfigOptions) -> Result<Plan> {
    let (left, right) = (join.left(), join.right());
    if join.null_aware {
        return join.builder().with_partition_mode(PartitionMode::CollectLeft).build_exec();
    }
    let kind = *join.join_type();
    let (left_fits, right_fits) = collectable(kind);
    let hints = (hint_of(left), hint_of(right));
    let has = |hint| (hints.0 == Some(hint), hints.1 == Some(hint));

    let wanted = has(JoinHint::Broadcast);
    match (wanted.0 && left_fits, wanted.1 && right_fits) {
        (false, false) => {}
        (true, true) => return broadcast(join, collects_right(left, right)),
        (_, right) => return broadcast(join, right),
    }
    if has(JoinHint::Merge) != (false, false)
        && !join.contains_projection()
        && matches!(
            kind,
            JoinType::Inner
                | JoinType::Left
                | JoinType::Right
                | JoinType::Full
                | JoinType::LeftSemi
                | JoinType::LeftAnti
        )
    {
        let merged = SortMergeJoinExec::try_new(
            Arc::clone(left),
            Arc::clone(right),
            join.on().to_vec(),
            join.filter().cloned(),
            kind,
            vec![SortOptions::default(); join.on().len()],
            join.null_equality(),
        )?;
        return Ok(Arc::new(merged));
    }
    let wanted = has(JoinHint::ShuffleHash);
    if wanted != (false, false) {
        let swap = if wanted == (true, true) { collects_right(left, right) } else { wanted.1 };
        let sides = [left, right].map(|side| layout(side, Kind::Unknown));
        return shuffled(&join.builder().with_new_children(sides.into())?.build()?, swap);
    }
    let small = |plan: &Plan, other: &Plan| is_small(plan.as_ref(), config) && pays_off(plan, other, config);
    match (left_fits && small(left, right), right_fits && small(right, left)) {
        (false, false) => shuffled(join, compared(left, right).is_some_and(|(l, r)| l > r)),
        (true, true) => collected(join, collects_right(left, right)),
        (_, right) => collected(join, right),
    }
}

fn layout(input: &Plan, kind: Kind) -> Plan {
    Arc::new(LayoutExec::new(Arc::clone(input), kind))
}

/// A join by broadcast of one side, whatever its size.
fn broadcast(join: &HashJoinExec, right: bool) -> Result<Plan> {
    let mut sides = vec![Arc::clone(join.left()), Arc::clone(join.right())];
    let side = &mut sides[usize::from(right)];
    *side = layout(side, Kind::Small);
    collected(&join.builder().with_new_children(sides)?.build()?, right)
}

fn collected(join: &HashJoinExec, right: bool) -> Result<Plan> {
    if right {
        return join.swap_inputs(PartitionMode::CollectLeft);
    }
    join.builder().with_partition_mode(PartitionMode::CollectLeft).build_exec()
}

fn shuffled(join: &HashJoinExec, swap: bool) -> Result<Plan> {
    if swap && join.join_type().supports_swap() {
        return join.swap_inputs(PartitionMode::Partitioned);
    }
    join.builder().with_partition_mode(PartitionMode::Partitioned).build_exec()
}

/// The hint that an input of a join stands under.
fn hint_of(plan: &Plan) -> Option<JoinHint> {
    let mut node = plan;
    loop {
        if let Some(layout) = node.downcast_ref::<LayoutExec>()
            && let Kind::Hint(hint) = layout.kind()
        {
            return Some(*hint);
        }
        match node.children().as_slice() {
            [input] => node = input,
            _ => return None,
        }
    }
}

/// Whether of two sides that may both be collected it is the right one: Spark streams the left one
/// unless the right one is known to be larger.
fn collects_right(left: &Plan, right: &Plan) -> bool {
    let broadcast = |plan| hint_of(plan) == Some(JoinHint::Broadcast);
    match (broadcast(left), broadcast(right)) {
        (true, false) => false,
        (false, true) => true,
        _ => compared(left, right).is_some_and(|(left, right)| right <= left),
    }
}

/// Whether a cross join is to collect its right side. It goes through the collected side for each batch
/// of the other, so that Spark's order, left rows first, comes of collecting the left one.
fn crosses_right(join: &CrossJoinExec, config: &ConfigOptions) -> bool {
    let (left, right) = (join.left(), join.right());
    let hinted = [left, right].map(|side| hint_of(side) == Some(JoinHint::Broadcast));
    match hinted {
        [true, false] => false,
        [false, true] => true,
        _ => {
            !is_small(left.as_ref(), config)
                && compared(left, right).is_some_and(|(left, right)| right < left)
        }
    }
}

fn statistics(plan: &dyn ExecutionPlan) -> Option<Arc<Statistics>> {
    StatisticsContext::new().compute(plan, &StatisticsArgs::new()).ok()
}

/// How many rows a plan gives, by estimate.
pub(super) fn rows(plan: &Plan) -> Option<usize> {
    statistics(plan.as_ref())?.num_rows.get_value().copied()
}

/// The sizes of two plans in the same measure, if they are known.
fn compared(left: &Plan, right: &Plan) -> Option<(usize, usize)> {
    let (l, r) = (statistics(left.as_ref())?, statistics(right.as_ref())?);
    if let (Some(l), Some(r)) = (l.num_rows.get_value(), r.num_rows.get_value()) {
        let size = |rows: usize, plan: &Plan| rows.saturating_mul(row_size(&plan.schema()));
        return Some((size(*l, left), size(*r, right)));
    }
    Some((*l.total_byte_size.get_value()?, *r.total_byte_size.get_value()?))
}

fn is_small(plan: &dyn ExecutionPlan, config: &ConfigOptions) -> bool {
    let Some(statistics) = statistics(plan) else { return false };
    let limits = &config.optimizer;
    if let Some(bytes) = statistics.total_byte_size.get_value() {
        return *bytes < limits.hash_join_single_partition_threshold;
    }
    let rows = statistics.num_rows.get_value();
    rows.is_some_and(|rows| *rows < limits.hash_join_single_partition_threshold_rows)
}

/// Whether collecting one side of a join, by estimate, is less work than shuffling both.
///
/// Of a collected side every task makes a whole hash table, of a shuffled one only its share, but then the other side
/// is shuffled too. Where a hash table takes twice the work of a shuffle, collecting is less work if the other side is
/// larger than 3/2 of what the other tasks collect in vain. A limit that the user has set is a word to go by, and what
/// is very small is never shuffled.
fn pays_off(collected: &Plan, streamed: &Plan, config: &ConfigOptions) -> bool {
    let limit = keys::SQL_AUTO_BROADCAST_JOIN_THRESHOLD.name();
    let options = config.extensions.get::<SparkOptions>();
    if options.is_some_and(|options| options.conf().contains(limit)) {
        return true;
    }
    compared(collected, streamed).is_none_or(|(collected, streamed)| {
        is_less_work(collected, streamed, config.execution.target_partitions)
    })
}

fn is_less_work(collected: usize, streamed: usize, tasks: usize) -> bool {
    let in_vain = collected.saturating_mul(tasks.saturating_sub(1));
    collected <= ALWAYS_COLLECTED || streamed / 3 > in_vain / 2
}

/// What Spark takes a row to be large, in bytes.
fn row_size(schema: &Schema) -> usize {
    const OVERHEAD: usize = 8;
    OVERHEAD + schema.fields().iter().map(|field| value_size(field.data_type())).sum::<usize>()
}

fn value_size(data_type: &DataType) -> usize {
    match data_type {
        DataType::Null | DataType::Boolean | DataType::Int8 => 1,
        DataType::Int16 => 2,
        DataType::Int32 | DataType::Float32 | DataType::Date32 => 4,
        DataType::Decimal128(precision, _) if *precision > 18 => 16,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => 20,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => 100,
        DataType::List(item) | DataType::LargeList(item) => value_size(item.data_type()),
        DataType::Map(entries, _) => value_size(entries.data_type()),
        DataType::Struct(fields) => fields.iter().map(|field| value_size(field.data_type())).sum(),
        _ => 8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_many_tasks_would_collect_in_vain_is_shuffled() {
        const MB: usize = 1_000_000;
        assert!(is_less_work(30 * MB, 46 * MB, 2));
        assert!(!is_less_work(30 * MB, 44 * MB, 2));
        assert!(!is_less_work(30 * MB, 400 * MB, 16));
        assert!(is_less_work(MB, MB, 16), "what is very small is collected by all");
        assert!(is_less_work(30 * MB, MB, 1), "a single task collects nothing in vain");
    }
}
