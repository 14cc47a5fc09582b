//! Functions on strings.

mod change;
mod charset;
mod pad;
mod parts;
mod search;

pub use change::{INITCAP, MASK, OVERLAY, REPLACE, SENTENCES};
pub use charset::{DECODE, ENCODE, TO_BINARY, TRY_TO_BINARY, TRY_VALIDATE_UTF8, UNBASE64, VALIDATE_UTF8};
pub use pad::{LPAD, LPAD_BYTES, REPEAT, RPAD, RPAD_BYTES};
pub use parts::{ELT, ELT_LENIENT, LEFT, RIGHT, SPLIT_PART, SUBSTRING_INDEX};
pub use search::{FIND_IN_SET, INSTR, LEVENSHTEIN, LIKE_PATTERN, LOCATE};

pub(super) use charset::{from_hex, to_base64};

use super::kernel::Kernel;

/// The functions of this family.
pub static KERNELS: &[&Kernel] = &[
    &INITCAP,
    &MASK,
    &OVERLAY,
    &REPLACE,
    &SENTENCES,
    &DECODE,
    &ENCODE,
    &TO_BINARY,
    &TRY_TO_BINARY,
    &TRY_VALIDATE_UTF8,
    &UNBASE64,
    &VALIDATE_UTF8,
    &LPAD,
    &LPAD_BYTES,
    &REPEAT,
    &RPAD,
    &RPAD_BYTES,
    &ELT,
    &ELT_LENIENT,
    &LEFT,
    &RIGHT,
    &SPLIT_PART,
    &SUBSTRING_INDEX,
    &FIND_IN_SET,
    &INSTR,
    &LEVENSHTEIN,
    &LIKE_PATTERN,
    &LOCATE,
];
