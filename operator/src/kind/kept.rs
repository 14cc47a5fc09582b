//! An object as the watch keeps it: as text, of which there may be very many. As a structure most of it would be room
//! for fields that are not set.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use k8s_openapi::NamespaceResourceScope;
use kube::Resource;
use kube::core::{DeserializeGuard, ObjectMeta};
use serde::de::{Deserialize, Deserializer, Error};
use serde_json::Value;

use super::Kind;

/// An object of the kind, whether it can be read or not.
pub struct Kept<K: Kind> {
    /// What it is found by; the rest is in the text.
    meta: ObjectMeta,
    text: Box<[u8]>,
    begins: bool,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> Kept<K> {
    /// The object; the inner error says why it is none of its kind.
    ///
    /// # Errors
    /// It is no object at all.
    pub fn read(&self) -> Result<DeserializeGuard<K::Object>, serde_json::Error> {
        serde_json::from_slice(&self.text)
    }

    /// Whether its next step is to begin something: see [`Kind::begins`].
    pub fn begins(&self) -> bool {
        self.begins
    }
}

impl<'de, K: Kind> Deserialize<'de> for Kept<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut object = Value::deserialize(deserializer)?;
        if let Some(metadata) = object["metadata"].as_object_mut() {
            metadata.remove("managedFields");
        }
        let whole = ObjectMeta::deserialize(&object["metadata"]).map_err(D::Error::custom)?;
        let meta = ObjectMeta {
            name: whole.name,
            namespace: whole.namespace,
            uid: whole.uid,
            resource_version: whole.resource_version,
            ..ObjectMeta::default()
        };
        let text = serde_json::to_vec(&object).map_err(D::Error::custom)?.into_boxed_slice();
        Ok(Kept { meta, text, begins: K::begins(&object["status"]), kind: PhantomData })
    }
}

impl<K: Kind> Clone for Kept<K> {
    fn clone(&self) -> Self {
        Kept { meta: self.meta.clone(), text: self.text.clone(), begins: self.begins, kind: PhantomData }
    }
}

impl<K: Kind> fmt::Debug for Kept<K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&String::from_utf8_lossy(&self.text))
    }
}

impl<K: Kind> Resource for Kept<K> {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        K::Object::kind(&())
    }

    fn group((): &()) -> Cow<'_, str> {
        K::Object::group(&())
    }

    fn version((): &()) -> Cow<'_, str> {
        K::Object::version(&())
    }

    fn plural((): &()) -> Cow<'_, str> {
        K::Object::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        &self.meta
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.meta
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::applications::Applications;
    use serde_json::json;

    fn kept(spec: Value) -> Kept<Applications> {
        let object = json!({
            "apiVersion": "sparkoperator.k8s.io/v1beta2", "kind": "SparkApplication",
            "metadata": {
                "name": "pi", "namespace": "ns", "uid": "u", "labels": {"team": "x"},
                "managedFields": [{"manager": "kubectl"}],
            },
            "spec": spec,
            "status": {"applicationState": {"state": "RUNNING"}, "driverInfo": {}},
        });
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn what_is_kept_is_read_again_but_for_who_wrote_it() {
        let object = kept(json!({
            "type": "SQL", "sparkVersion": "4.1.1", "mainApplicationFile": "local:///a.sql", "driver": {}, "executor": {},
        }));
        assert_eq!(object.meta().name.as_deref(), Some("pi"));
        assert!(!object.begins());
        let read = object.read().unwrap().0.unwrap();
        assert_eq!(read.spec.main_application_file, "local:///a.sql");
        assert_eq!(read.metadata.labels.unwrap()["team"], "x");
        assert_eq!(read.metadata.managed_fields, None);
    }

    #[test]
    fn what_cannot_be_read_is_kept_with_its_name_and_says_why() {
        let object = kept(json!({"type": "SQL", "driver": {"cores": "many"}}));
        assert_eq!(object.meta().name.as_deref(), Some("pi"));
        let problem = object.read().unwrap().0.unwrap_err();
        assert_eq!(problem.metadata.name.as_deref(), Some("pi"));
        assert!(!problem.error.is_empty());
    }
}
