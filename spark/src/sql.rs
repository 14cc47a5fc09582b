//! Spark SQL: script to statements, statement to syntax tree, syntax tree to plan.

pub(crate) mod lex;
pub mod plan;
pub mod split;
pub mod statement;
mod substitute;

pub use plan::{Planned, WriteCommand, plan};
pub use split::{ScriptStatement, split_statements};
