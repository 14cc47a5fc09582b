//! The Spark container and the one that brings the engine. Pure.

use std::collections::BTreeMap;

use cerium_conf::{paths, ports};
use cerium_crds::names;
use k8s_openapi::api::core::v1::{Container, ContainerPort};

use super::security::container_context;
use crate::build::monitoring::exporter;
use crate::build::storage::mount;
use crate::build::template::container_name;
use crate::build::{Role, Runtime};
use cerium_crds::plan::{Image, PodPlan, Resources, ValidatedApplication};

/// The Spark container on top of the template's, without environment and mounts.
pub fn spark_container(
    application: &ValidatedApplication,
    role: Role,
    template: Container,
    runtime: &Runtime,
) -> Container {
    let (plan, program) = match role {
        Role::Driver => (&application.driver, paths::DRIVER),
        Role::Executor => (&application.executor, paths::EXECUTOR),
    };
    let mut container = template;
    container_name(role).clone_into(&mut container.name);
    let (image, policy) = match &plan.image {
        Image::Runtime => (&runtime.image, Some(runtime.pull_policy.clone())),
        Image::User(image) => (image, container.image_pull_policy.take()),
    };
    container.image = Some(image.clone());
    container.image_pull_policy = plan.image_pull_policy.clone().or(policy);
    container.command = Some(started_by_loader(program));
    container.args = Some(match role {
        Role::Driver => driver_args(application),
        Role::Executor => vec!["executor".to_owned()],
    });
    let mut all_ports = own_ports(role);
    let exporter = exporter(application).filter(|exporter| exporter.exposes(role));
    all_ports.extend(exporter.map(|exporter| exporter.container_port()));
    all_ports.extend(container.ports.take().unwrap_or_default());
    all_ports.extend(plan.ports.iter().cloned());
    container.ports = Some(all_ports);
    container.resources = Some(plan.resources.on(container.resources.take()));
    if !plan.env_from.is_empty() {
        container.env_from.get_or_insert_default().extend(plan.env_from.iter().cloned());
    }
    if plan.lifecycle.is_some() {
        container.lifecycle.clone_from(&plan.lifecycle);
    }
    let context = plan.security_context.clone().or(container.security_context.take());
    container.security_context = Some(container_context(context));
    container
}

/// The init container that copies the engine to where the Spark container of a user's image mounts it.
pub fn engine_container(plan: &PodPlan, runtime: &Runtime) -> Option<Container> {
    (plan.image != Image::Runtime).then(|| {
        let mut command = started_by_loader(paths::EXECUTOR);
        command.extend(["install".to_owned(), paths::ENGINE_INSTALL.to_owned()]);
        let own = Resources { extended: BTreeMap::new(), ..plan.resources.clone() };
        Container {
            name: names::ENGINE_CONTAINER.to_owned(),
            image: Some(runtime.image.clone()),
            image_pull_policy: Some(runtime.pull_policy.clone()),
            command: Some(command),
            // As much as the Spark container: it runs before it and so costs nothing, and a quota
            // wants every container to say something.
            resources: Some(own.on(None)),
            security_context: Some(container_context(None)),
            volume_mounts: Some(vec![mount(names::ENGINE_CONTAINER, paths::ENGINE_INSTALL)]),
            ..Container::default()
        }
    })
}

/// Every program of ours is started by the loader it brings, so that it runs in any image.
fn started_by_loader(program: &str) -> Vec<String> {
    [paths::LOADER, "--library-path", paths::LIBRARIES, program].map(ToOwned::to_owned).to_vec()
}

fn driver_args(application: &ValidatedApplication) -> Vec<String> {
    let mut args = ["driver", "--properties-file", paths::SPARK_PROPERTIES].map(ToOwned::to_owned).to_vec();
    args.push(application.main_file.clone());
    args.extend(application.arguments.iter().cloned());
    args
}

fn own_ports(role: Role) -> Vec<ContainerPort> {
    let port = |name: &str, number: u16| ContainerPort {
        name: Some(name.to_owned()),
        container_port: i32::from(number),
        protocol: Some("TCP".to_owned()),
        ..ContainerPort::default()
    };
    match role {
        Role::Driver => vec![
            port(ports::DRIVER_RPC_NAME, ports::DRIVER_RPC),
            port(ports::BLOCK_MANAGER_NAME, ports::BLOCK_MANAGER),
            port(ports::SPARK_UI_NAME, ports::SPARK_UI),
        ],
        Role::Executor => vec![
            port(ports::BLOCK_MANAGER_NAME, ports::BLOCK_MANAGER),
            port(ports::EXECUTOR_GRPC_NAME, ports::EXECUTOR_GRPC),
        ],
    }
}
