//! What a session keeps in memory: plans by what they compute, whoever asks for them.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::{Result, SparkError};
use crate::identity::Identity;

/// Where Spark is asked to keep a cached plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StorageLevel {
    /// On disk, too.
    pub use_disk: bool,
    /// In memory.
    pub use_memory: bool,
    /// Outside of the JVM's heap.
    pub use_off_heap: bool,
    /// As objects, not as bytes.
    pub deserialized: bool,
    /// Copies of each partition.
    pub replication: i32,
}

impl StorageLevel {
    /// What `cache()` means: MEMORY_AND_DISK_DESER.
    pub const DEFAULT: Self =
        Self { use_disk: true, use_memory: true, use_off_heap: false, deserialized: true, replication: 1 };

    /// The level of a name, in any case.
    ///
    /// # Errors
    /// Where there is none of that name.
    pub fn of_name(name: &str) -> Result<Self> {
        let upper = name.to_uppercase();
        let (base, replication) = match upper.rsplit_once('_') {
            Some((base, "2")) => (base, 2),
            Some((base, "3")) => (base, 3),
            _ => (upper.as_str(), 1),
        };
        let (use_disk, use_memory, use_off_heap, deserialized) = match base {
            "NONE" => (false, false, false, false),
            "DISK_ONLY" => (true, false, false, false),
            "MEMORY_ONLY" => (false, true, false, true),
            "MEMORY_ONLY_SER" => (false, true, false, false),
            "MEMORY_AND_DISK" => (true, true, false, true),
            "MEMORY_AND_DISK_SER" => (true, true, false, false),
            "OFF_HEAP" => (true, true, true, false),
            _ => {
                let message = format!("Invalid StorageLevel: {name}");
                return Err(SparkError::new("_LEGACY_ERROR_TEMP_3286", "", message));
            }
        };
        Ok(Self { use_disk, use_memory, use_off_heap, deserialized, replication })
    }
}

impl fmt::Display for StorageLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            (self.use_disk, "disk, "),
            (self.use_memory, "memory, "),
            (self.use_off_heap, "offheap, "),
            (self.deserialized, "deserialized, "),
        ];
        f.write_str("StorageLevel(")?;
        for (_, name) in parts.iter().filter(|(on, _)| *on) {
            f.write_str(name)?;
        }
        write!(f, "{} replicas)", self.replication)
    }
}

/// Keeps the rows of plans.
pub trait PlanCache: fmt::Debug + Send + Sync {
    /// Keeps a plan from its next use on. One that is kept already stays as it is, as in Spark.
    fn persist(&self, plan: Identity, level: StorageLevel);

    /// Forgets a plan; with `cascade` also everything that was computed with it.
    fn unpersist(&self, plan: &Identity, cascade: bool);

    /// The level a plan is kept at, if it is.
    fn level(&self, plan: &Identity) -> Option<StorageLevel>;

    /// Whether nothing is kept.
    fn is_empty(&self) -> bool;

    /// Forgets all plans.
    fn clear(&self);

    /// Has the plans computed again that read files at or below a place, or above it.
    fn refresh(&self, place: &str);
}

/// Takes note of what is to be kept, and computes it anew each time.
#[derive(Debug, Default)]
pub struct Notes {
    plans: Mutex<Vec<(Identity, StorageLevel)>>,
}

impl Notes {
    fn plans(&self) -> MutexGuard<'_, Vec<(Identity, StorageLevel)>> {
        self.plans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PlanCache for Notes {
    fn persist(&self, plan: Identity, level: StorageLevel) {
        let mut plans = self.plans();
        if !plans.iter().any(|(known, _)| *known == plan) {
            plans.push((plan, level));
        }
    }

    fn unpersist(&self, plan: &Identity, cascade: bool) {
        self.plans().retain(|(known, _)| if cascade { !known.contains(plan) } else { known != plan });
    }

    fn level(&self, plan: &Identity) -> Option<StorageLevel> {
        self.plans().iter().find(|(known, _)| known == plan).map(|(_, level)| *level)
    }

    fn is_empty(&self) -> bool {
        self.plans().is_empty()
    }

    fn clear(&self) {
        self.plans().clear();
    }

    fn refresh(&self, _place: &str) {}
}

/// A cache of its own for sessions that have no engine.
pub(super) fn notes() -> Arc<dyn PlanCache> {
    Arc::new(Notes::default())
}
