//! Whole objects against golden files, and what must hold of all of them.

use std::collections::BTreeMap;

use cerium_conf::paths;
use cerium_crds::SparkApplication;
use cerium_crds::validate::validate;
use k8s_openapi::api::core::v1::Container;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde_json::{Value, json};

use super::*;
use crate::fixtures::golden_submission;

fn application(overlay: &str) -> SparkApplication {
    let mut spec = json!({
        "type": "SQL", "sparkVersion": "4.1.1", "mainApplicationFile": "local:///opt/app/pi.sql",
        "driver": {"serviceAccount": "spark"}, "executor": {},
    });
    let overlay: Value = serde_yaml::from_str(overlay).unwrap();
    for (key, value) in overlay.as_object().into_iter().flatten() {
        spec[key] = value.clone();
    }
    serde_json::from_value(json!({
        "apiVersion": "sparkoperator.k8s.io/v1beta2",
        "kind": "SparkApplication",
        "metadata": {
            "name": "pi", "namespace": "analytics", "uid": "0d3e4d52-6d4b-4c0e-8c36-0e7d0a2a6c11",
            "labels": {"team": "a", "kueue.x-k8s.io/queue-name": "q"},
        },
        "spec": spec,
    }))
    .unwrap()
}

fn objects(overlay: &str) -> Objects {
    let valid = validate(&application(overlay)).unwrap();
    let (submission, runtime) = golden_submission();
    build(&valid, &submission, &runtime).unwrap()
}

fn data(objects: &Objects) -> &BTreeMap<String, String> {
    objects.config_map.as_ref().unwrap().data.as_ref().unwrap()
}

fn executor(objects: &Objects) -> Pod {
    serde_yaml::from_str(&data(objects)[paths::EXECUTOR_POD_KEY]).unwrap()
}

fn main_container<'a>(pod: &'a Pod, name: &str) -> &'a Container {
    pod.spec.as_ref().unwrap().containers.iter().find(|container| container.name == name).unwrap()
}

fn check_golden(name: &str, overlay: &str) {
    let objects = objects(overlay);
    crate::golden::check(
        &format!("src/build/golden/{name}-driver.yaml"),
        &serde_yaml::to_string(&objects.driver_pod).unwrap(),
    );
    let data = data(&objects);
    crate::golden::check(&format!("src/build/golden/{name}-executor.yaml"), &data[paths::EXECUTOR_POD_KEY]);
    crate::golden::check(&format!("src/build/golden/{name}.properties"), &data[paths::SPARK_PROPERTIES_KEY]);
}

#[test]
fn a_small_application() {
    check_golden("small", "{}");
}

/// Kubernetes deletes a pod once none of its owners lives: the application must not be one beside the driver pod.
#[test]
fn the_application_is_no_owner_of_executors() {
    assert_eq!(executor(&objects("{}")).metadata.owner_references, None);
}

#[test]
fn executors_have_the_token_of_an_account_that_is_named_for_them() {
    let mounted = |overlay: &str| executor(&objects(overlay)).spec.unwrap().automount_service_account_token;
    assert_eq!(mounted("{}"), Some(false));
    assert_eq!(mounted("executor: {serviceAccount: vault}"), None);
    assert_eq!(mounted("executor: {template: {spec: {serviceAccountName: vault}}}"), None);
}

/// As Kubeflow's webhook sets it; the engine's own files stay where they are.
#[test]
fn the_config_map_of_the_manifest_is_sparks_configuration() {
    let driver = |overlay: &str| {
        let pod = objects(overlay).driver_pod;
        let env = main_container(&pod, "spark-kubernetes-driver").env.clone().unwrap();
        ["SPARK_CONF_DIR", "CERIUM_CONF_DIR"]
            .map(|name| env.iter().find(|variable| variable.name == name).unwrap().value.clone().unwrap())
    };
    assert_eq!(driver("{}"), ["/opt/spark/conf", "/opt/spark/conf"]);
    assert_eq!(driver("sparkConfigMap: files"), ["/etc/spark/conf", "/opt/spark/conf"]);
}

