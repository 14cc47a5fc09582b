//! The objects against those that a real `spark-submit` sent (`recorded/record`), and what Kubeflow's webhook adds.

use std::collections::{BTreeMap, BTreeSet};

use cerium_crds::SparkApplication;
use cerium_crds::validate::validate;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

use super::*;
use crate::build::Runtime;

const SUBMISSION: &str = "5e4c5a66-6f2e-4b6f-9d5f-0c6f2f3f6a11";

fn objects(manifest: &str) -> Objects {
    let application: SparkApplication = serde_yaml::from_str(manifest).unwrap();
    let valid = validate(&application).unwrap();
    let submission =
        Submission { id: SUBMISSION.into(), time: Timestamp::from_second(1_800_000_000).unwrap() };
    let runtime = Runtime { image: "not/used:1".into(), pull_policy: "Never".into(), ..Runtime::default() };
    crate::build::build(&valid, &submission, &runtime).unwrap()
}

fn file(name: &str) -> String {
    std::fs::read_to_string(crate::golden::path(&format!("src/build/spark/recorded/{name}"))).unwrap()
}

/// In the order in which Spark sends them.
fn values(objects: &Objects) -> Vec<Value> {
    let mut all = vec![serde_json::to_value(&objects.driver_pod).unwrap()];
    all.extend(objects.of_driver.services.iter().map(|service| serde_json::to_value(service).unwrap()));
    all.extend(objects.of_driver.config_maps.iter().map(|map| serde_json::to_value(map).unwrap()));
    all
}

/// The recorded objects, with the names and numbers that differ from run to run replaced by ours.
fn recorded(case: &str, ours: &[Value]) -> Vec<Value> {
    let mut text = file(&format!("{case}.json"));
    let writes: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(writes.len(), ours.len());
    let name = |object: &Value| object["metadata"]["name"].as_str().unwrap().to_owned();
    let app =
        |object: &Value| object["metadata"]["labels"]["spark-app-selector"].as_str().unwrap().to_owned();
    let local_dir = |object: &Value| {
        let containers = object["spec"]["containers"].as_array().unwrap().clone();
        let mut env = containers.iter().filter_map(|container| container["env"].as_array()).flatten();
        let dir = env.rfind(|entry| entry["name"] == "SPARK_LOCAL_DIRS").unwrap();
        dir["value"].as_str().unwrap().to_owned()
    };
    for (write, ours) in writes.iter().zip(ours) {
        assert_eq!(write["object"]["kind"], ours["kind"]);
        text = text.replace(&name(&write["object"]), &name(ours));
    }
    text = text.replace(&app(&writes[0]["object"]), &app(&ours[0]));
    text = text.replace(&local_dir(&writes[0]["object"]), &local_dir(&ours[0]));
    let writes: Vec<Value> = serde_json::from_str(&text).unwrap();
    writes.into_iter().map(|write| write["object"].clone()).collect()
}

/// Every value by its path, with entries of lists by their names. What is empty or false is as good as left out.
fn flat(at: &str, value: &Value, into: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match (key.as_str(), value.as_str()) {
                    ("spark.properties", Some(text)) => {
                        let conf = SparkConf::from_properties(text).unwrap();
                        for (property, value) in conf.iter() {
                            into.insert(format!("{at}/{key}/{property}"), value.to_owned());
                        }
                    }
                    ("podspec-configmap-key", Some(text)) => {
                        flat(&format!("{at}/{key}"), &serde_yaml::from_str(text).unwrap(), into);
                    }
                    _ => flat(&format!("{at}/{key}"), value, into),
                }
            }
            if at.ends_with("/emptyDir") {
                into.insert(at.to_owned(), "{}".to_owned());
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                let name = value["mountPath"].as_str().or(value["name"].as_str());
                flat(&format!("{at}/{}", name.map_or_else(|| index.to_string(), str::to_owned)), value, into);
            }
        }
        Value::Null | Value::Bool(false) => {}
        Value::String(text) if text.is_empty() => {}
        Value::String(text) => {
            into.insert(at.to_owned(), text.clone());
        }
        other => {
            into.insert(at.to_owned(), other.to_string());
        }
    }
}

