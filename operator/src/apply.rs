//! Makes the objects of a submission and removes its driver. Everything here may be repeated after a crash:
//! names are fixed, and what is there already is recognised by its owner and its submission.

use cerium_crds::labels;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{DeleteParams, PostParams, Preconditions};
use kube::core::Status;
use kube::{Api, Client, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::build::{Objects, OfDriver};
use crate::ensure::{Ensured, ensure};
use crate::error::{ApiFailure, Problem};
use crate::pods::PodFacts;

pub mod annotate;
pub mod exposure;
pub mod outdated;

/// What came of a submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The driver pod exists.
    Submitted,
    /// The API server or somebody else's object is in the way; the text says how.
    Refused(String),
    /// Something other than the submission itself is in the way; the text is all there is to say.
    Prevented(String),
    /// The driver pod of an earlier submission is still there: it has to go first.
    Leftover {
        /// Its UID.
        uid: String,
    },
    /// An application of the same name was deleted a moment ago, and what it made is about to follow.
    Vanishing,
}

/// An object could not be made or removed, maybe only for the moment.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// Creating or replacing failed.
    #[error("failed to write {kind} {name}")]
    Write {
        /// Kind of the object.
        kind: &'static str,
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: kube::Error,
    },
    /// Reading failed.
    #[error("failed to read {kind} {name}")]
    Read {
        /// Kind of the object.
        kind: &'static str,
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: kube::Error,
    },
    /// Deleting failed.
    #[error("failed to delete {kind} {name}")]
    Delete {
        /// Kind of the object.
        kind: &'static str,
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: kube::Error,
    },
}

impl Problem for ApplyError {
    fn category(&self) -> &'static str {
        "apply"
    }

    fn failure(&self) -> ApiFailure {
        match self {
            ApplyError::Write { source, .. }
            | ApplyError::Read { source, .. }
            | ApplyError::Delete { source, .. } => ApiFailure::of(source),
        }
    }
}

/// Makes what the driver pod mounts and the application owns, then the driver pod, then what that pod owns.
pub async fn submit(client: &Client, objects: &Objects) -> Result<Outcome, ApplyError> {
    if let Some(wanted) = &objects.config_map
        && let Some(outcome) = apply_config_map(client, wanted).await?
    {
        return Ok(outcome);
    }
    let pod = match create_driver_pod(client, &objects.driver_pod).await? {
        Ok(pod) => pod,
        Err(outcome) => return Ok(outcome),
    };
    let Some(refusal) = create_of_driver(client, &objects.of_driver, &pod).await? else {
        return Ok(Outcome::Submitted);
    };
    // Without them it would wait for ever.
    remove_driver(
        client,
        &pod.namespace().unwrap_or_default(),
        &pod.name_any(),
        &pod.uid().unwrap_or_default(),
    )
    .await?;
    Ok(Outcome::Refused(refusal))
}

/// Makes what the driver pod owns; returns the API server's words where it refuses.
async fn create_of_driver(
    client: &Client,
    objects: &OfDriver,
    pod: &Pod,
) -> Result<Option<String>, ApplyError> {
    let owner = OwnerReference {
        api_version: "v1".to_owned(),
        kind: "Pod".to_owned(),
        name: pod.name_any(),
        uid: pod.uid().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: None,
    };
    for service in &objects.services {
        if let Some(refusal) = create_owned(client, "Service", service, &owner).await? {
            return Ok(Some(refusal));
        }
    }
    for map in &objects.config_maps {
        if let Some(refusal) = create_owned(client, "ConfigMap", map, &owner).await? {
            return Ok(Some(refusal));
        }
    }
    Ok(None)
}

