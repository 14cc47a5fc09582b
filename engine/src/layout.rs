//! How rows lie in partitions and how joins are run, where Spark's ways differ from DataFusion's.
//!
//! [`cerium_spark::layout::LayoutNode`] is planned as [`exec::LayoutExec`], a node that DataFusion's rules
//! leave alone. [`semi::PushSemiJoins`] sets the order of some joins; [`joins::SparkJoins`] chooses how they are
//! run, and takes the hints for that out of the plan; [`rule::PlaceLayouts`] puts the sorts and coalesced
//! partitions in place once everything else is decided. [`together::TogetherExec`] reads partitions of one number
//! of several inputs.

pub mod exec;
pub mod joins;
pub mod keep;
mod narrow;
pub mod planner;
pub mod rule;
pub mod semi;
pub mod together;
