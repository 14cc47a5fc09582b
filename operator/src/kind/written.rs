//! What this process wrote and no watch has shown yet: a pass over an older object would only meet a conflict.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use kube::Resource;

use super::ObjectKey;

/// The versions of objects that were written last.
#[derive(Debug, Default)]
pub struct Written {
    versions: Mutex<HashMap<ObjectKey, u64>>,
}

impl Written {
    /// Notes an object as the API server answered it.
    pub fn note(&self, object: &impl Resource) {
        if let Some(version) = version(object) {
            self.versions().insert(ObjectKey::of(object), version);
        }
    }

    /// Whether what was written is newer than this, which a watch shows. Versions are numbers that grow (KEP-5504);
    /// one that is no number is never old.
    pub fn is_ahead_of(&self, shown: &impl Resource) -> bool {
        let key = ObjectKey::of(shown);
        let mut versions = self.versions();
        let ahead =
            versions.get(&key).is_some_and(|written| version(shown).is_some_and(|shown| shown < *written));
        if !ahead {
            versions.remove(&key);
        }
        ahead
    }

    /// The object was deleted.
    pub fn forget(&self, key: &ObjectKey) {
        self.versions().remove(key);
    }

    fn versions(&self) -> std::sync::MutexGuard<'_, HashMap<ObjectKey, u64>> {
        self.versions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn version(object: &impl Resource) -> Option<u64> {
    object.meta().resource_version.as_ref()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::core::ObjectMeta;

    use super::*;

    fn object(version: &str) -> ConfigMap {
        let metadata = ObjectMeta {
            name: Some("pi".into()),
            namespace: Some("ns".into()),
            resource_version: Some(version.into()),
            ..ObjectMeta::default()
        };
        ConfigMap { metadata, ..ConfigMap::default() }
    }

    #[test]
    fn what_a_watch_shows_is_old_until_it_shows_what_was_written() {
        let written = Written::default();
        assert!(!written.is_ahead_of(&object("9")));
        written.note(&object("10"));
        assert!(written.is_ahead_of(&object("9")));
        assert!(!written.is_ahead_of(&object("10")));
        // Nothing is kept of what was shown.
        assert!(!written.is_ahead_of(&object("9")));
    }

    #[test]
    fn versions_that_are_no_numbers_and_objects_that_are_gone_hold_nothing_up() {
        let written = Written::default();
        written.note(&object("10"));
        assert!(!written.is_ahead_of(&object("a")));
        written.note(&object("10"));
        written.forget(&ObjectKey::of(&object("10")));
        assert!(!written.is_ahead_of(&object("9")));
    }
}