#[test]
fn pods_without_a_template_are_labelled_as_kubeflows() {
    let label = |pod: &Pod| {
        pod.metadata.labels.as_ref().unwrap().get(cerium_crds::labels::MUTATED_BY_SPARK_OPERATOR).cloned()
    };
    let made = objects("executor: {template: {spec: {}}}");
    assert_eq!((label(&made.driver_pod), label(&executor(&made))), (Some("true".into()), None));
}

const EVERYTHING: &str = "
    type: Python
    mainApplicationFile: s3a://bucket/job.py
    arguments: [--days, '7']
    image: registry/users-image:2
    imagePullPolicy: Always
    imagePullSecrets: [pull]
    sparkConf: {spark.kubernetes.local.dirs.tmpfs: 'true'}
    volumes:
      - {name: data, persistentVolumeClaim: {claimName: data}}
      - {name: unused, emptyDir: {}}
    driver:
      podName: pilot
      cores: 2
      coreRequest: 500m
      coreLimit: '2'
      memory: 2g
      serviceAccount: spark
      labels: {tier: front}
      annotations: {note: driver}
      env: [{name: TOKEN, valueFrom: {secretKeyRef: {name: t, key: k}}}]
      envFrom: [{configMapRef: {name: settings}}]
      volumeMounts: [{name: data, mountPath: /data}]
      secrets: [{name: gcp, path: /mnt/gcp, secretType: GCPServiceAccount}]
      configMaps: [{name: extra, path: /etc/extra}]
      nodeSelector: {disk: ssd}
      tolerations: [{key: spark, operator: Exists}]
      hostAliases: [{ip: 10.0.0.1, hostnames: [db]}]
      dnsConfig: {searches: [example.org]}
      lifecycle: {preStop: {exec: {command: [sync]}}}
      priorityClassName: high
      schedulerName: other
      terminationGracePeriodSeconds: 60
      shareProcessNamespace: true
      ports: [{name: extra, protocol: TCP, containerPort: 9000}]
      initContainers: [{name: prepare, image: busybox}]
      sidecars: [{name: proxy, image: envoy}]
      template:
        metadata: {labels: {from: template}}
        spec:
          topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway}]
          containers:
            - {name: logger, image: fluent}
            - name: spark-kubernetes-driver
              env: [{name: FROM_TEMPLATE, value: 'yes'}]
              resources: {limits: {ephemeral-storage: 1Gi}}
    executor:
      instances: 3
      cores: 4
      memory: 4g
      gpu: {name: nvidia.com/gpu, quantity: 1}
      podSecurityContext: {runAsUser: 1000, fsGroup: 2000}
      securityContext: {readOnlyRootFilesystem: false}
      affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: gpu, operator: Exists}]}]}}}
";

#[test]
fn an_application_that_says_everything() {
    check_golden("everything", EVERYTHING);
}

#[test]
fn the_main_container_starts_the_program_through_the_loader() {
    let objects = objects("arguments: ['--day', '1']");
    let container = main_container(&objects.driver_pod, "spark-kubernetes-driver");
    assert_eq!(
        container.command.as_deref().unwrap(),
        ["/opt/cerium/lib/ld.so", "--library-path", "/opt/cerium/lib", "/opt/cerium/bin/cerium-driver"]
    );
    assert_eq!(
        container.args.as_deref().unwrap(),
        [
            "driver",
            "--properties-file",
            "/opt/spark/conf/spark.properties",
            "local:///opt/app/pi.sql",
            "--day",
            "1"
        ]
    );
    let executor = executor(&objects);
    assert_eq!(main_container(&executor, "spark-kubernetes-executor").args.as_deref().unwrap(), ["executor"]);
}

