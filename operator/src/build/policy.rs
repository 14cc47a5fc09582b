//! What a manifest says of a pod as a whole, whichever engine runs in it. Pure.

use cerium_crds::plan::PodPlan;
use k8s_openapi::api::core::v1::{LocalObjectReference, PodSpec};

/// Lays what the manifest says of the pod as a whole over its template.
pub fn apply(spec: &mut PodSpec, plan: &PodPlan) {
    spec.restart_policy = Some("Never".to_owned());
    if let Some(account) = &plan.service_account {
        spec.service_account_name = Some(account.clone());
        spec.service_account = None;
    }
    if !plan.node_selector.is_empty() {
        spec.node_selector.get_or_insert_default().extend(plan.node_selector.clone());
    }
    if plan.affinity.is_some() {
        spec.affinity.clone_from(&plan.affinity);
    }
    if !plan.tolerations.is_empty() {
        spec.tolerations.get_or_insert_default().extend(plan.tolerations.iter().cloned());
    }
    if plan.scheduler_name.is_some() {
        spec.scheduler_name.clone_from(&plan.scheduler_name);
    }
    if plan.priority_class_name.is_some() {
        spec.priority_class_name.clone_from(&plan.priority_class_name);
        // They follow from the class; the API server refuses others.
        spec.priority = None;
        spec.preemption_policy = None;
    }
    if plan.host_network == Some(true) {
        spec.host_network = Some(true);
        spec.dns_policy = Some("ClusterFirstWithHostNet".to_owned());
    }
    if plan.dns_config.is_some() {
        spec.dns_config.clone_from(&plan.dns_config);
    }
    if !plan.host_aliases.is_empty() {
        spec.host_aliases.get_or_insert_default().extend(plan.host_aliases.iter().cloned());
    }
    if plan.termination_grace_period_seconds.is_some() {
        spec.termination_grace_period_seconds = plan.termination_grace_period_seconds;
    }
    if plan.share_process_namespace.is_some() {
        spec.share_process_namespace = plan.share_process_namespace;
    }
    if plan.pod_security_context.is_some() {
        spec.security_context.clone_from(&plan.pod_security_context);
    }
}

/// Adds the names of the secrets with which images are pulled.
pub fn add_pull_secrets(spec: &mut PodSpec, secrets: &[String]) {
    if !secrets.is_empty() {
        let secrets = secrets.iter().map(|name| LocalObjectReference { name: name.clone() });
        spec.image_pull_secrets.get_or_insert_default().extend(secrets);
    }
}
