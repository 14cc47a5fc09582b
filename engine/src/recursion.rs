//! WITH RECURSIVE: rounds of a query over the rows of the round before, all in one task.

pub mod exec;
pub mod planner;
