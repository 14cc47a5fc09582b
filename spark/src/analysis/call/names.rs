//! How Spark prints calls where it does not print them as they were written.

use super::Named;
use super::list;

/// Spark's text of a call.
pub(super) fn text(name: &str, args: &[Named]) -> String {
    let shown = match name {
        "ceil" | "ceiling" | "floor" | "sqrt" | "exp" | "log10" | "log2" | "log1p" | "expm1" | "sin"
        | "cos" | "tan" | "asin" | "acos" | "atan" | "atan2" | "sinh" | "cosh" | "tanh" | "cbrt" | "rint"
        | "degrees" | "radians" | "pi" | "e" | "power" | "rank" | "dense_rank" | "percent_rank" | "hypot"
        | "signum" => name.to_uppercase(),
        "if" => return format!("(IF({}))", list(args)),
        "isnull" => return format!("({} IS NULL)", list(args)),
        "isnotnull" => return format!("({} IS NOT NULL)", list(args)),
        "rlike" | "regexp" | "regexp_like" if args.len() == 2 => return format!("RLIKE({})", list(args)),
        _ => name.to_owned(),
    };
    let default = match (name, args.len()) {
        ("round" | "bround", 1) => ", 0",
        ("split", 2) => ", -1",
        ("regexp_replace", 3) | ("locate" | "position" | "regexp_extract", 2) => ", 1",
        ("months_between", 2) | ("sort_array", 1) => ", true",
        ("str_to_map", 1) => ", ,, :",
        ("str_to_map", 2) => ", :",
        ("unix_timestamp" | "from_unixtime", 1) => ", yyyy-MM-dd HH:mm:ss",
        _ => "",
    };
    let shown = if name == "position" { "locate".to_owned() } else { shown };
    format!("{shown}({}{default})", list(args))
}
