//! Names of calls in the schemas of plans, which stay short however deeply calls are nested.

use std::cell::Cell;
use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::Expr;

/// Calls in calls that are written out.
const DEEPEST: usize = 8;
/// Parts of an expression that go into its hash: enough to tell apart what one query holds.
const HASHED: usize = 64;

thread_local! {
    /// Calls around the one that is being named.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// The name of a call. Planning asks for the name of every call in an expression, and each would
/// hold those of all calls in it: what lies deeper is told apart by a hash.
pub(super) fn of(function: &str, args: &[Expr]) -> Result<String> {
    let depth = DEPTH.get();
    if depth >= DEEPEST {
        return Ok(format!("{function}(#{:016x})", digest(args)?));
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

/// A hash of the columns, constants and functions in expressions, of so many of them.
fn digest(exprs: &[Expr]) -> Result<u64> {
    let mut hasher = DefaultHasher::new();
    let mut left = HASHED;
    for expr in exprs {
        expr.apply(|e| {
            match e {
                Expr::Column(column) => column.hash(&mut hasher),
                Expr::Literal(value, _) => value.hash(&mut hasher),
                Expr::ScalarFunction(call) => call.func.name().hash(&mut hasher),
                other => std::mem::discriminant(other).hash(&mut hasher),
            }
            left -= 1;
            Ok(if left == 0 { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        })?;
        if left == 0 {
            break;
        }
    }
    Ok(hasher.finish())
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
        let deep = |innermost| nested(40, innermost).schema_name().to_string();
        assert_ne!(deep("a"), deep("b"));
        assert_eq!(deep("a"), deep("a"));
    }
}
