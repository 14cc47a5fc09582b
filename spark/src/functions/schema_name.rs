//! Names of calls in the schemas of plans, which stay short however deeply calls are nested.

use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};

use datafusion::error::Result;
use datafusion::logical_expr::Expr;

/// Bytes of a name that is written out.
const LONGEST: usize = 512;

/// The name of a call. One too long is told apart by its hash: planning asks for the name of
/// every call in an expression, and each would hold those of all calls in it.
pub(super) fn of(function: &str, args: &[Expr]) -> Result<String> {
    let mut name = format!("{function}(");
    for (i, arg) in args.iter().enumerate() {
        let comma = if i == 0 { "" } else { "," };
        // Texts take whatever is written to them.
        let _ = write!(name, "{comma}{}", arg.schema_name());
    }
    name.push(')');
    if name.len() <= LONGEST {
        return Ok(name);
    }
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    Ok(format!("{function}(#{:016x})", hasher.finish()))
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::col;

    use super::*;

    #[test]
    fn names_are_short_and_differ() {
        let short = of("plus", &[col("a"), col("b")]).unwrap();
        assert_eq!(short, "plus(a,b)");
        let long = |last: &str| of("plus", &[col("x".repeat(LONGEST)), col(last)]).unwrap();
        assert!(long("a").len() < 40);
        assert_ne!(long("a"), long("b"));
    }
}