/// Where our objects differ, and why.
const DIFFERENCES: &[(&str, &str)] = &[
    ("Pod/metadata/namespace", "Spark names it in the path alone"),
    ("Service/metadata/namespace", "Spark names it in the path alone"),
    ("ConfigMap/metadata/namespace", "Spark names it in the path alone, but for the properties"),
    ("Service/metadata/ownerReferences", "set when the driver pod is created and has a UID"),
    ("ConfigMap/metadata/ownerReferences", "set when the driver pod is created and has a UID"),
    (
        "ConfigMap/data/spark.properties/spark.master",
        "the API server as the driver knows it, not the submitter",
    ),
    ("ConfigMap/data/spark.properties/spark.app.submitTime", "the time of this submission"),
    (
        "ConfigMap/data/spark.properties/spark.kubernetes.driver.podTemplateFile",
        "a file of the submitter; there is none here",
    ),
    (
        "ConfigMap/data/spark.properties/spark.kubernetes.driver.podTemplateContainerName",
        "for the submitter; the driver pod is there already",
    ),
    (
        "ConfigMap/data/podspec-configmap-key/metadata/ownerReferences",
        "Kubeflow adds the application, which keeps executors that wait for a node when their driver is gone",
    ),
    ("ConfigMap/data/podspec-configmap-key/spec/restartPolicy", "Spark sets it on executors as well"),
    ("ConfigMap/data/podspec-configmap-key/spec/serviceAccountName", "Spark takes the driver's as well"),
    ("ConfigMap/data/podspec-configmap-key/spec/nodeSelector", "Spark adds it from the properties as well"),
];

#[test]
fn the_objects_are_those_of_a_real_spark_submit() {
    let (mut seen, mut unknown) = (BTreeSet::new(), Vec::new());
    for case in ["java", "python", "r", "volumes"] {
        let ours = values(&objects(&file(&format!("{case}.yaml"))));
        let sparks = recorded(case, &ours);
        for (ours, sparks) in ours.iter().zip(&sparks) {
            let kind = ours["kind"].as_str().unwrap();
            let (mut left, mut right) = (BTreeMap::new(), BTreeMap::new());
            flat(kind, ours, &mut left);
            flat(kind, sparks, &mut right);
            let paths: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
            for path in paths.into_iter().filter(|path| left.get(*path) != right.get(*path)) {
                let known = DIFFERENCES.iter().find(|(start, _)| path.starts_with(start));
                let values = (left.get(path), right.get(path));
                match known {
                    Some((start, _)) => {
                        seen.insert(*start);
                    }
                    None => unknown.push(format!("{case}: {path} (ours, Spark's): {values:?}")),
                }
            }
        }
    }
    assert!(unknown.is_empty(), "{}", unknown.join("\n"));
    for (path, reason) in DIFFERENCES {
        assert!(seen.contains(path), "{path} does not differ any more ({reason})");
    }
}

/// An application that sets all that Kubeflow's webhook carries out.
const WEBHOOK: &str = "
    apiVersion: sparkoperator.k8s.io/v1beta2
    kind: SparkApplication
    metadata: {name: all, namespace: analytics, uid: u}
    spec:
      type: Java
      sparkVersion: 4.1.1
      image: registry/spark:4.1.1
      mainClass: org.example.All
      mainApplicationFile: local:///opt/app/all.jar
      hadoopConfigMap: hadoop
      sparkConfigMap: settings
      volumes: [{name: data, persistentVolumeClaim: {claimName: data}}, {name: spark-local-dir-1, emptyDir: {}}]
      driver: &pod
        serviceAccount: spark
        env: [{name: TOKEN, valueFrom: {secretKeyRef: {name: t, key: k}}}]
        envFrom: [{configMapRef: {name: more}}]
        configMaps: [{name: extra, path: /etc/extra}]
        volumeMounts: [{name: data, mountPath: /data}, {name: spark-local-dir-1, mountPath: /scratch}]
        ports: [{name: extra, protocol: TCP, containerPort: 9000}]
        hostNetwork: true
        hostAliases: [{ip: 10.0.0.1, hostnames: [db]}]
        initContainers: [{name: prepare, image: busybox}]
        sidecars: [{name: proxy, image: envoy}]
        dnsConfig: {searches: [example.org]}
        priorityClassName: high
        schedulerName: other
        nodeSelector: {disk: ssd}
        affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: []}}
        tolerations: [{key: spark, operator: Exists}]
        gpu: {name: nvidia.com/gpu, quantity: 2}
        securityContext: {runAsUser: 7}
        podSecurityContext: {fsGroup: 8}
        terminationGracePeriodSeconds: 60
        lifecycle: {preStop: {exec: {command: [sync]}}}
        shareProcessNamespace: true
      executor: *pod
