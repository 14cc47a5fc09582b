//! Calls of functions on structs.

use datafusion::logical_expr::{Expr, lit};

use super::invocation::Call;
use crate::analysis::Named;
use crate::error::Result;

pub(super) fn call(call: &Call<'_>) -> Result<Option<Named>> {
    let expr = match call.name {
        "struct" => {
            let fields = call.args.iter().enumerate().flat_map(|(i, arg)| {
                let simple = matches!(arg.expr, Expr::Column(_) | Expr::Alias(_));
                let field = if simple { arg.name.clone() } else { format!("col{}", i + 1) };
                [lit(field), arg.expr.clone()]
            });
            call.builtin("named_struct", fields.collect())?
        }
        _ => return Ok(None),
    };
    call.named(expr)
}
