//! The threads of the driver.

use std::io;

use tokio::runtime::{Builder, Runtime};

/// Bytes of address space for the stack of each thread: plans may be hundreds of operators deep.
/// Only what is used takes memory.
const STACK: usize = 256 << 20;

/// A runtime with so many threads, or one for each processor.
///
/// # Errors
/// The system's, where it gives no threads.
pub fn runtime(threads: Option<usize>) -> io::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    if let Some(threads) = threads {
        builder.worker_threads(threads);
    }
    builder.thread_stack_size(STACK).enable_all().build()
}
