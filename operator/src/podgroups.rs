//! Makes and removes pod groups of batch schedulers. Everything here may be repeated after a crash.

use kube::api::{DeleteParams, DynamicObject};
use kube::{Api, Client, ResourceExt};
use serde_json::Value;

use crate::apply::{ApplyError, Outcome, only_this};
use crate::batch::{GroupId, PodGroup};
use crate::ensure::{Ensured, ensure};
use crate::error::{ApiFailure, chain};

const KIND: &str = "PodGroup";

/// Makes the group, or brings one of an earlier submission up to date. `None` if it is as it should be now.
pub async fn apply(client: &Client, wanted: &PodGroup) -> Result<Option<Outcome>, ApplyError> {
    let namespace = wanted.object.namespace().unwrap_or_default();
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), &namespace, &wanted.id.resource);
    let adjust = |found: &mut DynamicObject, wanted: &DynamicObject| {
        lay_over(&mut found.data["spec"], &wanted.data["spec"])
    };
    let text = match ensure(&api, KIND, &wanted.object, adjust).await? {
        Ensured::Done => return Ok(None),
        Ensured::Vanishing => return Ok(Some(Outcome::Vanishing)),
        Ensured::Unknown(text) => format!(
            "failed during batch scheduler setup or check: CRD PodGroup does not exist: {}: {text}",
            wanted.id.resource.api_version
        ),
        Ensured::Refused(text) => {
            format!("failed to process batch scheduler: failed to sync PodGroup with error: {text}")
        }
        Ensured::Foreign => format!(
            "failed to process batch scheduler: PodGroup {} already exists and belongs to something else",
            wanted.id.name
        ),
    };
    Ok(Some(Outcome::Prevented(text)))
}

/// Sets the fields of `wanted`, leaving those that only the scheduler sets. Whether anything changed.
fn lay_over(found: &mut Value, wanted: &Value) -> bool {
    let mut changed = false;
    for (field, value) in wanted.as_object().into_iter().flatten() {
        if found[field] != *value {
            found[field] = value.clone();
            changed = true;
        }
    }
    changed
}

/// Removes the group of the application with this UID, which needs none any more: it would go on keeping room. A
/// refusal stands in nobody's way, as the group goes with the application at last.
pub async fn remove(
    client: &Client,
    namespace: &str,
    group: &GroupId,
    owner: &str,
) -> Result<(), ApplyError> {
    let name = &group.name;
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &group.resource);
    let found = match api.get_opt(name).await {
        Ok(found) => found,
        Err(error) if ApiFailure::of(&error) == ApiFailure::Refused => {
            stays(namespace, name, &error);
            return Ok(());
        }
        Err(source) => return Err(ApplyError::Read { kind: KIND, name: name.clone(), source }),
    };
    let Some(found) = found.filter(|found| found.owner_references().iter().any(|of| of.uid == owner)) else {
        return Ok(());
    };
    match api.delete(name, &DeleteParams::default().preconditions(only_this(found.uid()))).await {
        Ok(_) => Ok(()),
        Err(error) => match ApiFailure::of(&error) {
            ApiFailure::NotFound | ApiFailure::Conflict => Ok(()),
            ApiFailure::Refused => {
                stays(namespace, name, &error);
                Ok(())
            }
            ApiFailure::Transient => {
                Err(ApplyError::Delete { kind: KIND, name: name.clone(), source: error })
            }
        },
    }
}

fn stays(namespace: &str, group: &str, error: &kube::Error) {
    tracing::warn!(namespace, group, error = chain(error), "pod group cannot be removed");
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_of_the_scheduler_stay_as_they_are() {
        let mut found = json!({"minMember": 1, "queue": "default", "minResources": {"cpu": "2"}});
        assert!(!lay_over(&mut found, &json!({"minMember": 1})));
        assert!(lay_over(&mut found, &json!({"minMember": 1, "minResources": {"cpu": "3"}})));
        assert_eq!(found, json!({"minMember": 1, "queue": "default", "minResources": {"cpu": "3"}}));
    }
}
