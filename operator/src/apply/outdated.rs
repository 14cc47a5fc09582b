//! Removes what an earlier specification had made around the driver and the present one does not ask for. Read from
//! the API server, and only when a specification has changed: nothing else can leave such objects behind.

use cerium_crds::{labels, names};
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::networking::v1::Ingress;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};

use super::ApplyError;
use super::exposure::{is_owned_by, remove_named};
use crate::build::Exposure;
use crate::error::{ApiFailure, chain};

/// Of which application.
#[derive(Clone, Copy, Debug)]
pub struct Of<'a> {
    /// Its namespace.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its UID.
    pub uid: &'a str,
    /// The driver pod of the earlier specification, whose name its budget has; nothing where budgets are switched off.
    pub driver_pod: Option<&'a str>,
}

/// Removes the objects of this application but for those to be kept.
///
/// # Errors
/// An object could not be read or deleted, maybe only for the moment.
pub async fn remove_outdated(client: &Client, of: Of<'_>, keep: &Exposure) -> Result<(), ApplyError> {
    let kept_budget = keep.budget.as_ref().map(ResourceExt::name_any);
    if let Some(pod) = of.driver_pod.filter(|pod| kept_budget.as_deref() != Some(*pod)) {
        remove_named::<PodDisruptionBudget>(client, "PodDisruptionBudget", of.namespace, pod, of.uid).await?;
    }
    let wanted = keep.ui_service.iter().chain(&keep.services);
    let wanted: Vec<String> = wanted.map(ResourceExt::name_any).collect();
    for service in services(client, of).await? {
        let name = service.name_any();
        if wanted.contains(&name) {
            continue;
        }
        let spec = service.spec.unwrap_or_default();
        let mut ingresses: Vec<String> = spec
            .ports
            .iter()
            .flatten()
            .filter(|port| names::driver_port_service_name(of.name, port.port) == name)
            .map(|port| names::driver_port_ingress_name(of.name, port.port))
            .collect();
        if names::ui_service_name(of.name) == name {
            ingresses.push(names::ui_ingress_name(of.name));
        }
        // Before the Service, by which it is found.
        for ingress in ingresses {
            remove_named::<Ingress>(client, "Ingress", of.namespace, &ingress, of.uid).await?;
        }
        remove_named::<Service>(client, "Service", of.namespace, &name, of.uid).await?;
    }
    Ok(())
}

async fn services(client: &Client, of: Of<'_>) -> Result<Vec<Service>, ApplyError> {
    let api: Api<Service> = Api::namespaced(client.clone(), of.namespace);
    let made = format!("{}={}", labels::CREATED_BY_SPARK_OPERATOR, labels::TRUE);
    match api.list(&ListParams::default().labels(&made)).await {
        Ok(found) => Ok(found.items.into_iter().filter(|service| is_owned_by(service, of.uid)).collect()),
        Err(error) if ApiFailure::of(&error) == ApiFailure::Refused => {
            let (namespace, application) = (of.namespace, of.name);
            tracing::warn!(namespace, application, error = chain(&error), "services cannot be listed");
            Ok(Vec::new())
        }
        Err(source) => Err(ApplyError::Read { kind: "Service", name: of.name.to_owned(), source }),
    }
}
