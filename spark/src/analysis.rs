//! What Spark's analyzer does: names to columns, operators and calls to typed expressions.

pub mod ansi;
pub mod call;
pub mod cast;
pub mod coercion;
pub mod common;
pub mod constant;
pub mod correlate;
pub mod fields;
pub mod interval;
pub mod join;
pub(crate) mod membership;
pub mod operator;
pub mod scope;
pub mod select;
mod time_window;
pub mod window;

use datafusion::logical_expr::Expr;

/// An expression and the column name Spark gives it where no alias does.
#[derive(Debug, Clone, PartialEq)]
pub struct Named {
    /// The expression.
    pub expr: Expr,
    /// Spark's text of it, as in `sum((a + 1))`.
    pub name: String,
}

impl Named {
    /// An expression and its name.
    pub fn new(expr: Expr, name: impl Into<String>) -> Self {
        Self { expr, name: name.into() }
    }
}
