//! The objects of servers: names, labels and ports are Kubeflow's.

use cerium_crds::SparkConnect;
use cerium_crds::connect::validate_connect;
use serde_json::{Value, json};

use super::*;
use crate::fixtures::{changed, golden_submission};

fn valid(spec: Value) -> ValidatedConnect {
    let whole = changed(json!({"sparkVersion": "4.1.1", "server": {}, "executor": {}}), &spec);
    let connect: SparkConnect = serde_json::from_value(json!({
        "apiVersion": "sparkoperator.k8s.io/v1alpha1", "kind": "SparkConnect",
        "metadata": {"name": "shared", "namespace": "analytics", "uid": "u-1", "labels": {"team": "a"}},
        "spec": whole,
    }))
    .unwrap();
    validate_connect(&connect).unwrap()
}

fn objects(spec: Value) -> ServerObjects {
    let (submission, runtime) = golden_submission();
    server(&valid(spec), &submission, &runtime).unwrap()
}

fn container(pod: &Pod) -> &Container {
    let containers = &pod.spec.as_ref().unwrap().containers;
    containers.iter().find(|container| container.name == "spark-kubernetes-driver").unwrap()
}

#[test]
fn a_server_with_its_service() {
    let objects = objects(json!({}));
    crate::golden::check(
        "src/build/golden/connect-server.yaml",
        &serde_yaml::to_string(&objects.pod).unwrap(),
    );
    let data = objects.config_map.data.as_ref().unwrap();
    crate::golden::check("src/build/golden/connect-executor.yaml", &data[paths::EXECUTOR_POD_KEY]);
    crate::golden::check("src/build/golden/connect.properties", &data[paths::SPARK_PROPERTIES_KEY]);
    let service = serde_yaml::to_string(&service(&valid(json!({})))).unwrap();
    crate::golden::check("src/build/golden/connect-service.yaml", &service);
}

#[test]
fn the_service_finds_the_server_by_kubeflows_labels_and_ports() {
    let pod = objects(json!({})).pod;
    let service = service(&valid(json!({})));
    let spec = service.spec.unwrap();
    let labels = pod.metadata.labels.unwrap();
    for (key, value) in spec.selector.as_ref().unwrap() {
        assert_eq!(labels.get(key), Some(value), "{key}");
    }
    let expected: BTreeMap<String, String> = [
        ("sparkoperator.k8s.io/launched-by-spark-operator", "true"),
        ("sparkoperator.k8s.io/connect-name", "shared"),
        ("spark-role", "connect-server"),
        ("spark-version", "4.1.1"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into();
    assert_eq!(spec.selector, Some(expected));
    let ports: Vec<_> = spec.ports.unwrap().into_iter().map(|port| (port.name.unwrap(), port.port)).collect();
    assert_eq!(
        ports.iter().map(|(name, port)| (name.as_str(), *port)).collect::<Vec<_>>(),
        [("driver-rpc", 7078), ("blockmanager", 7079), ("web-ui", 4040), ("spark-connect-server", 15002)]
    );
}

#[test]
fn its_pods_are_not_those_of_an_application_of_the_same_name() {
    let objects = objects(json!({}));
    let executor: Pod =
        serde_yaml::from_str(&objects.config_map.data.as_ref().unwrap()[paths::EXECUTOR_POD_KEY]).unwrap();
    for metadata in [&objects.pod.metadata, &executor.metadata] {
        let labels = metadata.labels.as_ref().unwrap();
        assert!(!labels.contains_key("sparkoperator.k8s.io/app-name"));
        assert_eq!(labels["sparkoperator.k8s.io/connect-name"], "shared");
        assert_eq!(labels["team"], "a");
        assert!(metadata.owner_references.iter().flatten().all(|owner| owner.kind == "SparkConnect"));
    }
    assert_eq!(objects.pod.metadata.owner_references.unwrap().len(), 1);
}

#[test]
fn what_the_template_says_of_resources_and_probes_stays() {
    let spec = json!({"server": {"cores": 4, "template": {"spec": {"containers": [{
        "name": "spark-kubernetes-driver", "image": "mine:1",
        "resources": {"requests": {"cpu": "300m", "memory": "1Gi"}},
        "readinessProbe": {"tcpSocket": {"port": 15002}, "periodSeconds": 2},
    }]}}}});
    let pod = objects(spec).pod;
    let container = container(&pod);
    assert_eq!(
        serde_json::to_value(&container.resources).unwrap(),
        json!({"requests": {"cpu": "300m", "memory": "1Gi"}})
    );
    assert_eq!(container.readiness_probe.as_ref().unwrap().period_seconds, Some(2));
    assert_eq!(container.startup_probe.as_ref().unwrap().failure_threshold, Some(300));
    assert_eq!(container.image.as_deref(), Some("mine:1"));
}

#[test]
fn the_manifests_service_keeps_its_name_type_and_labels() {
    let wanted = json!({"server": {"service": {
        "metadata": {"name": "front", "namespace": "elsewhere", "labels": {"part": "front"}},
        "spec": {"type": "LoadBalancer", "ports": [{"port": 1}]},
    }}});
    let service = service(&valid(wanted));
    assert_eq!(service.metadata.name.as_deref(), Some("front"));
    assert_eq!(service.metadata.namespace.as_deref(), Some("analytics"));
    assert_eq!(service.metadata.labels.unwrap()["part"], "front");
    let spec = service.spec.unwrap();
    assert_eq!(spec.type_.as_deref(), Some("LoadBalancer"));
    assert_eq!(spec.ports.unwrap().len(), 4);
}
