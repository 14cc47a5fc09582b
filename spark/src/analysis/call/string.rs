//! Calls of functions on strings.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, lit};

use super::invocation::{Call, Param};
use crate::analysis::Named;
use crate::analysis::operator::{self, Binary, scalar_call};
use crate::error::{Result, SparkError};
use crate::functions::string as kernels;

pub(super) fn call(call: &Call<'_>) -> Result<Option<Named>> {
    use Param::{Bytes, Int, Text};
    let binary = |index: usize| call.data_type(index).is_ok_and(|t| matches!(t, DataType::Binary));
    match call.name {
        "concat" => {
            call.arity(0, usize::MAX)?;
            if call.args.is_empty() {
                return call.named(lit(""));
            }
            if (0..call.args.len()).all(binary) {
                let expr = call.builtin("concat", call.exprs())?;
                return call.named(expr);
            }
            all_text(call, "concat")
        }
        "concat_ws" => {
            call.arity(1, usize::MAX)?;
            let mut args = vec![call.param(0, Text)?];
            for index in 1..call.args.len() {
                let list = call.data_type(index)?.is_list();
                args.push(if list { call.expr(index)? } else { call.param(index, Text)? });
            }
            let expr = call.builtin("concat_ws", args)?;
            call.named(expr)
        }
        "upper" | "ucase" => call.builtin_on("upper", &[Text], &[]),
        "lower" | "lcase" => call.builtin_on("lower", &[Text], &[]),
        "initcap" => call.run(&kernels::INITCAP, &[Text], &[]),
        "ascii" => call.builtin_on("ascii", &[Text], &[]),
        "char" | "chr" => call.builtin_on("char", &[Param::Long], &[]),
        "btrim" => call.builtin_on("btrim", &[Text, Text], &[lit(" ")]),
        "trim" | "ltrim" | "rtrim" => {
            let mut args = call.cast_args(&[Text, Text], &[lit(" ")])?;
            if call.args.len() == 2 {
                // Spark's two-argument form takes the characters first.
                args.reverse();
            }
            let function = if call.name == "trim" { "btrim" } else { call.name };
            let expr = call.builtin(function, args)?;
            call.named(expr)
        }
        "position" | "locate" => call.run(&kernels::LOCATE, &[Text, Text, Int], &[lit(1_i32)]),
        "instr" => call.run(&kernels::INSTR, &[Text, Text], &[]),
        "find_in_set" => call.run(&kernels::FIND_IN_SET, &[Text, Text], &[]),
        "levenshtein" if call.args.len() == 3 => call.run(&kernels::LEVENSHTEIN, &[Text, Text, Int], &[]),
        "levenshtein" => {
            call.arity(2, 3)?;
            call.run(&kernels::LEVENSHTEIN, &[Text, Text], &[])
        }
        "contains" | "startswith" | "endswith" => {
            let function = match call.name {
                "startswith" => "starts_with",
                "endswith" => "ends_with",
                other => other,
            };
            call.builtin_on(function, &[Text, Text], &[])
        }
        "substring" | "substr" => substring(call),
        "left" if binary(0) => {
            call.arity(2, 2)?;
            let length = call.cast(call.param(1, Int)?, &DataType::Int64)?;
            let expr = call.builtin("substring", vec![call.expr(0)?, lit(1_i64), length])?;
            call.named(expr)
        }
        "overlay" if binary(0) => Err(SparkError::unsupported("overlay of binary values")),
        "left" => call.run(&kernels::LEFT, &[Text, Int], &[]),
        "right" => call.run(&kernels::RIGHT, &[Text, Int], &[]),
        "split_part" => call.run(&kernels::SPLIT_PART, &[Text, Text, Int], &[]),
        "substring_index" => call.run(&kernels::SUBSTRING_INDEX, &[Text, Text, Int], &[]),
        "elt" => {
            call.arity(2, usize::MAX)?;
            let mut args = vec![call.param(0, Int)?];
            for index in 1..call.args.len() {
                args.push(call.param(index, Text)?);
            }
            call.named(scalar_call(kernels::ELT.function(), args))
        }
        "lpad" | "rpad" => {
            call.arity(2, 3)?;
            let left = call.name == "lpad";
            let zero = Expr::Literal(ScalarValue::Binary(Some(vec![0])), None);
            match (binary(0) && (call.args.len() == 2 || binary(2)), left) {
                (true, true) => call.run(&kernels::LPAD_BYTES, &[Bytes, Int, Bytes], &[zero]),
                (true, false) => call.run(&kernels::RPAD_BYTES, &[Bytes, Int, Bytes], &[zero]),
                (false, true) => call.run(&kernels::LPAD, &[Text, Int, Text], &[lit(" ")]),
                (false, false) => call.run(&kernels::RPAD, &[Text, Int, Text], &[lit(" ")]),
            }
        }
        "repeat" => call.run(&kernels::REPEAT, &[Text, Int], &[]),
        "space" => {
            call.arity(1, 1)?;
            let args = vec![lit(" "), call.param(0, Int)?];
            call.named(scalar_call(kernels::REPEAT.function(), args))
        }
        "replace" => call.run(&kernels::REPLACE, &[Text, Text, Text], &[lit("")]),
        "translate" => call.builtin_on("translate", &[Text, Text, Text], &[]),
        "overlay" => call.run(&kernels::OVERLAY, &[Text, Text, Int, Int], &[lit(-1_i32)]),
        "mask" => call.run(
            &kernels::MASK,
            &[Text, Text, Text, Text, Text],
            &[lit("X"), lit("x"), lit("n"), Expr::Literal(ScalarValue::Utf8(None), None)],
        ),
        "sentences" => {
            call.arity(1, 3)?;
            let text = call.param(0, Text)?;
            call.named(scalar_call(kernels::SENTENCES.function(), vec![text]))
        }
        "soundex" | "quote" | "luhn_check" => call.builtin_on(call.name, &[Text], &[]),
        "length" | "len" | "char_length" | "character_length" => {
            call.arity(1, 1)?;
            let arg = if binary(0) { call.expr(0)? } else { call.param(0, Text)? };
            let length = call.builtin("length", vec![arg])?;
            let expr = call.cast(length, &DataType::Int32)?;
            call.named(expr)
        }
        "octet_length" | "bit_length" => {
            call.arity(1, 1)?;
            let bytes = call.builtin("length", vec![call.param(0, Bytes)?])?;
            let bytes = call.cast(bytes, &DataType::Int32)?;
            call.named(if call.name == "bit_length" { bytes * lit(8_i32) } else { bytes })
        }
        "format_string" | "printf" => {
            call.arity(1, usize::MAX)?;
            let mut args = vec![call.param(0, Text)?];
            args.extend(call.exprs().into_iter().skip(1));
            let expr = call.builtin("format_string", args)?;
            call.named(expr)
        }
        "encode" => call.run(&kernels::ENCODE, &[Text, Text], &[]),
        "decode" if call.args.len() == 2 => call.run(&kernels::DECODE, &[Bytes, Text], &[]),
        "decode" => decode_values(call),
        "base64" => call.builtin_on("base64", &[Bytes], &[]),
        "unbase64" => call.run(&kernels::UNBASE64, &[Text], &[]),
        "to_binary" => call.run(&kernels::TO_BINARY, &[Text, Text], &[lit("hex")]),
        "try_to_binary" => call.run(&kernels::TRY_TO_BINARY, &[Text, Text], &[lit("hex")]),
        "is_valid_utf8" | "make_valid_utf8" => {
            call.arity(1, 1)?;
            let arg = if binary(0) { call.expr(0)? } else { call.param(0, Text)? };
            let expr = call.builtin(call.name, vec![arg])?;
            call.named(expr)
        }
        "validate_utf8" => call.run(&kernels::VALIDATE_UTF8, &[Bytes], &[]),
        "try_validate_utf8" => call.run(&kernels::TRY_VALIDATE_UTF8, &[Bytes], &[]),
        "collate" => {
            call.arity(2, 2)?;
            match call.constant_text(1) {
                Some(name) if name.eq_ignore_ascii_case("UTF8_BINARY") => call.named(call.param(0, Text)?),
                _ => Err(SparkError::unsupported("collations other than UTF8_BINARY")),
            }
        }
        "collation" => {
            call.arity(1, 1)?;
            call.named(lit("SYSTEM.BUILTIN.UTF8_BINARY"))
        }
        "like" | "ilike" => {
            call.arity(2, 3)?;
            let escape = match call.args.len() {
                2 => None,
                _ => match call.constant_text(2).map(|e| (e.chars().next(), e.chars().count())) {
                    Some((Some(c), 1)) => Some(c),
                    _ => {
                        return Err(SparkError::new(
                            "INVALID_ESCAPE_CHAR",
                            "42604",
                            format!(
                                "`EscapeChar` should be a string literal of length one, but got \"{}\".",
                                call.arg(2)?.name
                            ),
                        ));
                    }
                },
            };
            let (value, pattern) = (call.arg(0)?.clone(), call.arg(1)?.clone());
            let insensitive = call.name == "ilike";
            Ok(Some(operator::like(value, pattern, escape, insensitive, false, call.context.schema)?))
        }
        _ => Ok(None),
    }
}

