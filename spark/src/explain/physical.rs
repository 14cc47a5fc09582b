//! A physical plan as a tree of Spark's operators, where it has them.

use std::sync::Arc;

use datafusion::arrow::datatypes::Schema;
use datafusion::common::JoinType;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_expr::Partitioning;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::display::DisplayableExecutionPlan;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::joins::{
    CrossJoinExec, HashJoinExec, NestedLoopJoinExec, PartitionMode, SortMergeJoinExec,
};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};

use super::kept::InMemoryTableScan;

type Plan = Arc<dyn ExecutionPlan>;

/// The names of some columns in brackets.
pub(super) fn columns(schema: &Schema) -> String {
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    format!("[{}]", names.join(", "))
}

/// What a plan looks like: a line for each operator, its inputs below it.
pub(super) fn tree(plan: &Plan) -> String {
    let mut text = String::new();
    // A plan that is cut into stages says so at its top.
    let cuts = cuts(plan);
    if cuts > 0 {
        text.push_str(&format!("Stages {}\n", cuts + 1));
        write(plan, "+- ", "   ", &mut text);
    } else {
        write(plan, "", "", &mut text);
    }
    text.truncate(text.trim_end().len());
    text
}

/// The places where rows change their task.
fn cuts(plan: &Plan) -> usize {
    let here = plan.is::<RepartitionExec>()
        || plan.is::<CoalescePartitionsExec>()
        || plan
            .downcast_ref::<HashJoinExec>()
            .is_some_and(|join| *join.partition_mode() == PartitionMode::CollectLeft);
    usize::from(here) + plan.children().into_iter().map(cuts).sum::<usize>()
}

fn write(plan: &Plan, first: &str, rest: &str, text: &mut String) {
    // It only lets other tasks have their turn.
    if plan.name() == "CooperativeExec"
        && let [input] = plan.children().as_slice()
    {
        write(input, first, rest, text);
        return;
    }
    let (lines, inputs) = described(plan);
    let mut rest = rest.to_owned();
    for (depth, line) in lines.into_iter().enumerate() {
        if depth == 0 {
            text.push_str(&format!("{first}{line}\n"));
        } else {
            text.push_str(&format!("{rest}+- {line}\n"));
            rest.push_str("   ");
        }
    }
    let last = inputs.len().saturating_sub(1);
    for (i, input) in inputs.into_iter().enumerate() {
        if i == last {
            write(&input, &format!("{rest}+- "), &format!("{rest}   "), text);
        } else {
            write(&input, &format!("{rest}:- "), &format!("{rest}:  "), text);
        }
    }
}

/// The lines of an operator, outermost first, and its inputs in the order in which Spark has them.
fn described(plan: &Plan) -> (Vec<String>, Vec<Plan>) {
    let inputs = || plan.children().into_iter().map(Arc::clone).collect::<Vec<_>>();
    if let Some(join) = plan.downcast_ref::<HashJoinExec>() {
        let keys = |left: bool| {
            let keys: Vec<String> =
                join.on().iter().map(|(l, r)| if left { l.to_string() } else { r.to_string() }).collect();
            format!("[{}]", keys.join(", "))
        };
        let name = match join.partition_mode() {
            PartitionMode::CollectLeft => "BroadcastHashJoin",
            _ => "ShuffledHashJoin",
        };
        // The side that is collected stands left, which makes Spark's left side the right one.
        let line = format!("{name} {}, {}, {}, BuildLeft", keys(true), keys(false), kind(*join.join_type()));
        let mut lines = vec![line];
        if join.contains_projection() {
            lines.insert(0, format!("Project {}", columns(&plan.schema())));
        }
        return (lines, inputs());
    }
    let line = if let Some(scan) = plan.downcast_ref::<InMemoryTableScan>() {
        return (vec![one_line(plan), scan.relation.clone()], vec![]);
    } else if let Some(join) = plan.downcast_ref::<SortMergeJoinExec>() {
        format!("SortMergeJoin {}", kind(join.join_type()))
    } else if plan.is::<CrossJoinExec>() {
        "BroadcastNestedLoopJoin BuildLeft, Cross".to_owned()
    } else if let Some(join) = plan.downcast_ref::<NestedLoopJoinExec>() {
        format!("BroadcastNestedLoopJoin BuildLeft, {}", kind(*join.join_type()))
    } else if let Some(filter) = plan.downcast_ref::<FilterExec>() {
        format!("Filter ({})", filter.predicate())
    } else if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
        let exprs: Vec<String> = projection
            .expr()
            .iter()
            .map(|item| {
                let expr = item.expr.to_string();
                let plain = expr.rsplit_once('@').is_some_and(|(name, _)| name == item.alias);
                if plain { item.alias.clone() } else { format!("{expr} AS {}", item.alias) }
            })
            .collect();
        format!("Project [{}]", exprs.join(", "))
    } else if let Some(aggregate) = plan.downcast_ref::<AggregateExec>() {
        let keys: Vec<&str> = aggregate.group_expr().expr().iter().map(|(_, name)| name.as_str()).collect();
        let calls: Vec<&str> = aggregate.aggr_expr().iter().map(|call| call.name()).collect();
        let mode = format!("{:?}", aggregate.mode()).to_lowercase();
        format!("HashAggregate(keys=[{}], functions=[{mode} {}])", keys.join(", "), calls.join(", "))
    } else if let Some(sort) = plan.downcast_ref::<SortExec>() {
        format!("Sort [{}], {}, 0", sort.expr(), !sort.preserve_partitioning())
    } else if plan.is::<UnionExec>() {
        "Union".to_owned()
    } else if plan.is::<CoalescePartitionsExec>() {
        "Exchange SinglePartition".to_owned()
    } else if let Some(shuffle) = plan.downcast_ref::<RepartitionExec>() {
        match shuffle.partitioning() {
            Partitioning::Hash(keys, count) => {
                let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
                format!("Exchange hashpartitioning({}, {count})", keys.join(", "))
            }
            other => format!("Exchange {other}"),
        }
    } else if plan.downcast_ref::<DataSourceExec>().is_some_and(|source| {
        (source.data_source().as_ref() as &dyn std::any::Any).is::<MemorySourceConfig>()
    }) {
        format!("LocalTableScan {}", columns(&plan.schema()))
    } else {
        one_line(plan)
    };
    (vec![line], inputs())
}

/// DataFusion's own line.
fn one_line(plan: &Plan) -> String {
    let line = DisplayableExecutionPlan::new(plan.as_ref()).one_line().to_string();
    let partitions = plan.output_partitioning().partition_count();
    let line = line.trim_end();
    if plan.children().is_empty() && partitions > 1 {
        format!("{line}, partitions={partitions}")
    } else {
        line.to_owned()
    }
}

fn kind(kind: JoinType) -> &'static str {
    match kind {
        JoinType::Inner => "Inner",
        JoinType::Left => "LeftOuter",
        JoinType::Right => "RightOuter",
        JoinType::Full => "FullOuter",
        JoinType::LeftSemi => "LeftSemi",
        JoinType::RightSemi => "RightSemi",
        JoinType::LeftAnti => "LeftAnti",
        JoinType::RightAnti => "RightAnti",
        JoinType::LeftMark | JoinType::RightMark => "ExistenceJoin",
    }
}
