//! Calls of functions that encrypt.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, lit};

use super::invocation::{Call, Param};
use crate::analysis::Named;
use crate::analysis::operator::scalar_call;
use crate::error::Result;
use crate::functions::cipher as kernels;

pub(super) fn call(call: &Call<'_>) -> Result<Option<Named>> {
    use Param::{Bytes, Text};
    let nothing = || Expr::Literal(ScalarValue::Binary(Some(Vec::new())), None);
    let (kernel, params, defaults): (_, &[Param], _) = match call.name {
        "aes_encrypt" => (
            &kernels::ENCRYPT,
            &[Bytes, Bytes, Text, Text, Bytes, Bytes],
            vec![lit("GCM"), lit("DEFAULT"), nothing(), nothing()],
        ),
        "aes_decrypt" | "try_aes_decrypt" => (
            if call.name == "aes_decrypt" { &kernels::DECRYPT } else { &kernels::TRY_DECRYPT },
            &[Bytes, Bytes, Text, Text, Bytes],
            vec![lit("GCM"), lit("DEFAULT"), nothing()],
        ),
        _ => return Ok(None),
    };
    let args = call.cast_args(params, &defaults)?;
    let mut names: Vec<&str> = call.args.iter().map(|arg| arg.name.as_str()).collect();
    names.extend(["GCM", "DEFAULT", "", ""][names.len() - 2..params.len() - 2].iter());
    let text = format!("{}({})", call.name, names.join(", "));
    Ok(Some(Named::new(scalar_call(kernel.function(), args), text)))
}
