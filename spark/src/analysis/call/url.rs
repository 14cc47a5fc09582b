//! Calls of functions on URLs.

use super::invocation::{Call, Param};
use crate::analysis::Named;
use crate::error::Result;

pub(super) fn call(call: &Call<'_>) -> Result<Option<Named>> {
    match call.name {
        "parse_url" | "try_parse_url" => {
            call.arity(2, 3)?;
            let args: Result<Vec<_>> = (0..call.args.len()).map(|i| call.param(i, Param::Text)).collect();
            let expr = call.builtin(call.name, args?)?;
            call.named(expr)
        }
        "url_encode" | "url_decode" | "try_url_decode" => call.builtin_on(call.name, &[Param::Text], &[]),
        _ => Ok(None),
    }
}
