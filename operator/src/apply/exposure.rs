//! Makes and removes what stands around a driver pod. What the API server refuses of it is told and keeps no
//! application from running.

use cerium_crds::application::DriverInfo;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::networking::v1::Ingress;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::{DeleteParams, PostParams};
use kube::{Api, Client, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{ApplyError, already_exists, only_this, refusal};
use crate::build::Exposure;
use crate::error::ApiFailure;

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exposed {
    /// Where the web UI is found; the driver pod's name is not in here.
    pub info: DriverInfo,
    /// What the API server refused, in its words.
    pub refusals: Vec<String>,
}

/// What the generic functions here need of a kind.
pub trait Kind:
    Resource<Scope = NamespaceResourceScope, DynamicType = ()>
    + Clone
    + std::fmt::Debug
    + Serialize
    + DeserializeOwned
{
    /// Whether one of an earlier submission may have to be changed.
    const CHANGES: bool = true;
}

impl Kind for Service {}
impl Kind for Ingress {}
impl Kind for PodDisruptionBudget {
    const CHANGES: bool = false;
}

/// Makes the objects, or brings those of an earlier submission up to date.
///
/// # Errors
/// An object could not be written, maybe only for the moment.
pub async fn expose(client: &Client, exposure: &Exposure) -> Result<Exposed, ApplyError> {
    let mut exposed = Exposed::default();
    if let Some(wanted) = &exposure.ui_service
        && let Some(service) = exposed.put(client, "Service", wanted).await?
    {
        let spec = service.spec.unwrap_or_default();
        let port = spec.ports.iter().flatten().map(|port| port.port).next().unwrap_or_default();
        exposed.info.web_ui_service_name = service.metadata.name;
        exposed.info.web_ui_port = Some(port);
        exposed.info.web_ui_address = spec.cluster_ip.map(|address| format!("{address}:{port}"));
    }
    if let Some((wanted, url)) = &exposure.ui_ingress
        && exposed.put(client, "Ingress", wanted).await?.is_some()
    {
        exposed.info.web_ui_ingress_name.clone_from(&wanted.metadata.name);
        exposed.info.web_ui_ingress_address = Some(url.clone());
    }
    for service in &exposure.services {
        exposed.put(client, "Service", service).await?;
    }
    for ingress in &exposure.ingresses {
        exposed.put(client, "Ingress", ingress).await?;
    }
    if let Some(budget) = &exposure.budget {
        exposed.put(client, "PodDisruptionBudget", budget).await?;
    }
    Ok(exposed)
}

impl Exposed {
    /// The object as it is now, or nothing and a refusal more.
    async fn put<K: Kind>(
        &mut self,
        client: &Client,
        kind: &'static str,
        wanted: &K,
    ) -> Result<Option<K>, ApplyError> {
        match put(client, kind, wanted).await? {
            Ok(object) => Ok(Some(object)),
            Err(text) => {
                self.refusals.push(format!("{kind} {}: {text}", wanted.name_any()));
                Ok(None)
            }
        }
    }
}

async fn put<K: Kind>(
    client: &Client,
    kind: &'static str,
    wanted: &K,
) -> Result<Result<K, String>, ApplyError> {
    let name = wanted.name_any();
    let api: Api<K> = Api::namespaced(client.clone(), &wanted.namespace().unwrap_or_default());
    let write_error = |source| ApplyError::Write { kind, name: name.clone(), source };
    match api.create(&PostParams::default(), wanted).await {
        Ok(made) => return Ok(Ok(made)),
        Err(error) if already_exists(&error) => {}
        Err(error) => return refusal(error).map(Err).map_err(write_error),
    }
    let found =
        api.get(&name).await.map_err(|source| ApplyError::Read { kind, name: name.clone(), source })?;
    if !has_owner(&found, wanted) {
        return Ok(Err("already exists and belongs to something else".to_owned()));
    }
    if !K::CHANGES {
        return Ok(Ok(found));
    }
    let mut next = wanted.clone();
    next.meta_mut().resource_version.clone_from(&found.meta().resource_version);
    // What the API server chose itself, such as addresses, it keeps.
    match api.replace(&name, &PostParams::default(), &next).await {
        Ok(made) => Ok(Ok(made)),
        Err(error) => refusal(error).map(Err).map_err(write_error),
    }
}

fn has_owner<K: Kind>(found: &K, wanted: &K) -> bool {
    wanted.meta().owner_references.iter().flatten().all(|owner| is_owned_by(found, &owner.uid))
}

pub(super) fn is_owned_by<K: Kind>(found: &K, uid: &str) -> bool {
    found.meta().owner_references.iter().flatten().any(|owner| owner.uid == uid)
}

/// Removes the objects of a submission that is over before its time: the web UI's, and the budget.
///
/// # Errors
/// An object could not be read or deleted, maybe only for the moment.
pub async fn withdraw(client: &Client, exposure: &Exposure) -> Result<(), ApplyError> {
    if let Some(service) = &exposure.ui_service {
        remove(client, "Service", service).await?;
    }
    if let Some((ingress, _)) = &exposure.ui_ingress {
        remove(client, "Ingress", ingress).await?;
    }
    remove_budget(client, exposure).await
}

/// Removes the budget of a driver that has ended: it would only be in the way of whoever drains the node.
///
/// # Errors
/// It could not be read or deleted, maybe only for the moment.
pub async fn remove_budget(client: &Client, exposure: &Exposure) -> Result<(), ApplyError> {
    match &exposure.budget {
        Some(budget) => remove(client, "PodDisruptionBudget", budget).await,
        None => Ok(()),
    }
}

async fn remove<K: Kind>(client: &Client, kind: &'static str, made: &K) -> Result<(), ApplyError> {
    let namespace = made.namespace().unwrap_or_default();
    let owners = made.meta().owner_references.iter().flatten();
    for owner in owners {
        remove_named::<K>(client, kind, &namespace, &made.name_any(), &owner.uid).await?;
    }
    Ok(())
}

/// Removes the object of this name if it belongs to this owner.
pub(super) async fn remove_named<K: Kind>(
    client: &Client,
    kind: &'static str,
    namespace: &str,
    name: &str,
    owner: &str,
) -> Result<(), ApplyError> {
    let api: Api<K> = Api::namespaced(client.clone(), namespace);
    let found = api.get_opt(name).await;
    let found = found.map_err(|source| ApplyError::Read { kind, name: name.to_owned(), source })?;
    let Some(found) = found.filter(|found| is_owned_by(found, owner)) else { return Ok(()) };
    match api.delete(name, &DeleteParams::default().preconditions(only_this(found.uid()))).await {
        Ok(_) => Ok(()),
        Err(error) if matches!(ApiFailure::of(&error), ApiFailure::NotFound | ApiFailure::Conflict) => Ok(()),
        Err(source) => Err(ApplyError::Delete { kind, name: name.to_owned(), source }),
    }
}
