//! Functions on numbers.

mod bases;
mod double;
mod fdlibm;
mod round;

pub use bases::{BIN, CONV, FACTORIAL, HEX, HEX_BYTES, UNHEX};
pub use double::{binary, unary};
pub(super) use fdlibm::log;
pub use round::{BROUND, CEIL, FLOOR, ROUND};

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;

use super::kernel::Kernel;

/// The functions of this family, those of doubles alone not among them.
pub static KERNELS: &[&Kernel] = &[
    &BIN,
    &CONV,
    &bases::CONV_LENIENT,
    &FACTORIAL,
    &HEX,
    &HEX_BYTES,
    &UNHEX,
    &BROUND,
    &CEIL,
    &FLOOR,
    &ROUND,
];

/// The functions of doubles.
pub fn double_functions() -> Vec<Arc<ScalarUDF>> {
    double::KERNELS.iter().map(|(_, kernel)| kernel.function()).collect()
}