/// Creates an object that belongs to this owner alone. One that is there already is from this submission, as its
/// name is; only its owner is looked at.
async fn create_owned<K>(
    client: &Client,
    kind: &'static str,
    wanted: &K,
    owner: &OwnerReference,
) -> Result<Option<String>, ApplyError>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + std::fmt::Debug
        + Serialize
        + DeserializeOwned,
{
    let name = wanted.name_any();
    let api: Api<K> = Api::namespaced(client.clone(), &wanted.namespace().unwrap_or_default());
    let mut object = wanted.clone();
    object.meta_mut().owner_references = Some(vec![owner.clone()]);
    match api.create(&PostParams::default(), &object).await {
        Ok(_) => return Ok(None),
        Err(error) if already_exists(&error) => {}
        Err(error) => {
            return refusal(error).map(Some).map_err(|source| ApplyError::Write { kind, name, source });
        }
    }
    let found =
        api.get(&name).await.map_err(|source| ApplyError::Read { kind, name: name.clone(), source })?;
    let ours = found.meta().owner_references.iter().flatten().any(|other| other.uid == owner.uid);
    Ok((!ours).then(|| format!("{kind} {name} already exists and belongs to something else")))
}

/// `None` if the ConfigMap is as it should be now.
async fn apply_config_map(client: &Client, wanted: &ConfigMap) -> Result<Option<Outcome>, ApplyError> {
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), &wanted.namespace().unwrap_or_default());
    Ok(match ensure(&api, "ConfigMap", wanted, adjust_config_map).await? {
        Ensured::Done => None,
        Ensured::Vanishing => Some(Outcome::Vanishing),
        Ensured::Refused(text) | Ensured::Unknown(text) => Some(Outcome::Refused(text)),
        Ensured::Foreign => Some(Outcome::Refused(format!(
            "ConfigMap {} already exists and belongs to something else",
            wanted.name_any()
        ))),
    })
}

/// A ConfigMap left by an earlier submission, or edited by hand, becomes the one of this submission.
pub(crate) fn adjust_config_map(found: &mut ConfigMap, wanted: &ConfigMap) -> bool {
    if found.data == wanted.data && found.metadata.labels == wanted.metadata.labels {
        return false;
    }
    let version = found.metadata.resource_version.take();
    found.clone_from(wanted);
    found.metadata.resource_version = version;
    true
}

/// The driver pod of this submission, made now or before; or what is in its way.
async fn create_driver_pod(client: &Client, wanted: &Pod) -> Result<Result<Pod, Outcome>, ApplyError> {
    let name = wanted.name_any();
    let api: Api<Pod> = Api::namespaced(client.clone(), &wanted.namespace().unwrap_or_default());
    match api.create(&PostParams::default(), wanted).await {
        Ok(pod) => return Ok(Ok(pod)),
        Err(error) if already_exists(&error) => {}
        Err(error) => {
            return refused(error).map(Err).map_err(|source| ApplyError::Write { kind: "Pod", name, source });
        }
    }
    let found = api.get(&name).await.map_err(|source| ApplyError::Read { kind: "Pod", name, source })?;
    Ok(match recognise(&PodFacts::of(&found), &PodFacts::of(wanted)) {
        Outcome::Submitted => Ok(found),
        other => Err(other),
    })
}

/// Whose the pod is that has the name already.
fn recognise(found: &PodFacts, wanted: &PodFacts) -> Outcome {
    if found.owner_uid != wanted.owner_uid {
        if found.deleting
            || (found.owner_application.is_some() && found.owner_application == wanted.owner_application)
        {
            return Outcome::Vanishing;
        }
        return Outcome::Refused(format!(
            "driver pod already exist: pod {} belongs to something else; delete it or set spec.driver.podName",
            found.name
        ));
    }
    if found.submission_id == wanted.submission_id && !found.deleting {
        Outcome::Submitted
    } else {
        Outcome::Leftover { uid: found.uid.clone() }
    }
}

pub(crate) fn already_exists(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.is_already_exists())
}

/// An answer by which the API server refuses becomes its words; everything else stays an error. A conflict
/// is none: two pods were counted against a quota at the same moment.
fn refused(error: kube::Error) -> Result<Outcome, kube::Error> {
    refusal(error).map(Outcome::Refused)
}

/// The words by which the API server refuses.
pub(crate) fn refusal(error: kube::Error) -> Result<String, kube::Error> {
    match (ApiFailure::of(&error), error) {
        (ApiFailure::Refused | ApiFailure::NotFound, kube::Error::Api(status)) => Ok(answer(&status)),
        (_, error) => Err(error),
    }
}

/// The API server's own words.
fn answer(status: &Status) -> String {
    if status.message.is_empty() {
        format!("{} ({})", status.reason, status.code)
    } else {
        status.message.clone()
    }
}