";

#[test]
fn both_pods_get_what_kubeflows_webhook_adds() {
    let objects = objects(WEBHOOK);
    let maps = &objects.of_driver.config_maps;
    let template = &maps[0].data.as_ref().unwrap()[paths::POD_TEMPLATE_KEY];
    let executor: Pod = serde_yaml::from_str(template).unwrap();
    for (pod, name) in
        [(&objects.driver_pod, "spark-kubernetes-driver"), (&executor, "spark-kubernetes-executor")]
    {
        let pod = serde_json::to_value(pod).unwrap();
        let spec = &pod["spec"];
        let containers = spec["containers"].as_array().unwrap();
        assert_eq!(containers[1], json!({"name": "proxy", "image": "envoy"}), "{name}");
        let main = &containers[0];
        assert_eq!(main["name"], name);
        let named = |list: &Value, wanted: &str| -> Value {
            let all = list.as_array().unwrap();
            all.iter().rev().find(|entry| entry["name"] == wanted).cloned().unwrap_or_default()
        };
        assert_eq!(named(&main["env"], "TOKEN")["valueFrom"]["secretKeyRef"]["name"], "t");
        assert_eq!(named(&main["env"], "HADOOP_CONF_DIR")["value"], "/etc/hadoop/conf");
        assert_eq!(main["envFrom"], json!([{"configMapRef": {"name": "more"}}]));
        for (volume, path) in [
            ("data", "/data"),
            ("extra-vol", "/etc/extra"),
            ("hadoop-configmap-volume", "/etc/hadoop/conf"),
            ("spark-configmap-volume", "/etc/spark/conf"),
        ] {
            assert_eq!(named(&main["volumeMounts"], volume)["mountPath"], path, "{name}");
            assert!(named(&spec["volumes"], volume).is_object(), "{name} {volume}");
        }
        assert_eq!(named(&main["ports"], "extra")["containerPort"], 9000);
        assert_eq!(main["resources"]["limits"]["nvidia.com/gpu"], "2");
        assert_eq!(main["securityContext"], json!({"runAsUser": 7}));
        assert_eq!(main["lifecycle"], json!({"preStop": {"exec": {"command": ["sync"]}}}));
        for (field, value) in [
            ("hostNetwork", json!(true)),
            ("dnsPolicy", json!("ClusterFirstWithHostNet")),
            ("hostAliases", json!([{"ip": "10.0.0.1", "hostnames": ["db"]}])),
            ("initContainers", json!([{"name": "prepare", "image": "busybox"}])),
            ("dnsConfig", json!({"searches": ["example.org"]})),
            ("priorityClassName", json!("high")),
            ("schedulerName", json!("other")),
            ("nodeSelector", json!({"disk": "ssd"})),
            ("tolerations", json!([{"key": "spark", "operator": "Exists"}])),
            ("securityContext", json!({"fsGroup": 8})),
            ("terminationGracePeriodSeconds", json!(60)),
            ("shareProcessNamespace", json!(true)),
            ("restartPolicy", json!("Never")),
        ] {
            assert_eq!(spec[field], value, "{name} {field}");
        }
        assert!(spec["affinity"]["nodeAffinity"].is_object());
    }
    let properties = SparkConf::from_properties(&maps[1].data.as_ref().unwrap()["spark.properties"]).unwrap();
    for (key, value) in [
        // What Spark sets on executors whatever their template says.
        ("spark.kubernetes.executor.terminationGracePeriodSeconds", "60s"),
        ("spark.executorEnv.SPARK_CONF_DIR", "/etc/spark/conf"),
        ("spark.kubernetes.executor.volumes.emptyDir.spark-local-dir-1.mount.path", "/scratch"),
        ("spark.kubernetes.executor.podTemplateFile", "/opt/spark/pod-template/pod-spec-template.yml"),
    ] {
        assert_eq!(properties.get_str(key), Some(value), "{key}");
    }
    assert!(!template.contains("/scratch"), "Spark would mount it twice");
}

