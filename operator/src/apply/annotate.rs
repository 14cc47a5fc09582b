//! Writes an annotation on a pod that runs: what its driver watches, or what the operator has to remember of it.

use k8s_openapi::api::core::v1::Pod;
use kube::api::{ApiResource, DynamicObject, PostParams};
use kube::{Api, Client, ResourceExt};

use super::{ApplyError, refusal};
use crate::error::ApiFailure;

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// The pod says so.
    Done,
    /// That pod is no more.
    Gone,
    /// The API server refuses, in its own words.
    Refused(String),
}

/// Writes an annotation, a key and its value, on the pod of this name and UID.
///
/// # Errors
/// The API server cannot be reached, or somebody else wrote in between.
pub async fn annotate(
    client: &Client,
    namespace: &str,
    name: &str,
    uid: &str,
    (key, value): (&str, &str),
) -> Result<Told, ApplyError> {
    // Not as a Pod: what a newer API server knows of it would get lost.
    let resource = ApiResource::erase::<Pod>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource);
    let found = api.get_opt(name).await;
    let found = found.map_err(|source| ApplyError::Read { kind: "Pod", name: name.to_owned(), source })?;
    let Some(mut pod) = found.filter(|pod| pod.metadata.uid.as_deref() == Some(uid)) else {
        return Ok(Told::Gone);
    };
    if pod.annotations_mut().insert(key.to_owned(), value.to_owned()).as_deref() == Some(value) {
        return Ok(Told::Done);
    }
    match api.replace(name, &PostParams::default(), &pod).await {
        Ok(_) => Ok(Told::Done),
        Err(error) if ApiFailure::of(&error) == ApiFailure::NotFound => Ok(Told::Gone),
        Err(error) => refusal(error).map(Told::Refused).map_err(|source| ApplyError::Write {
            kind: "Pod",
            name: name.to_owned(),
            source,
        }),
    }
}