fn all_text(call: &Call<'_>, function: &str) -> Result<Option<Named>> {
    let args: Result<Vec<_>> = (0..call.args.len()).map(|i| call.param(i, Param::Text)).collect();
    let expr = call.builtin(function, args?)?;
    call.named(expr)
}

fn substring(call: &Call<'_>) -> Result<Option<Named>> {
    call.arity(2, 3)?;
    let first = match call.data_type(0)? {
        DataType::Binary => call.expr(0)?,
        _ => call.param(0, Param::Text)?,
    };
    let mut args = vec![first, call.param(1, Param::Int)?];
    args.push(match call.args.len() {
        3 => call.param(2, Param::Int)?,
        _ => lit(i32::MAX),
    });
    for arg in &mut args[1..] {
        *arg = call.cast(arg.clone(), &DataType::Int64)?;
    }
    let expr = call.builtin("substring", args)?;
    call.named(expr)
}

/// `decode(value, search, result, ..., default)`: a CASE whose searches may be null.
fn decode_values(call: &Call<'_>) -> Result<Option<Named>> {
    call.arity(3, usize::MAX)?;
    let value = call.arg(0)?.clone();
    let pairs = call.args[1..].chunks_exact(2);
    let default = pairs.remainder().first().map(|arg| arg.expr.clone());
    let mut branches = Vec::new();
    for pair in pairs {
        let test = operator::binary(Binary::NullSafeEq, value.clone(), pair[0].clone(), call.context.schema)?;
        branches.push((Box::new(test.expr), Box::new(pair[1].expr.clone())));
    }
    let case = datafusion::logical_expr::expr::Case::new(None, branches, default.map(Box::new));
    call.named(Expr::Case(case))
}
