//! What Kubeflow's webhook adds to the Spark container and the containers beside it; what it adds to the pod as a
//! whole is [`crate::build::policy`]. Pure.

use cerium_crds::names;
use cerium_crds::plan::PodPlan;
use k8s_openapi::api::core::v1::Container;

use crate::build::template::not_yet_present;

/// Whether a volume is scratch space, which Spark mounts by properties.
pub fn is_scratch(volume: &str) -> bool {
    volume.starts_with(names::LOCAL_DIR_VOLUME_PREFIX)
}

/// Adds sources of environment variables, ports, extended resources, hooks and security to the Spark container.
pub fn add_to_container(container: &mut Container, plan: &PodPlan) {
    if !plan.env_from.is_empty() {
        container.env_from.get_or_insert_default().extend(plan.env_from.iter().cloned());
    }
    if !plan.ports.is_empty() {
        container.ports.get_or_insert_default().extend(plan.ports.iter().cloned());
    }
    if !plan.resources.extended.is_empty() {
        let limits = container.resources.get_or_insert_default().limits.get_or_insert_default();
        limits.extend(plan.resources.extended.clone());
    }
    if plan.lifecycle.is_some() {
        container.lifecycle.clone_from(&plan.lifecycle);
    }
    if plan.security_context.is_some() {
        container.security_context.clone_from(&plan.security_context);
    }
}

/// The init containers of the template, and those of the manifest.
pub fn init_containers(mut template: Vec<Container>, plan: &PodPlan) -> Vec<Container> {
    template.extend(not_yet_present(&plan.init_containers, &template));
    template
}
