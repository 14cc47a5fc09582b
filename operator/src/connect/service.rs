//! Makes the Service of a server and keeps it as it should be.

use cerium_crds::connect::ValidatedConnect;
use k8s_openapi::api::core::v1::{Service, ServiceSpec};
use kube::api::DeleteParams;
use kube::{Api, Client, ResourceExt};

use crate::apply::{ApplyError, only_this};
use crate::build::connect as build;
use crate::ensure::{Ensured, ensure};
use crate::error::ApiFailure;

const KIND: &str = "Service";

/// Makes the Service or brings it up to date, and removes the one that had another name before. Says what stands in
/// the way, if anything.
pub async fn apply(
    client: &Client,
    connect: &ValidatedConnect,
    old_name: Option<&str>,
) -> Result<Option<String>, ApplyError> {
    let wanted = build::service(connect);
    let namespace = wanted.namespace().unwrap_or_default();
    let name = wanted.name_any();
    let api: Api<Service> = Api::namespaced(client.clone(), &namespace);
    if let Some(old) = old_name.filter(|old| *old != name) {
        remove(&api, old, &connect.application.uid).await?;
    }
    // Most passes find it as it should be: asked for first, not created first.
    let found = api.get_opt(&name).await;
    let found = found.map_err(|source| ApplyError::Read { kind: KIND, name: name.clone(), source })?;
    if let Some(mut found) = found
        && found.owner_references() == wanted.owner_references()
        && !adjust(&mut found, &wanted)
    {
        return Ok(None);
    }
    Ok(match ensure(&api, KIND, &wanted, adjust).await? {
        Ensured::Done | Ensured::Vanishing => None,
        Ensured::Refused(text) | Ensured::Unknown(text) => Some(text),
        Ensured::Foreign => Some(format!("Service {name} already exists and belongs to something else")),
    })
}

/// Sets what the manifest says and what finds the server; addresses and node ports stay.
fn adjust(found: &mut Service, wanted: &Service) -> bool {
    let before = found.clone();
    if !wanted.labels().is_empty() {
        found.labels_mut().extend(wanted.labels().clone());
    }
    if !wanted.annotations().is_empty() {
        found.annotations_mut().extend(wanted.annotations().clone());
    }
    let wanted = wanted.spec.clone().unwrap_or_default();
    let spec = found.spec.get_or_insert_default();
    for port in wanted.ports.iter().flatten() {
        let ports = spec.ports.get_or_insert_default();
        match ports.iter_mut().find(|found| found.name == port.name) {
            Some(found) => {
                let node_port = found.node_port;
                found.clone_from(port);
                found.node_port = node_port;
            }
            None => ports.push(port.clone()),
        }
    }
    let names: Vec<_> = wanted.ports.iter().flatten().map(|port| port.name.clone()).collect();
    if let Some(ports) = &mut spec.ports {
        ports.retain(|port| names.contains(&port.name));
    }
    let ServiceSpec { selector, type_, external_name, session_affinity, .. } = wanted;
    if selector.is_some() {
        spec.selector = selector;
    }
    for (field, value) in [
        (&mut spec.type_, Some(type_.unwrap_or_else(|| "ClusterIP".to_owned()))),
        (&mut spec.external_name, external_name),
        (&mut spec.session_affinity, session_affinity),
    ] {
        if value.is_some() {
            *field = value;
        }
    }
    *found != before
}

async fn remove(api: &Api<Service>, name: &str, owner: &str) -> Result<(), ApplyError> {
    let found = api.get_opt(name).await;
    let found = found.map_err(|source| ApplyError::Read { kind: KIND, name: name.to_owned(), source })?;
    let Some(found) = found.filter(|found| found.owner_references().iter().any(|of| of.uid == owner)) else {
        return Ok(());
    };
    match api.delete(name, &DeleteParams::default().preconditions(only_this(found.uid()))).await {
        Ok(_) => Ok(()),
        Err(error) if matches!(ApiFailure::of(&error), ApiFailure::NotFound | ApiFailure::Conflict) => Ok(()),
        Err(source) => Err(ApplyError::Delete { kind: KIND, name: name.to_owned(), source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn service(spec: serde_json::Value) -> Service {
        serde_json::from_value(json!({"metadata": {"name": "s"}, "spec": spec})).unwrap()
    }

    #[test]
    fn what_the_cluster_adds_stays_and_what_others_change_is_mended() {
        let wanted = service(json!({"ports": [{"name": "a", "port": 1}], "selector": {"x": "y"}}));
        let mut found = service(json!({
            "clusterIP": "10.0.0.1", "type": "ClusterIP", "sessionAffinity": "None",
            "ports": [{"name": "a", "port": 1}], "selector": {"x": "y"},
        }));
        assert!(!adjust(&mut found, &wanted));
        let mut edited = service(json!({
            "clusterIP": "10.0.0.1", "type": "ClusterIP", "selector": {},
            "ports": [{"name": "a", "port": 2, "nodePort": 30000}, {"name": "b", "port": 3}],
        }));
        assert!(adjust(&mut edited, &wanted));
        let spec = edited.spec.unwrap();
        assert_eq!(spec.cluster_ip.as_deref(), Some("10.0.0.1"));
        let ports = spec.ports.unwrap();
        assert_eq!((ports.len(), ports[0].port, ports[0].node_port), (1, 1, Some(30000)));
        assert_eq!(spec.selector.unwrap()["x"], "y");
    }
}
