//! Cerium's own functions: what Spark computes and neither DataFusion nor datafusion-spark does.
//!
//! They travel to executors by name, so driver and executors register them from these lists.

pub mod aggregate;
pub mod arithmetic;
pub mod array;
pub mod builtin;
pub mod cipher;
pub mod convert;
pub mod csv;
pub mod datetime;
pub mod generator;
pub mod geo;
pub mod hash;
pub mod interval;
mod java_random;
pub mod json;
pub mod kernel;
pub mod lambda;
pub mod map;
pub mod math;
pub mod misc;
pub mod number_format;
pub mod partition;
pub mod random;
pub mod regexp;
mod schema_name;
pub mod sketch;
pub mod string;
pub mod time_window;
pub mod variant;
pub mod xml;

use std::sync::Arc;

use datafusion::logical_expr::{AggregateUDF, ScalarUDF};

use self::arithmetic::OnFailure;
use self::kernel::Kernel;

/// The families made of kernels.
const FAMILIES: [&[&Kernel]; 22] = [
    time_window::KERNELS,
    array::KERNELS,
    cipher::KERNELS,
    csv::KERNELS,
    map::KERNELS,
    datetime::KERNELS,
    geo::KERNELS,
    hash::KERNELS,
    interval::KERNELS,
    json::KERNELS,
    math::KERNELS,
    misc::KERNELS,
    number_format::KERNELS,
    partition::KERNELS,
    random::KERNELS,
    regexp::KERNELS,
    sketch::hll::KERNELS,
    sketch::kll::KERNELS,
    sketch::theta::KERNELS,
    string::KERNELS,
    variant::KERNELS,
    xml::KERNELS,
];

/// The scalar functions.
pub fn all_scalar() -> Vec<Arc<ScalarUDF>> {
    let mut functions = arithmetic::functions();
    functions.extend(convert::functions());
    functions.extend(generator::functions());
    functions.extend(FAMILIES.into_iter().flat_map(kernel::functions));
    functions.extend(math::double_functions());
    functions.extend(map::last_wins_functions());
    functions
}

/// What computes in place of a function that makes maps while `spark.sql.mapKeyDedupPolicy` is LAST_WIN.
pub fn last_wins(name: &str) -> Option<Arc<ScalarUDF>> {
    Some(map::last_wins(name)?.function())
}

/// What computes in place of a function that fails by ANSI rules while `spark.sql.ansi.enabled` is false.
pub fn lenient(name: &str) -> Option<Arc<ScalarUDF>> {
    let kernel = || {
        let kernel = FAMILIES.into_iter().flatten().find(|kernel| kernel.name == name)?;
        Some(kernel.lenient?.function())
    };
    arithmetic::instead(name, OnFailure::Lenient).or_else(|| convert::lenient(name)).or_else(kernel)
}

/// The aggregate functions; to be registered after datafusion-spark's, which they replace.
pub fn all_aggregate() -> Vec<Arc<AggregateUDF>> {
    aggregate::functions()
}
