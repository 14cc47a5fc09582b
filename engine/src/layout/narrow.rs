//! Fewer partitions without moving rows: the sources of a plan are read in fewer parts.

use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfig, FileScanConfigBuilder};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result;
use datafusion::physical_expr::Partitioning;
use datafusion::physical_expr_common::physical_expr::is_volatile;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::joins::{
    CrossJoinExec, HashJoinExec, NestedLoopJoinExec, PartitionMode, SortMergeJoinExec,
};
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, ExecutionPlan, ExecutionPlanProperties, ReplaceChildrenOptions,
};

use crate::partition::exec::PartitionExec;
use crate::repartition::exec::{Target, TargetExec};
use crate::repartition::planner::shuffle;

type Plan = Arc<dyn ExecutionPlan>;

/// `plan` in at most `count` partitions, each made of neighbouring ones of it.
///
/// Where the plan cannot be read in fewer parts its partitions are kept in files and read from there.
pub(super) fn coalesced(plan: &Plan, count: usize) -> Result<Plan> {
    if let Some(narrow) = narrow(plan, count)? {
        return Ok(narrow);
    }
    if count <= 1 {
        return Ok(Arc::new(CoalescePartitionsExec::new(Arc::clone(plan))));
    }
    let targets = TargetExec::new(Arc::clone(plan), count, Target::Neighbours);
    shuffle(Arc::new(targets))
}

fn partitions(plan: &Plan) -> usize {
    plan.output_partitioning().partition_count()
}

/// The plan in at most `count` partitions, nothing where it does not allow that.
fn narrow(plan: &Plan, count: usize) -> Result<Option<Plan>> {
    if partitions(plan) <= count {
        return Ok(Some(Arc::clone(plan)));
    }
    // Partitions have numbers that some functions give out.
    if plan.is::<PartitionExec>() || gives_out_its_place(plan)? {
        return Ok(None);
    }
    if let Some(source) = plan.downcast_ref::<DataSourceExec>() {
        return fewer_groups(source, count);
    }
    if let Some(shuffle) = plan.downcast_ref::<RepartitionExec>() {
        return fewer_targets(shuffle, count);
    }
    if plan.is::<UnionExec>() {
        return fewer_of_each(plan, count);
    }
    let collected = plan.is::<CrossJoinExec>()
        || plan.is::<NestedLoopJoinExec>()
        || plan
            .downcast_ref::<HashJoinExec>()
            .is_some_and(|join| *join.partition_mode() == PartitionMode::CollectLeft);
    let aligned = plan.is::<SortMergeJoinExec>()
        || plan
            .downcast_ref::<HashJoinExec>()
            .is_some_and(|join| *join.partition_mode() == PartitionMode::Partitioned);
    let children = plan.children();
    let narrowed = match children.as_slice() {
        [input] if partitions(input) == partitions(plan) => narrow(input, count)?.map(|input| vec![input]),
        [build, probe] if collected => narrow(probe, count)?.map(|probe| vec![Arc::clone(*build), probe]),
        [left, right] if aligned => match (narrow(left, count)?, narrow(right, count)?) {
            (Some(left), Some(right)) => Some(vec![left, right]),
            _ => None,
        },
        _ => None,
    };
    let Some(children) = narrowed else { return Ok(None) };
    let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
    Arc::clone(plan).replace_children(children, options).map(Some)
}

fn gives_out_its_place(plan: &Plan) -> Result<bool> {
    let mut found = false;
    plan.apply_expressions(&mut |expr| {
        found |= is_volatile(expr);
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

/// Neighbouring parts put together: `total` parts in `count`, as first and end of each.
fn neighbours(total: usize, count: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    (0..count).map(move |i| (i * total / count)..((i + 1) * total / count))
}

fn fewer_groups(source: &DataSourceExec, count: usize) -> Result<Option<Plan>> {
    let source: &dyn std::any::Any = source.data_source().as_ref();
    if let Some(config) = source.downcast_ref::<FileScanConfig>() {
        let groups = neighbours(config.file_groups.len(), count)
            .map(|range| {
                let files = config.file_groups[range].iter().flat_map(|group| group.iter().cloned());
                FileGroup::new(files.collect())
            })
            .collect();
        let config = FileScanConfigBuilder::from(config.clone()).with_file_groups(groups).build();
        return Ok(Some(DataSourceExec::from_data_source(config)));
    }
    if let Some(config) = source.downcast_ref::<MemorySourceConfig>() {
        let parts: Vec<Vec<_>> = neighbours(config.partitions().len(), count)
            .map(|range| config.partitions()[range].concat())
            .collect();
        let config =
            MemorySourceConfig::try_new(&parts, config.original_schema(), config.projection().clone())?;
        return Ok(Some(DataSourceExec::from_data_source(config)));
    }
    Ok(None)
}

/// A shuffle into fewer partitions, unless it goes to partitions that were asked for one by one.
fn fewer_targets(shuffle: &RepartitionExec, count: usize) -> Result<Option<Plan>> {
    let Partitioning::Hash(keys, _) = shuffle.partitioning() else { return Ok(None) };
    if shuffle.input().is::<TargetExec>() {
        return Ok(None);
    }
    let partitioning = Partitioning::Hash(keys.clone(), count);
    Ok(Some(Arc::new(RepartitionExec::try_new(Arc::clone(shuffle.input()), partitioning)?)))
}

/// A union each of whose inputs has its share of the partitions.
fn fewer_of_each(union: &Plan, count: usize) -> Result<Option<Plan>> {
    let children = union.children();
    if children.len() > count {
        let groups: Result<Vec<Plan>> = neighbours(children.len(), count)
            .map(|range| {
                let inputs: Vec<Plan> = children[range].iter().map(|child| Arc::clone(child)).collect();
                let group: Plan = UnionExec::try_new(inputs)?;
                Ok(Arc::new(CoalescePartitionsExec::new(group)) as Plan)
            })
            .collect();
        return one_or_union(groups?).map(Some);
    }
    let total = partitions(union);
    let mut shares: Vec<usize> = children
        .iter()
        .map(|child| (partitions(child) * count / total).clamp(1, partitions(child).max(1)))
        .collect();
    while shares.iter().sum::<usize>() > count {
        match shares.iter_mut().max() {
            Some(largest) if *largest > 1 => *largest -= 1,
            _ => return Ok(None),
        }
    }
    let mut narrowed = Vec::with_capacity(children.len());
    for (child, share) in children.into_iter().zip(shares) {
        match narrow(child, share)? {
            Some(child) => narrowed.push(child),
            None => return Ok(None),
        }
    }
    UnionExec::try_new(narrowed).map(Some)
}

fn one_or_union(mut plans: Vec<Plan>) -> Result<Plan> {
    match (plans.len(), plans.pop()) {
        (1, Some(only)) => Ok(only),
        (_, last) => {
            plans.extend(last);
            UnionExec::try_new(plans)
        }
    }
}