#[test]
fn memory_is_sparks() {
    // 1024 + 384 MiB for SQL; 2048 + 0.4 * 2048 and 4096 + 0.4 * 4096 MiB for Python.
    let memory = |pod: &Pod, name: &str| {
        let resources = main_container(pod, name).resources.clone().unwrap();
        let of = |map: Option<BTreeMap<String, Quantity>>| map.unwrap()["memory"].0.clone();
        (of(resources.requests), of(resources.limits))
    };
    let small = objects("{}");
    let expected = |mib: u32| (format!("{mib}Mi"), format!("{mib}Mi"));
    assert_eq!(memory(&small.driver_pod, "spark-kubernetes-driver"), expected(1408));
    assert_eq!(memory(&executor(&small), "spark-kubernetes-executor"), expected(1408));
    let large = objects(EVERYTHING);
    assert_eq!(memory(&large.driver_pod, "spark-kubernetes-driver"), expected(2867));
    assert_eq!(memory(&executor(&large), "spark-kubernetes-executor"), expected(5734));
}

#[test]
fn only_a_users_image_gets_the_engine_copied_into_it() {
    let own = objects("{}");
    assert_eq!(own.driver_pod.spec.as_ref().unwrap().init_containers, None);
    let users = objects("image: registry/mine:1");
    for (pod, name) in
        [(&users.driver_pod, "spark-kubernetes-driver"), (&executor(&users), "spark-kubernetes-executor")]
    {
        let spec = pod.spec.as_ref().unwrap();
        let init = &spec.init_containers.as_ref().unwrap()[0];
        assert_eq!(
            (init.name.as_str(), init.image.as_deref()),
            ("cerium-engine", Some("registry/cerium-runtime:1"))
        );
        assert_eq!(
            init.command.as_ref().unwrap()[3..],
            ["/opt/cerium/bin/cerium-executor", "install", "/opt/cerium-engine"]
        );
        assert_eq!(init.volume_mounts.as_ref().unwrap()[0].mount_path, "/opt/cerium-engine");
        let container = main_container(pod, name);
        assert_eq!(container.image.as_deref(), Some("registry/mine:1"));
        let mount =
            container.volume_mounts.iter().flatten().find(|mount| mount.name == "cerium-engine").unwrap();
        assert_eq!(mount.mount_path, "/opt/cerium");
    }
}

#[test]
fn every_mount_has_its_volume_and_a_place_of_its_own() {
    for overlay in ["{}", "image: registry/mine:1", EVERYTHING] {
        let objects = objects(overlay);
        for pod in [&objects.driver_pod, &executor(&objects)] {
            let spec = pod.spec.as_ref().unwrap();
            let volumes: Vec<&str> =
                spec.volumes.iter().flatten().map(|volume| volume.name.as_str()).collect();
            for (at, name) in volumes.iter().enumerate() {
                assert!(!volumes[..at].contains(name), "volume {name} twice");
            }
            for container in spec.containers.iter().chain(spec.init_containers.iter().flatten()) {
                let mounts = container.volume_mounts.as_deref().unwrap_or_default();
                for (at, mount) in mounts.iter().enumerate() {
                    assert!(volumes.contains(&mount.name.as_str()), "no volume {}", mount.name);
                    let twice = mounts[..at].iter().any(|other| other.mount_path == mount.mount_path);
                    assert!(!twice, "two mounts at {}", mount.mount_path);
                }
            }
        }
    }
}

#[test]
fn pods_are_found_by_kubeflows_and_sparks_labels() {
    let objects = objects("{}");
    let labels = |pod: &Pod| pod.metadata.labels.clone().unwrap();
    let driver = labels(&objects.driver_pod);
    for (key, value) in [
        ("sparkoperator.k8s.io/app-name", "pi"),
        ("sparkoperator.k8s.io/launched-by-spark-operator", "true"),
        ("sparkoperator.k8s.io/submission-id", "5e4c5a66-6f2e-4b6f-9d5f-0c6f2f3f6a11"),
        ("spark-role", "driver"),
        ("spark-app-selector", "spark-5e4c5a666f2e4b6f9d5f0c6f2f3f6a11"),
        ("spark-app-name", "pi"),
        ("spark-version", "4.1.1"),
        ("team", "a"),
    ] {
        assert_eq!(driver.get(key).map(String::as_str), Some(value), "{key}");
    }
    assert!(!driver.contains_key("kueue.x-k8s.io/queue-name"));
    assert_eq!(labels(&executor(&objects))["spark-role"], "executor");
}