#[test]
fn the_jmx_exporter_is_set_up_as_by_kubeflow() {
    let manifest = "
        apiVersion: sparkoperator.k8s.io/v1beta2
        kind: SparkApplication
        metadata: {name: pi, namespace: analytics, uid: u}
        spec:
          type: Scala
          sparkVersion: 4.1.1
          image: registry/spark:4.1.1
          mainClass: org.example.Pi
          mainApplicationFile: local:///opt/app/pi.jar
          monitoring:
            exposeDriverMetrics: true
            exposeExecutorMetrics: true
            metricsProperties: '*.sink.jmx.class=A'
            prometheus: {jmxExporterJar: /prometheus/jmx.jar, port: 8091}
          driver: {javaOptions: -Xss2m}
          executor: {}
    ";
    let objects = objects(manifest);
    let map = objects.config_map.as_ref().unwrap();
    assert_eq!(map.metadata.name.as_deref(), Some("pi-prom-conf"));
    let data = map.data.as_ref().unwrap();
    assert_eq!(data["metrics.properties"], "*.sink.jmx.class=A");
    let exporter: Value = serde_yaml::from_str(&data["prometheus.yaml"]).unwrap();
    assert!(!exporter["rules"].as_array().unwrap().is_empty());

    let maps = &objects.of_driver.config_maps;
    let properties = SparkConf::from_properties(&maps[1].data.as_ref().unwrap()["spark.properties"]).unwrap();
    let agent = "-javaagent:/prometheus/jmx.jar=8091:/etc/metrics/conf/prometheus.yaml";
    for (key, value) in [
        ("spark.metrics.namespace", "analytics.pi"),
        ("spark.metrics.conf", "/etc/metrics/conf/metrics.properties"),
        ("spark.driver.extraJavaOptions", &format!("-Xss2m {agent}")),
        ("spark.executor.extraJavaOptions", agent),
        ("spark.kubernetes.executor.annotation.prometheus.io/scrape", "true"),
    ] {
        assert_eq!(properties.get_str(key), Some(value), "{key}");
    }
    let annotations = objects.driver_pod.metadata.annotations.as_ref().unwrap();
    assert_eq!(annotations["prometheus.io/port"], "8091");
    assert_eq!(annotations["prometheus.io/path"], "/metrics");
    let template = &maps[0].data.as_ref().unwrap()[paths::POD_TEMPLATE_KEY];
    let executor: Pod = serde_yaml::from_str(template).unwrap();
    for pod in [&objects.driver_pod, &executor] {
        let container = &pod.spec.as_ref().unwrap().containers[0];
        assert!(
            container
                .ports
                .iter()
                .flatten()
                .any(|port| { (port.name.as_deref(), port.container_port) == (Some("jmx-exporter"), 8091) })
        );
        assert!(container.volume_mounts.iter().flatten().any(|mount| {
            (mount.name.as_str(), mount.mount_path.as_str()) == ("pi-prom-conf-vol", "/etc/metrics/conf")
        }));
    }
}

/// What docs/reference/connect-servers.md tells those who need Apache Spark's own Connect server.
#[test]
fn sparks_own_connect_server_is_a_program_like_others() {
    let jar = "local:///opt/spark/jars/spark-connect_2.13-4.1.1.jar";
    let class = "org.apache.spark.sql.connect.service.SparkConnectServer";
    let objects = objects(&format!(
        "
        apiVersion: sparkoperator.k8s.io/v1beta2
        kind: SparkApplication
        metadata: {{name: shared, namespace: analytics, uid: u}}
        spec:
          type: Scala
          sparkVersion: 4.1.1
          image: registry/spark:4.1.1
          mainClass: {class}
          mainApplicationFile: {jar}
          restartPolicy: {{type: Always}}
          driver: {{}}
          executor: {{}}
    "
    ));
    let container = &objects.driver_pod.spec.as_ref().unwrap().containers[0];
    let args = container.args.as_ref().unwrap();
    assert_eq!(args[args.len() - 3..], ["--class", class, jar]);
    assert!(container.ports.iter().flatten().any(|port| port.container_port == 15002));
    let labels = objects.driver_pod.metadata.labels.as_ref().unwrap();
    let selector = [("sparkoperator.k8s.io/app-name", "shared"), ("spark-role", "driver")];
    assert!(selector.iter().all(|(label, value)| labels[*label] == *value), "{labels:?}");
}
