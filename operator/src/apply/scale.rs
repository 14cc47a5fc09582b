//! Tells a running driver how many executors it may have.

use cerium_crds::scale::{SCALE_ANNOTATION, Scale};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ApiResource, DynamicObject, PostParams};
use kube::{Api, Client, ResourceExt};

use super::{ApplyError, refusal};
use crate::error::ApiFailure;

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// The driver pod says so.
    Done,
    /// That driver pod is no more.
    Gone,
    /// The API server refuses, in its own words.
    Refused(String),
}

/// Writes the scale on the driver pod of this name and UID, which its driver watches.
///
/// # Errors
/// The API server cannot be reached, or somebody else wrote in between.
pub async fn tell(
    client: &Client,
    namespace: &str,
    name: &str,
    uid: &str,
    scale: &Scale,
) -> Result<Told, ApplyError> {
    // Not as a Pod: what a newer API server knows of it would get lost.
    let resource = ApiResource::erase::<Pod>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource);
    let found = api.get_opt(name).await;
    let found = found.map_err(|source| ApplyError::Read { kind: "Pod", name: name.to_owned(), source })?;
    let Some(mut pod) = found.filter(|pod| pod.metadata.uid.as_deref() == Some(uid)) else {
        return Ok(Told::Gone);
    };
    let text = scale.to_string();
    if pod.annotations_mut().insert(SCALE_ANNOTATION.to_owned(), text.clone()) == Some(text) {
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
