//! How the executor's memory is shared out: a part for cached data, equal parts of the rest for the tasks that
//! can run at a time.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::Arc;

use ballista_core::RuntimeProducer;
use ballista_executor::runtime_cache::{DefaultSessionRuntimeCache, MemoryPoolPolicy, SessionRuntimeCache};
use cerium_conf::keys;
use cerium_engine::blocks::store::BlockStore;
use cerium_engine::object_stores::ObjectStores;
use cerium_engine::session;
use cerium_spark::spark_options::SparkOptions;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::prelude::SessionConfig;

/// Memory that no pool sees, in bytes: program, message buffers, file footers.
const RESERVED: u64 = 300 * 1024 * 1024;
/// The least a task can work with, in bytes.
const LEAST_TASK_MEMORY: u64 = 8 * 1024 * 1024;
/// Sessions whose object store clients and file footers are kept.
const CACHED_SESSIONS: usize = 16;

/// The memory does not reach for the cores.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "spark.executor.memory of {} MiB leaves less than {} MiB for each of {cores} tasks; \
     raise it or lower spark.executor.cores",
    memory / (1024 * 1024), LEAST_TASK_MEMORY / (1024 * 1024)
)]
pub struct TooLittle {
    memory: u64,
    cores: usize,
}

/// Makes the runtime environments of tasks.
pub struct Runtimes {
    base: RuntimeProducer,
    policy: MemoryPoolPolicy,
}

impl Runtimes {
    /// Shares `memory` bytes out to `cores` tasks that spill to `spill_dirs`.
    pub fn new(memory: u64, cores: usize, spill_dirs: &[PathBuf]) -> Result<Self, TooLittle> {
        let shared = shared_memory(memory, cores)? as usize;
        let (spill_dirs, slots) = (spill_dirs.to_vec(), cores.max(1));
        let base: RuntimeProducer = Arc::new(move |config: &SessionConfig| {
            let dirs: Vec<_> = spill_dirs.iter().map(PathBuf::as_path).collect();
            let stores = Arc::new(ObjectStores::new(SparkOptions::of(config)));
            Ok(Arc::new(session::new_runtime_env(stores, Some(&dirs))?))
        });
        let policy: MemoryPoolPolicy = Arc::new(move |base, _config, cores| {
            let free = shared.saturating_sub(BlockStore::shared().used());
            let share = (free / slots).max(LEAST_TASK_MEMORY as usize);
            let pool = FairSpillPool::new(share * cores.max(1) as usize);
            RuntimeEnvBuilder::from_runtime_env(&base).with_memory_pool(Arc::new(pool)).build_arc()
        });
        Ok(Self { base, policy })
    }

    /// Runtime environments that are not tied to a task; used where plans are decoded.
    pub fn producer(&self) -> RuntimeProducer {
        Arc::clone(&self.base)
    }

    /// Runtime environments of tasks: one memory pool each, the rest shared within a session.
    pub fn cache(&self) -> Arc<dyn SessionRuntimeCache> {
        Arc::new(BySettings(DefaultSessionRuntimeCache::new(
            Arc::clone(&self.base),
            Arc::clone(&self.policy),
            CACHED_SESSIONS,
        )))
    }
}

/// Shares environments among the tasks of a session as long as it says the same of file systems: their
/// stores are made from that.
struct BySettings(DefaultSessionRuntimeCache);

impl SessionRuntimeCache for BySettings {
    fn produce_runtime(
        &self,
        session_id: &str,
        config: &SessionConfig,
        vcores_consumed: u32,
    ) -> datafusion::error::Result<Arc<RuntimeEnv>> {
        let mut settings = DefaultHasher::new();
        SparkOptions::of(config).iter_prefix(keys::HADOOP).for_each(|setting| setting.hash(&mut settings));
        let key = format!("{session_id}/{}", settings.finish());
        self.0.produce_runtime(&key, config, vcores_consumed)
    }
}

/// Memory of all tasks and cached data in bytes. What is reserved never takes more than half.
///
/// # Errors
/// [`TooLittle`] for so many tasks.
pub fn shared_memory(memory: u64, cores: usize) -> Result<u64, TooLittle> {
    let reserved = RESERVED.max(memory / 10).min(memory / 2);
    let shared = memory - reserved;
    if shared / (cores.max(1) as u64) < LEAST_TASK_MEMORY {
        Err(TooLittle { memory, cores })
    } else {
        Ok(shared)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    #[test]
    fn what_is_not_reserved_is_shared() {
        assert_eq!(shared_memory(1024 * MIB, 1), Ok(724 * MIB));
        assert_eq!(shared_memory(10_240 * MIB, 2), Ok(9216 * MIB));
        assert_eq!(shared_memory(512 * MIB, 1), Ok(256 * MIB));
    }

    #[test]
    fn too_little_memory_is_refused_in_spark_terms() {
        let error = shared_memory(64 * MIB, 8).unwrap_err().to_string();
        assert!(error.starts_with("spark.executor.memory of 64 MiB leaves less than 8 MiB"), "{error}");
    }
}
