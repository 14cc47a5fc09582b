//! Objects that cannot even be read, such as those written before the definition was installed: they are told
//! so in their status instead of stopping the watch.

use jiff::Timestamp;
use kube::api::{ApiResource, DynamicObject, PostParams};
use kube::core::error_boundary::InvalidObject;
use kube::{Api, Client, Resource};

use super::Kind;
use crate::error::{ApiFailure, Problem};
use crate::events;

/// The status of a malformed object could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("failed to tell malformed {kind} {name} what is wrong with it")]
pub struct MalformedError {
    kind: String,
    name: String,
    #[source]
    source: kube::Error,
}

impl Problem for MalformedError {
    fn category(&self) -> &'static str {
        "malformed"
    }

    fn failure(&self) -> ApiFailure {
        ApiFailure::of(&self.source)
    }
}

/// Writes the refusal of the kind into the status, unless the object is beyond it.
pub async fn refuse<K: Kind>(
    client: &Client,
    broken: &InvalidObject,
    now: Timestamp,
) -> Result<(), MalformedError> {
    let name = broken.metadata.name.clone().unwrap_or_default();
    let namespace = broken.metadata.namespace.clone().unwrap_or_default();
    let kind = K::Object::kind(&());
    tracing::warn!(kind = &*kind, namespace, name, error = broken.error, "malformed object");
    let resource = ApiResource::erase::<K::Object>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), &namespace, &resource);
    let error = |source| MalformedError { kind: kind.to_string(), name: name.clone(), source };
    let Some(mut object) = api.get_opt(&name).await.map_err(error)? else { return Ok(()) };
    let problem = format!("the {kind} cannot be read: {}", broken.error);
    let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
    let Some(refusal) = K::refusal(&name, &object.data["status"], &problem, now) else { return Ok(()) };
    object.data["status"] = refusal.status;
    let reference = object.object_ref(&resource);
    api.replace_status(&name, &PostParams::default(), &object).await.map_err(error)?;
    events::publish(client, K::CONTROLLER, &reference, &[refusal.note], now).await;
    Ok(())
}
