//! Calls of functions on maps.

use super::invocation::Call;
use crate::analysis::Named;
use crate::error::Result;

pub(super) fn call(call: &Call<'_>) -> Result<Option<Named>> {
    let expr = match call.name {
        "map" => {
            let (mut keys, mut values) = (Vec::new(), Vec::new());
            for (i, arg) in call.exprs().into_iter().enumerate() {
                if i % 2 == 0 { keys.push(arg) } else { values.push(arg) }
            }
            let (keys, values) = (call.builtin("make_array", keys)?, call.builtin("make_array", values)?);
            call.builtin("map", vec![keys, values])?
        }
        _ => return Ok(None),
    };
    call.named(expr)
}
