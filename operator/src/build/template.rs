//! The pod template a user's pod starts from. Pure.

use cerium_crds::names;
use k8s_openapi::api::core::v1::{Container, PodSpec};

use super::Role;

/// The name of the Spark container of such pods.
pub fn container_name(role: Role) -> &'static str {
    match role {
        Role::Driver => names::DRIVER_CONTAINER,
        Role::Executor => names::EXECUTOR_CONTAINER,
    }
}

/// Takes the Spark container out: the one of that name, else the first; and the others.
pub fn take_spark_container(spec: &mut PodSpec, role: Role) -> (Container, Vec<Container>) {
    let mut containers = std::mem::take(&mut spec.containers);
    if containers.is_empty() {
        return (Container::default(), containers);
    }
    let name = container_name(role);
    let at = containers.iter().position(|container| container.name == name).unwrap_or(0);
    (containers.remove(at), containers)
}

/// Those of `added` whose names are not among `present`.
pub fn not_yet_present(added: &[Container], present: &[Container]) -> Vec<Container> {
    added.iter().filter(|new| present.iter().all(|other| other.name != new.name)).cloned().collect()
}
