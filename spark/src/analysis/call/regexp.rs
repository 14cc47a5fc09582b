//! Calls of functions with regular expressions.

use datafusion::logical_expr::lit;

use super::invocation::{Call, Param};
use crate::analysis::Named;
use crate::error::Result;
use crate::functions::regexp as kernels;

pub(super) fn call(call: &Call<'_>) -> Result<Option<Named>> {
    use Param::{Int, Text};
    match call.name {
        "rlike" | "regexp" | "regexp_like" => call.run(&kernels::RLIKE, &[Text, Text], &[]),
        "regexp_extract" => call.run(&kernels::EXTRACT, &[Text, Text, Int], &[lit(1_i32)]),
        "regexp_extract_all" => call.run(&kernels::EXTRACT_ALL, &[Text, Text, Int], &[lit(1_i32)]),
        "regexp_replace" => call.run(&kernels::REPLACE, &[Text, Text, Text, Int], &[lit(1_i32)]),
        "regexp_count" => call.run(&kernels::COUNT, &[Text, Text], &[]),
        "regexp_instr" => {
            call.arity(2, 3)?;
            let args = vec![call.param(0, Text)?, call.param(1, Text)?];
            call.named(crate::analysis::operator::scalar_call(kernels::INSTR.function(), args))
        }
        "regexp_substr" => call.run(&kernels::SUBSTR, &[Text, Text], &[]),
        "split" => call.run(&kernels::SPLIT, &[Text, Text, Int], &[lit(-1_i32)]),
        _ => Ok(None),
    }
}
