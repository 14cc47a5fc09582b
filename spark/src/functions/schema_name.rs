//! Names of calls in the schemas of plans, which stay short however deeply calls are nested.

use std::cell::Cell;
use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};

use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::Expr;

/// Calls in calls that are written out.
const DEEPEST: usize = 8;

thread_local! {
    /// Calls around the one that is being named.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// The name of a call. Planning asks for the name of every call in an expression, and each would
/// hold those of all calls in it: what lies deeper is told apart by its hash.
pub(super) fn of(function: &str, args: &[Expr]) -> Result<String> {
    let depth = DEPTH.get();
    if depth >= DEEPEST {
        let mut hasher = DefaultHasher::new();
        args.hash(&mut hasher);
        return Ok(format!("{function}(#{:016x})", hasher.finish()));
    }
    DEPTH.set(depth + 1);
    let mut name = format!("{function}(");
    let mut written = Ok(());
    for (i, arg) in args.iter().enumerate() {
        let comma = if i == 0 { "" } else { "," };
        written = written.and_then(|()| write!(name, "{comma}{}", arg.schema_name()));
    }
    DEPTH.set(depth);
    written.map_err(|error| DataFusionError::External(Box::new(error)))?;
    name.push(')');
    Ok(name)
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::{col, lit};

    use super::*;
    use crate::functions::arithmetic::Operator;

    fn nested(levels: usize, innermost: &str) -> Expr {
        let plus = Operator::Add.function();
        (0..levels).fold(col(innermost), |expr, _| plus.call(vec![expr, lit(1)]))
    }

    #[test]
    fn names_are_short_and_differ() {
        let short = nested(2, "a").schema_name().to_string();
        assert!(short.contains('a') && !short.contains('#'), "{short}");
        let long = nested(300, "a").schema_name().to_string();
        assert!(long.len() < 1000, "{long}");
        assert_ne!(long, nested(300, "b").schema_name().to_string());
        assert_eq!(long, nested(300, "a").schema_name().to_string());
    }
}
