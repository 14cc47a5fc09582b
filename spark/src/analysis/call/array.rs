//! Calls of functions on arrays.

use super::invocation::Call;
use crate::analysis::Named;
use crate::error::Result;

pub(super) fn call(call: &Call<'_>) -> Result<Option<Named>> {
    let expr = match call.name {
        "array" => call.builtin("make_array", call.exprs())?,
        "concat" if (0..call.args.len()).any(|i| call.data_type(i).is_ok_and(|t| t.is_list())) => {
            call.builtin("array_concat", call.exprs())?
        }
        _ => return Ok(None),
    };
    call.named(expr)
}
