//! Calls of the functions on sketches.

use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::lit;

use super::invocation::{Call, Param};
use crate::analysis::Named;
use crate::analysis::operator::scalar_call;
use crate::error::Result;
use crate::functions::lambda::list_of;
use crate::functions::sketch::{hll, kll, theta};

pub(super) fn call(call: &Call<'_>) -> Result<Option<Named>> {
    use Param::{Bytes, Flag, Int};
    match call.name {
        "hll_sketch_estimate" => call.run(&hll::ESTIMATE, &[Bytes], &[]),
        "hll_union" => call.run(&hll::UNION_OF_TWO, &[Bytes, Bytes, Flag], &[lit(false)]),
        "theta_sketch_estimate" => call.run(&theta::ESTIMATE, &[Bytes], &[]),
        "theta_union" => call.run(&theta::UNION_OF_TWO, &[Bytes, Bytes, Int], &[lit(12_i32)]),
        "theta_intersection" => call.run(&theta::INTERSECTION_OF_TWO, &[Bytes, Bytes], &[]),
        "theta_difference" => call.run(&theta::DIFFERENCE, &[Bytes, Bytes], &[]),
        name => {
            let Some(kernel) = kll::kernel(name) else { return Ok(None) };
            match name.trim_end_matches(|c: char| c != '_') {
                "kll_sketch_merge_" => call.run(kernel, &[Bytes, Bytes], &[]),
                "kll_sketch_get_quantile_" | "kll_sketch_get_rank_" => {
                    call.arity(2, 2)?;
                    let of_values = match name.rsplit('_').next() {
                        _ if name.contains("quantile") => DataType::Float64,
                        Some("bigint") => DataType::Int64,
                        Some("float") => DataType::Float32,
                        _ => DataType::Float64,
                    };
                    let to = if call.data_type(1)?.is_list() { list_of(of_values) } else { of_values };
                    let expr = scalar_call(
                        kernel.function(),
                        vec![call.param(0, Bytes)?, call.cast(call.expr(1)?, &to)?],
                    );
                    call.named(expr)
                }
                _ => call.run(kernel, &[Bytes], &[]),
            }
        }
    }
}
