//! Room on the stack for statements that are nested deeply or have long chains of operators.

use crate::error::{Result, SparkError};

/// Bytes of address space; only what is used takes memory.
const STACK: usize = 256 << 20;

/// Does the work on a stack of its own.
///
/// # Errors
/// Those of the work; INTERNAL_ERROR where it panics or no thread is to be had.
pub(super) fn with_room<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("sql".to_owned()).stack_size(STACK);
        match thread.spawn_scoped(scope, work) {
            Ok(running) => {
                running.join().unwrap_or_else(|_| Err(SparkError::internal("planning a statement panicked")))
            }
            Err(error) => Err(SparkError::internal(format!("no thread to plan a statement on: {error}"))),
        }
    })
}