#[test]
fn users_cannot_take_the_labels_and_variables_the_engine_relies_on() {
    let objects = objects(
        "
        driver:
          env: [{name: SPARK_APPLICATION_ID, value: mine}, {name: SPARK_USER, value: ada}]
          template: {metadata: {labels: {spark-role: other}}}
        ",
    );
    assert_eq!(objects.driver_pod.metadata.labels.as_ref().unwrap()["spark-role"], "driver");
    let env = main_container(&objects.driver_pod, "spark-kubernetes-driver").env.clone().unwrap();
    let value = |name: &str| {
        let all: Vec<_> = env.iter().filter(|variable| variable.name == name).collect();
        assert_eq!(all.len(), 1, "{name}");
        all[0].value.clone().unwrap()
    };
    assert_eq!(value("SPARK_APPLICATION_ID"), "spark-5e4c5a666f2e4b6f9d5f0c6f2f3f6a11");
    assert_eq!(value("SPARK_USER"), "ada");
}

#[test]
fn scratch_space_of_the_user_replaces_ours() {
    let objects = objects(
        "
        volumes: [{name: spark-local-dir-1, emptyDir: {medium: Memory, sizeLimit: 1Gi}}]
        driver: {volumeMounts: [{name: spark-local-dir-1, mountPath: /scratch}]}
        ",
    );
    let container = main_container(&objects.driver_pod, "spark-kubernetes-driver");
    let dirs = container.env.iter().flatten().find(|variable| variable.name == "SPARK_LOCAL_DIRS").unwrap();
    assert_eq!(dirs.value.as_deref(), Some("/scratch"));
    let volumes = objects.driver_pod.spec.as_ref().unwrap().volumes.as_ref().unwrap();
    let scratch: Vec<_> = volumes.iter().filter(|volume| volume.name == "spark-local-dir-1").collect();
    assert_eq!(scratch.len(), 1);
    assert_eq!(scratch[0].empty_dir.as_ref().unwrap().medium.as_deref(), Some("Memory"));
}

#[test]
fn metrics_are_served_at_the_exporters_port_by_whom_the_manifest_says() {
    let objects = objects(
        "{monitoring: {exposeDriverMetrics: true, exposeExecutorMetrics: false,
           prometheus: {jmxExporterJar: /jmx.jar, port: 8091}}}",
    );
    let executor = executor(&objects);
    for (pod, name, exposed) in [
        (&objects.driver_pod, "spark-kubernetes-driver", true),
        (&executor, "spark-kubernetes-executor", false),
    ] {
        let annotation = |key: &str| pod.metadata.annotations.as_ref().and_then(|all| all.get(key)).cloned();
        assert_eq!(annotation("prometheus.io/port"), exposed.then(|| "8091".to_owned()), "{name}");
        assert_eq!(annotation("prometheus.io/path"), exposed.then(|| "/metrics".to_owned()), "{name}");
        let container = main_container(pod, name);
        let ports = container.ports.iter().flatten();
        assert_eq!(ports.filter(|port| port.container_port == 8091).count(), usize::from(exposed), "{name}");
        let variables = container.env.iter().flatten();
        let told = variables.filter(|variable| variable.name.starts_with("CERIUM_METRICS"));
        let told: Vec<_> = told.filter_map(|variable| variable.value.as_deref()).collect();
        assert_eq!(told, if exposed { vec!["8091", "analytics.pi"] } else { Vec::new() }, "{name}");
    }
}
