//! Spark SQL: script to statements, statement to syntax tree, syntax tree to plan.

pub(crate) mod lex;
mod parameters;
pub(crate) mod parse;
pub mod plan;
pub mod split;
mod stack;
pub mod statement;
mod substitute;

pub use parameters::Parameters;
pub use plan::{Planned, WriteCommand, plan, plan_with};
pub use split::{ScriptStatement, split_statements};
