//! From a SparkConnect to its pods: expected values are the documentation's.

use super::*;

fn connect(overlay: &str) -> SparkConnect {
    let mut value: serde_json::Value = serde_yaml::from_str(
        "
        apiVersion: sparkoperator.k8s.io/v1alpha1
        kind: SparkConnect
        metadata: {name: shared, namespace: ns, uid: u-1}
        spec: {sparkVersion: 4.1.1, server: {}, executor: {}}
        ",
    )
    .unwrap();
    let overlay: serde_json::Value = serde_yaml::from_str(overlay).unwrap();
    for (key, field) in overlay.as_object().into_iter().flatten() {
        value["spec"][key] = field.clone();
    }
    serde_json::from_value(value).unwrap()
}

fn problems(overlay: &str) -> Vec<String> {
    validate_connect(&connect(overlay)).unwrap_err().0.iter().map(ToString::to_string).collect()
}

#[test]
fn an_empty_manifest_has_sparks_defaults() {
    let valid = validate_connect(&connect("{}")).unwrap();
    assert_eq!(valid.application.driver_pod, "shared-server");
    assert_eq!(valid.service.metadata.name.as_deref(), Some("shared-server"));
    assert_eq!(valid.config_map, "shared-conf");
    // Spark's defaults: two executors of one core and 1 GiB, and 384 MiB on top.
    assert_eq!(valid.application.initial_executors(), 2);
    assert_eq!(valid.application.executor.resources.memory_mib, 1408);
}

#[test]
fn with_dynamic_allocation_there_may_be_no_executor_at_all() {
    for overlay in [
        "dynamicAllocation: {enabled: true}",
        "sparkConf: {spark.dynamicAllocation.enabled: 'true'}",
        "{dynamicAllocation: {enabled: true, minExecutors: 0}, executor: {instances: 0}}",
    ] {
        assert_eq!(
            validate_connect(&connect(overlay)).unwrap().application.initial_executors(),
            0,
            "{overlay}"
        );
    }
}

#[test]
fn hadoop_keys_may_have_their_prefix() {
    let valid = validate_connect(&connect("hadoopConf: {spark.hadoop.fs.s3a.endpoint: a, fs.s3a.region: b}"))
        .unwrap();
    let conf = |key: &str| valid.application.conf.get_str(key).map(str::to_owned);
    assert_eq!(conf("spark.hadoop.fs.s3a.endpoint").as_deref(), Some("a"));
    assert_eq!(conf("spark.hadoop.fs.s3a.region").as_deref(), Some("b"));
}

#[test]
fn what_follows_from_the_pod_cannot_be_set_and_is_told() {
    let valid = validate_connect(&connect("sparkConf: {spark.driver.host: x}")).unwrap();
    assert_eq!(valid.application.conf.get_str("spark.driver.host"), None);
    assert!(valid.application.ignored[0].starts_with("spec.sparkConf[spark.driver.host] has no effect"));
}

#[test]
fn errors_name_the_fields_of_this_kind() {
    assert!(problems("server: {memory: lots}")[0].starts_with("spec.server.memory: invalid server.memory: "));
    assert!(
        problems("server: {template: {spec: {containers: none}}}")[0].starts_with("spec.server.template: ")
    );
    assert!(
        problems("sparkConf: {spark.master: local}")[0]
            .contains("sparkConf key \"spark.master\" is not allowed: this value is managed by the operator")
    );
    assert!(problems("dynamicAllocation: {enabled: true, minExecutors: 3, maxExecutors: 2}")[0].starts_with(
        "spec.dynamicAllocation.minExecutors: dynamicAllocation.minExecutors (3) cannot be greater"
    ));
    assert!(
        problems("server: {service: {metadata: {name: Not_A_Name}}}")[0].starts_with("spec.server.service")
    );
    let mut long = connect("{}");
    long.metadata.name = Some("a".repeat(57));
    let found = validate_connect(&long).unwrap_err().to_string();
    assert!(found.contains("must be at most 56 characters"), "{found}");
    long.metadata.name = Some("a".repeat(56));
    assert!(validate_connect(&long).is_ok());
}

#[test]
fn the_service_alone_does_not_change_the_pods() {
    let fingerprint = |overlay: &str| validate_connect(&connect(overlay)).unwrap().fingerprint;
    assert_eq!(fingerprint("{}"), fingerprint("server: {service: {spec: {type: NodePort}}}"));
    assert_ne!(fingerprint("{}"), fingerprint("server: {cores: 2}"));
    // Nor does the number of executors, of which a server is told.
    assert_eq!(fingerprint("{}"), fingerprint("executor: {instances: 7}"));
    assert_eq!(fingerprint("{}"), fingerprint("sparkConf: {spark.dynamicAllocation.maxExecutors: '7'}"));
    let allocation = |bound: &str| fingerprint(&format!("dynamicAllocation: {{enabled: true{bound}}}"));
    assert_eq!(allocation(""), allocation(", minExecutors: 1, maxExecutors: 7"));
    assert_ne!(fingerprint("{}"), allocation(""));
}

#[test]
fn a_server_runs_on_ceriums_engine_alone_and_says_so() {
    for wish in ["spark", "flink"] {
        let found = problems(&format!("sparkConf: {{spark.cerium.engine: {wish}}}"));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("spec.sparkConf[spark.cerium.engine]"), "{found:?}");
        assert!(found[0].contains("a Spark Connect server runs on Cerium's engine"), "{found:?}");
    }
    assert!(validate_connect(&connect("sparkConf: {spark.cerium.engine: native}")).is_ok());
}