/// Deletes the object of this UID alone, not another one of its name.
pub(crate) fn only_this(uid: Option<String>) -> Preconditions {
    Preconditions { uid, resource_version: None }
}

/// Deletes this driver pod, and no other of its name.
pub async fn remove_driver(
    client: &Client,
    namespace: &str,
    name: &str,
    uid: &str,
) -> Result<(), ApplyError> {
    let api: Api<Pod> = Api::namespaced(client.clone(), namespace);
    match api.delete(name, &DeleteParams::default().preconditions(only_this(Some(uid.to_owned())))).await {
        Ok(_) => Ok(()),
        // Gone already, or another pod by now.
        Err(error) if matches!(ApiFailure::of(&error), ApiFailure::NotFound | ApiFailure::Conflict) => Ok(()),
        Err(source) => Err(ApplyError::Delete { kind: "Pod", name: name.to_owned(), source }),
    }
}

/// Deletes an application and, through its references, all it made.
pub async fn delete_application(
    client: &Client,
    application: &cerium_crds::SparkApplication,
) -> Result<(), ApplyError> {
    let name = application.name_any();
    let api: Api<cerium_crds::SparkApplication> =
        Api::namespaced(client.clone(), &application.namespace().unwrap_or_default());
    let params = DeleteParams::background().preconditions(only_this(application.uid()));
    match api.delete(&name, &params).await {
        Ok(_) => Ok(()),
        Err(error) if matches!(ApiFailure::of(&error), ApiFailure::NotFound | ApiFailure::Conflict) => Ok(()),
        Err(source) => Err(ApplyError::Delete { kind: "SparkApplication", name, source }),
    }
}

/// Selects the pods started for applications.
pub fn pod_selector() -> String {
    format!("{}={}", labels::LAUNCHED_BY_SPARK_OPERATOR, labels::TRUE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(owner: &str, submission: &str, deleting: bool) -> PodFacts {
        PodFacts {
            name: "pi-driver".into(),
            uid: "p".into(),
            owner_uid: Some(owner.into()),
            submission_id: Some(submission.into()),
            deleting,
            ..PodFacts::default()
        }
    }

    #[test]
    fn a_pod_of_the_same_name_is_adopted_only_with_our_owner_and_submission() {
        let wanted = pod("app", "s-2", false);
        assert_eq!(recognise(&pod("app", "s-2", false), &wanted), Outcome::Submitted);
        assert_eq!(recognise(&pod("app", "s-1", false), &wanted), Outcome::Leftover { uid: "p".into() });
        assert_eq!(recognise(&pod("app", "s-2", true), &wanted), Outcome::Leftover { uid: "p".into() });
        assert!(
            matches!(recognise(&pod("other", "s-2", false), &wanted), Outcome::Refused(text) if text.starts_with("driver pod already exist"))
        );
    }

    #[test]
    fn the_pod_of_a_deleted_application_of_the_same_name_is_waited_for() {
        let of = |uid: &str, name: &str| PodFacts {
            owner_application: Some(name.into()),
            ..pod(uid, "s-1", false)
        };
        assert_eq!(recognise(&of("old", "pi"), &of("new", "pi")), Outcome::Vanishing);
        assert!(matches!(recognise(&of("old", "pi"), &of("new", "pi-driver")), Outcome::Refused(_)));
        assert_eq!(recognise(&pod("other", "s-1", true), &of("new", "pi")), Outcome::Vanishing);
    }

    #[test]
    fn a_full_quota_is_told_in_the_api_servers_words() {
        let text = "pods \"pi-driver\" is forbidden: exceeded quota: small, requested: cpu=1, used: cpu=0, limited: cpu=500m";
        let error = kube::Error::Api(Status::failure(text, "Forbidden").with_code(403).boxed());
        assert_eq!(refused(error).unwrap(), Outcome::Refused(text.into()));
        let quota = "Operation cannot be fulfilled on resourcequotas \"small\": the object has been modified";
        for (text, reason, code) in [("etcd is slow", "Timeout", 504), (quota, "Conflict", 409)] {
            let error = kube::Error::Api(Status::failure(text, reason).with_code(code).boxed());
            assert!(refused(error).is_err(), "{text}");
        }
    }
}
