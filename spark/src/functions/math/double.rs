//! Functions of doubles.

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::compute::unary as map;
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::common::Result;
use std::sync::Arc;

use super::fdlibm;
use crate::functions::kernel::{Kernel, Returns, Rows};

macro_rules! kernels {
    (unary { $($one:literal: $f:expr,)* } partial { $($part:literal: $p:expr,)* } binary { $($two:literal: $g:expr,)* }) => {
        /// All kernels, by the name of the function in Spark.
        pub static KERNELS: &[(&str, Kernel)] = &[
            $(($one, Kernel::new(concat!("spark_", $one), Returns::Type(DataType::Float64), |rows| {
                let values = rows.values::<Float64Type>(0)?;
                Ok(Arc::new(map::<_, _, Float64Type>(values, $f)))
            })),)*
            $(($part, Kernel::new(concat!("spark_", $part), Returns::Type(DataType::Float64), |rows| {
                let values = rows.values::<Float64Type>(0)?;
                rows.primitives::<Float64Type>(|row| Ok(($p)(values.value(row))))
            })),)*
            $(($two, Kernel::new(concat!("spark_", $two), Returns::Type(DataType::Float64), |rows| {
                with_two(rows, $g)
            })),)*
        ];
        const BINARY: &[&str] = &[$($two),*];
    };
}

kernels! {
    unary {
        "sqrt": f64::sqrt,
        "cbrt": f64::cbrt,
        "exp": fdlibm::exp,
        "expm1": f64::exp_m1,
        "sin": f64::sin,
        "cos": f64::cos,
        "tan": f64::tan,
        "cot": |v: f64| 1.0 / v.tan(),
        "sec": |v: f64| 1.0 / v.cos(),
        "csc": |v: f64| 1.0 / v.sin(),
        "asin": f64::asin,
        "acos": f64::acos,
        "atan": f64::atan,
        "sinh": f64::sinh,
        "cosh": fdlibm::cosh,
        "tanh": f64::tanh,
        "asinh": f64::asinh,
        "acosh": f64::acosh,
        "atanh": |v: f64| 0.5 * (v.ln_1p() - (-v).ln_1p()),
        "degrees": f64::to_degrees,
        "radians": f64::to_radians,
        "rint": f64::round_ties_even,
        "signum": |v: f64| if v == 0.0 || v.is_nan() { v } else { v.signum() },
    }
    partial {
        "ln": |v: f64| (v > 0.0 || v.is_nan()).then(|| fdlibm::log(v)),
        "log2": |v: f64| (v > 0.0 || v.is_nan()).then(|| fdlibm::log(v) / fdlibm::log(2.0)),
        "log10": |v: f64| (v > 0.0 || v.is_nan()).then(|| v.log10()),
        "log1p": |v: f64| (v > -1.0 || v.is_nan()).then(|| v.ln_1p()),
    }
    binary {
        "power": |a: f64, b: f64| Some(a.powf(b)),
        "atan2": |a: f64, b: f64| Some((a + 0.0).atan2(b + 0.0)),
        "hypot": |a: f64, b: f64| Some(a.hypot(b)),
        "log": |base: f64, v: f64| (base > 0.0 && v > 0.0).then(|| fdlibm::log(v) / fdlibm::log(base)),
    }
}

fn with_two(rows: &Rows<'_>, f: impl Fn(f64, f64) -> Option<f64>) -> Result<ArrayRef> {
    let (a, b) = (rows.values::<Float64Type>(0)?, rows.values::<Float64Type>(1)?);
    rows.primitives::<Float64Type>(|row| Ok(f(a.value(row), b.value(row))))
}

fn find(name: &str) -> Option<&'static Kernel> {
    KERNELS.iter().find(|(known, _)| *known == name).map(|(_, kernel)| kernel)
}

/// The kernel of a function of one double.
pub fn unary(name: &str) -> Option<&'static Kernel> {
    if BINARY.contains(&name) { None } else { find(name) }
}

/// The kernel of a function of two doubles.
pub fn binary(name: &str) -> Option<&'static Kernel> {
    if BINARY.contains(&name) { find(name) } else { None }
}
