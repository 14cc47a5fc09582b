//! The order in which a node gets its rows, where it is part of what the node means: ids that count rows,
//! Python functions that see them one after the other, results that come as the rows did.
//!
//! The optimizer drops a sort that nothing above it asks for, and moves one below nodes that keep the order.
//! A node that asks for the order its input was planned in keeps the sort, and keeps it where it is.

use std::sync::Arc;

use datafusion::physical_expr::{Distribution, LexOrdering, OrderingRequirements};
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};

/// The order of an input when it was planned.
#[derive(Debug, Clone, Default)]
pub struct InputOrder {
    ordering: Option<LexOrdering>,
    /// Whether it is an order of all rows, not of those of each partition.
    whole: bool,
}

impl InputOrder {
    /// The order an input comes in.
    pub fn of(input: &Arc<dyn ExecutionPlan>) -> Self {
        let ordering = input.output_ordering().cloned();
        Self { ordering, whole: input.output_partitioning().partition_count() == 1 }
    }

    /// What a node asks for as its `required_input_ordering`.
    pub fn requirement(&self) -> Option<OrderingRequirements> {
        self.ordering.clone().map(OrderingRequirements::from)
    }

    /// What a node asks for as its `required_input_distribution`.
    pub fn distribution(&self) -> Distribution {
        match self.ordering {
            Some(_) if self.whole => Distribution::SinglePartition,
            _ => Distribution::UnspecifiedDistribution,
        }
    }
}
