//! Whether an application fits into the quotas of its namespace as a whole, asked before anything is made for it.
//!
//! As with the Kubeflow Spark Operator's quota enforcement, quotas with scopes are passed over. The amounts are what
//! driver and first executors really request.

use k8s_openapi::api::core::v1::ResourceQuota;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};

use cerium_crds::quantity;

use crate::apply::ApplyError;
use crate::demand::Demand;

const MIB: f64 = 1024.0 * 1024.0;

/// What stands in the way of an application, if anything.
///
/// # Errors
/// The quotas cannot be listed.
pub async fn check(client: &Client, namespace: &str, demand: &Demand) -> Result<Option<String>, ApplyError> {
    let api: Api<ResourceQuota> = Api::namespaced(client.clone(), namespace);
    let quotas = api.list(&ListParams::default()).await.map_err(|source| ApplyError::Read {
        kind: "ResourceQuotas of",
        name: namespace.to_owned(),
        source,
    })?;
    Ok(quotas.items.iter().find_map(|quota| exceeded(quota, demand)))
}

/// Why the quota has no room, if so.
fn exceeded(quota: &ResourceQuota, demand: &Demand) -> Option<String> {
    let spec = quota.spec.as_ref()?;
    if spec.scope_selector.is_some() || spec.scopes.as_ref().is_some_and(|scopes| !scopes.is_empty()) {
        return None;
    }
    let status = quota.status.as_ref()?;
    for (resource, wanted) in amounts(demand) {
        // A limit that the quota controller has not taken up yet does not hold yet.
        if status.hard.as_ref().is_none_or(|hard| !hard.contains_key(resource)) {
            continue;
        }
        let Some(hard) = spec.hard.as_ref().and_then(|hard| hard.get(resource)) else { continue };
        let used = status.used.as_ref().and_then(|used| used.get(resource));
        let used = used.map_or("0", |used| used.0.as_str());
        let (Some(limit), Some(taken)) = (quantity::parse(&hard.0), quantity::parse(used)) else { continue };
        if taken + wanted > limit {
            return Some(format!(
                "failed to validate resource quota \"{}/{}\": {resource} of driver and first executors is {}, and {used} of {} are in use",
                quota.namespace().unwrap_or_default(),
                quota.name_any(),
                shown(resource, wanted),
                hard.0,
            ));
        }
    }
    None
}

/// Cores and bytes by the names quotas have for them.
fn amounts(demand: &Demand) -> [(&'static str, f64); 6] {
    let (cpu, cpu_limit) = (demand.cpu_milli as f64 / 1000.0, demand.cpu_limit_milli as f64 / 1000.0);
    let (memory, memory_limit) = (demand.memory_mib as f64 * MIB, demand.memory_limit_mib as f64 * MIB);
    [
        ("cpu", cpu),
        ("requests.cpu", cpu),
        ("limits.cpu", cpu_limit),
        ("memory", memory),
        ("requests.memory", memory),
        ("limits.memory", memory_limit),
    ]
}

fn shown(resource: &str, amount: f64) -> String {
    if resource.ends_with("memory") { format!("{}Mi", amount / MIB) } else { amount.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// 3 cores and 4000 MiB, limited to 4 cores.
    fn demand() -> Demand {
        Demand {
            cpu_milli: 3000,
            cpu_limit_milli: 4000,
            memory_mib: 4000,
            memory_limit_mib: 4000,
            ..Demand::default()
        }
    }

    fn quota(hard: Value, used: Value, extra: Value) -> ResourceQuota {
        let mut spec = json!({"hard": hard});
        for (key, value) in extra.as_object().unwrap() {
            spec[key] = value.clone();
        }
        let metadata = json!({"name": "small", "namespace": "ns"});
        let status = json!({"hard": hard, "used": used});
        serde_json::from_value(json!({"metadata": metadata, "spec": spec, "status": status})).unwrap()
    }

    #[test]
    fn an_application_that_fits_exactly_fits() {
        let fits =
            quota(json!({"cpu": "4", "memory": "4000Mi"}), json!({"cpu": "1000m", "memory": "0"}), json!({}));
        assert_eq!(exceeded(&fits, &demand()), None);
    }

    #[test]
    fn what_is_in_use_counts_and_the_resource_is_named() {
        let full = quota(json!({"requests.memory": "4Gi"}), json!({"requests.memory": "128Mi"}), json!({}));
        let told = exceeded(&full, &demand()).unwrap();
        assert!(
            told.starts_with("failed to validate resource quota \"ns/small\": requests.memory"),
            "{told}"
        );
        assert!(told.contains("4000Mi") && told.contains("128Mi of 4Gi"), "{told}");
        let limits = quota(json!({"limits.cpu": "3500m"}), json!({}), json!({}));
        assert!(exceeded(&limits, &demand()).is_some());
    }

    #[test]
    fn quotas_with_scopes_and_those_of_other_things_are_passed_over() {
        for extra in [
            json!({"scopes": ["BestEffort"]}),
            json!({"scopeSelector": {"matchExpressions": [{"scopeName": "PriorityClass", "operator": "Exists"}]}}),
        ] {
            assert_eq!(exceeded(&quota(json!({"cpu": "1"}), json!({}), extra), &demand()), None);
        }
        assert_eq!(exceeded(&quota(json!({"pods": "0"}), json!({}), json!({})), &demand()), None);
    }
}
