//! From a validated SparkConnect to its objects: the server pod is a driver pod whose program is the server. Pure.

use std::collections::BTreeMap;

use cerium_conf::{paths, ports};
use cerium_crds::connect::{CONTAINER_PORT_NAME, PORT, PORT_NAME, ValidatedConnect};
use cerium_crds::scale::{SCALE_ANNOTATION, Scale};
use cerium_crds::{GROUP, labels, names};
use k8s_openapi::api::core::v1::Probe;
use k8s_openapi::api::core::v1::{
    ConfigMap, Container, ContainerPort, Pod, ResourceRequirements, Service, ServicePort, TCPSocketAction,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{pod, properties};
use crate::build::{BuildError, Runtime, Submission};

/// The objects of a server.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerObjects {
    /// The properties of the server and the template of the executors.
    pub config_map: ConfigMap,
    /// The server pod.
    pub pod: Pod,
}

/// Builds what a new server pod needs.
///
/// # Errors
/// [`BuildError`], a fault of the operator.
pub fn server(
    connect: &ValidatedConnect,
    submission: &Submission,
    runtime: &Runtime,
) -> Result<ServerObjects, BuildError> {
    let application = &connect.application;
    let mut executor = pod::executor_template(application, submission, runtime);
    belongs_to(&mut executor.metadata, connect);
    let data = BTreeMap::from([
        (paths::SPARK_PROPERTIES_KEY.to_owned(), properties::properties(application, submission)),
        (paths::EXECUTOR_POD_KEY.to_owned(), serde_yaml::to_string(&executor).map_err(BuildError)?),
    ]);
    let config_map = ConfigMap {
        metadata: ObjectMeta {
            name: Some(connect.config_map.clone()),
            namespace: Some(application.namespace.clone()),
            labels: Some(common_labels(connect)),
            owner_references: Some(vec![owner(connect)]),
            ..ObjectMeta::default()
        },
        data: Some(data),
        ..ConfigMap::default()
    };
    let mut pod = pod::driver_pod(application, submission, runtime);
    belongs_to(&mut pod.metadata, connect);
    let owners = pod.metadata.owner_references.get_or_insert_default();
    owners.retain(|owner| owner.uid != application.uid);
    owners.push(owner(connect));
    let own_labels = pod.metadata.labels.get_or_insert_default();
    own_labels.insert(labels::SPARK_ROLE.to_owned(), labels::ROLE_CONNECT_SERVER.to_owned());
    let annotations = pod.metadata.annotations.get_or_insert_default();
    annotations.insert(labels::CONNECT_FINGERPRINT.to_owned(), connect.fingerprint.clone());
    annotations.insert(SCALE_ANNOTATION.to_owned(), Scale::of(&application.conf).to_string());
    if let Some(spec) = &mut pod.spec {
        for volume in spec.volumes.iter_mut().flatten() {
            if let Some(source) =
                volume.config_map.as_mut().filter(|_| volume.name == names::DRIVER_CONF_VOLUME)
            {
                source.name.clone_from(&connect.config_map);
            }
        }
        if let Some(container) =
            spec.containers.iter_mut().find(|container| container.name == names::DRIVER_CONTAINER)
        {
            serve(container, template_resources(connect));
        }
    }
    Ok(ServerObjects { config_map, pod })
}

/// The Service in front of the server.
pub fn service(connect: &ValidatedConnect) -> Service {
    let mut service = connect.service.clone();
    // What the manifest says of the namespace is passed over, as the owner must be in the same one.
    service.metadata.namespace = Some(connect.application.namespace.clone());
    service.metadata.labels.get_or_insert_default().extend(common_labels(connect));
    service.metadata.owner_references = Some(vec![owner(connect)]);
    let spec = service.spec.get_or_insert_default();
    spec.selector.get_or_insert_default().extend(selector(connect));
    spec.ports = Some(vec![
        port("driver-rpc", ports::DRIVER_RPC, "tcp"),
        port("blockmanager", ports::BLOCK_MANAGER, "tcp"),
        port("web-ui", ports::SPARK_UI, "http"),
        port(PORT_NAME, PORT, "grpc"),
    ]);
    service
}

fn port(name: &str, number: u16, protocol: &str) -> ServicePort {
    ServicePort {
        name: Some(name.to_owned()),
        port: i32::from(number),
        target_port: Some(IntOrString::Int(i32::from(number))),
        protocol: Some("TCP".to_owned()),
        app_protocol: Some(protocol.to_owned()),
        ..ServicePort::default()
    }
}

/// Labels of what is made for a SparkConnect besides pods.
fn common_labels(connect: &ValidatedConnect) -> BTreeMap<String, String> {
    [(labels::CREATED_BY_SPARK_OPERATOR, labels::TRUE), (labels::CONNECT_NAME, &connect.application.name)]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}

/// Labels by which the server pod is found.
fn selector(connect: &ValidatedConnect) -> BTreeMap<String, String> {
    [
        (labels::LAUNCHED_BY_SPARK_OPERATOR, labels::TRUE),
        (labels::CONNECT_NAME, &connect.application.name),
        (labels::SPARK_ROLE, labels::ROLE_CONNECT_SERVER),
        (labels::SPARK_VERSION, &connect.application.spark_version),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into()
}

/// A pod of a SparkConnect instead of one of an application of the same name.
fn belongs_to(metadata: &mut ObjectMeta, connect: &ValidatedConnect) {
    let all = metadata.labels.get_or_insert_default();
    all.remove(labels::APP_NAME);
    all.insert(labels::CONNECT_NAME.to_owned(), connect.application.name.clone());
}

/// The reference by which the garbage collector knows what belongs to the SparkConnect.
fn owner(connect: &ValidatedConnect) -> OwnerReference {
    OwnerReference {
        api_version: format!("{GROUP}/v1alpha1"),
        kind: "SparkConnect".to_owned(),
        name: connect.application.name.clone(),
        uid: connect.application.uid.clone(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

/// What the template requests for its Spark container.
fn template_resources(connect: &ValidatedConnect) -> Option<ResourceRequirements> {
    let containers = &connect.application.driver.template.spec.as_ref()?.containers;
    let named = containers.iter().find(|container| container.name == names::DRIVER_CONTAINER);
    named
        .or(containers.first())?
        .resources
        .clone()
        .filter(|wanted| *wanted != ResourceRequirements::default())
}

/// Makes a server of a driver's container.
fn serve(container: &mut Container, resources: Option<ResourceRequirements>) {
    let port = PORT.to_string();
    let args = ["connect", "--properties-file", paths::SPARK_PROPERTIES, "--port", &port];
    container.args = Some(args.map(ToOwned::to_owned).to_vec());
    container.ports.get_or_insert_default().push(ContainerPort {
        name: Some(CONTAINER_PORT_NAME.to_owned()),
        container_port: i32::from(PORT),
        protocol: Some("TCP".to_owned()),
        ..ContainerPort::default()
    });
    if resources.is_some() {
        container.resources = resources;
    }
    // As patient as Kubeflow's, five minutes in all, but looking every second: a server is there at once.
    container.startup_probe.get_or_insert_with(|| probe(1, 300));
    container.readiness_probe.get_or_insert_with(|| probe(10, 3));
}

fn probe(period_seconds: i32, failures: i32) -> Probe {
    let socket = TCPSocketAction { port: IntOrString::Int(i32::from(PORT)), ..TCPSocketAction::default() };
    Probe {
        tcp_socket: Some(socket),
        period_seconds: Some(period_seconds),
        timeout_seconds: Some(1),
        failure_threshold: Some(failures),
        ..Probe::default()
    }
}

#[cfg(test)]
mod tests;
