//! How Spark prints calls where it does not print them as they were written.

use super::Named;
use super::list;

/// Spark's text of a call.
pub(super) fn text(name: &str, args: &[Named]) -> String {
    let shown = match name {
        "ceil" | "floor" if args.len() > 1 => name.to_owned(),
        "log" if args.len() == 1 => return format!("LOG(E(), {})", list(args)),
        "ceil" | "floor" | "sqrt" | "exp" | "log" | "log10" | "log2" | "log1p" | "expm1" | "sin" | "cos"
        | "tan" | "cot" | "sec" | "csc" | "asin" | "acos" | "atan" | "atan2" | "asinh" | "acosh"
        | "atanh" | "sinh" | "cosh" | "tanh" | "cbrt" | "degrees" | "radians" | "pi" | "e" | "power"
        | "rank" | "dense_rank" | "percent_rank" | "hypot" | "signum" | "spark_partition_id" | "regexp"
        | "regexp_like" | "rlike" => name.to_uppercase(),
        "if" => return format!("(IF({}))", list(args)),
        "div" if args.len() == 2 => return format!("({} div {})", args[0].name, args[1].name),
        "isnull" => return format!("({} IS NULL)", list(args)),
        "isnotnull" => return format!("({} IS NOT NULL)", list(args)),
        "datepart" if args.len() == 2 => return format!("datepart({} FROM {})", args[0].name, args[1].name),
        "assert_true" if args.len() == 1 => {
            return format!("assert_true({0}, '{0}' is not true!)", args[0].name);
        }
        "trim" | "ltrim" | "rtrim" if args.len() == 2 => {
            let side = match name {
                "ltrim" => "LEADING",
                "rtrim" => "TRAILING",
                _ => "BOTH",
            };
            return format!("TRIM({side} {} FROM {})", args[0].name, args[1].name);
        }
        "shuffle" if args.len() == 2 => return format!("shuffle({})", args[0].name),
        "try_make_timestamp" if args.len() == 7 => return format!("{name}({})", list(&args[..6])),
        "try_to_time" => return format!("{name}(to_time({}))", list(args)),
        "try_make_timestamp_ntz" if args.len() == 2 => {
            return format!("{name}(make_timestamp_ntz({}))", list(args));
        }
        "substring" | "substr" if args.len() == 2 => return format!("{name}({}, {})", list(args), i32::MAX),
        "to_varchar" => "to_char".to_owned(),
        _ => name.to_owned(),
    };
    let default = match (name, args.len()) {
        ("round" | "bround", 1) => ", 0",
        ("hll_union", 2) => ", false",
        ("theta_union", 2) => ", 12",
        ("split", 2) | ("overlay", 3) => ", -1",
        ("regexp_instr", 2) => ", 0",
        ("mask", 1) => ", X, x, n, NULL",
        ("mask", 2) => ", x, n, NULL",
        ("mask", 3) => ", n, NULL",
        ("mask", 4) => ", NULL",
        ("lpad" | "rpad", 2) => ",  ",
        ("sentences", 1) => ", , ",
        ("sentences", 2) => ", ",
        ("regexp_replace", 3) | ("locate" | "position" | "regexp_extract" | "regexp_extract_all", 2) => ", 1",
        ("months_between", 2) | ("sort_array", 1) => ", true",
        ("str_to_map", 1) => ", ,, :",
        ("str_to_map", 2) => ", :",
        ("unix_timestamp" | "to_unix_timestamp" | "from_unixtime", 1) => ", yyyy-MM-dd HH:mm:ss",
        _ => "",
    };
    format!("{shown}({}{default})", list(args))
}
