//! Cerium's own functions: what Spark computes and neither DataFusion nor datafusion-spark does.
//!
//! They travel to executors by name, so driver and executors register them from these lists.

pub mod aggregate;
pub mod arithmetic;
pub mod convert;
pub mod generator;
pub mod lambda;
pub mod map;

use std::sync::Arc;

use datafusion::logical_expr::{AggregateUDF, ScalarUDF};

/// The scalar functions.
pub fn all_scalar() -> Vec<Arc<ScalarUDF>> {
    let mut functions = arithmetic::functions();
    functions.extend(convert::functions());
    functions.extend(generator::functions());
    functions
}

/// The aggregate functions; to be registered after datafusion-spark's, which they replace.
///
/// DataFusion's `avg` has Spark's result types for decimals, datafusion-spark's knows doubles only.
pub fn all_aggregate() -> Vec<Arc<AggregateUDF>> {
    let mut functions = aggregate::functions();
    functions.push(datafusion::functions_aggregate::average::avg_udaf());
    functions
}
