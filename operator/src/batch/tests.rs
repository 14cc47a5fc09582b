//! What pods and groups carry for each scheduler. Amounts are arithmetic: memory plus an overhead of 0.4 of it for
//! Python and 0.1 for SQL, at least 384 MiB.

use cerium_crds::SparkApplication;
use cerium_crds::validate::validate;
use serde_json::{Value, json};

use super::*;

/// An application with these fields, arranged for the schedulers.
fn arranged(
    overlay: Value,
    schedulers: Option<&BatchSchedulers>,
) -> Result<(ValidatedApplication, Option<PodGroup>), ArrangeError> {
    let mut spec = json!({
        "type": "SQL", "sparkVersion": "4.1.1", "mainApplicationFile": "local:///opt/app/pi.sql",
        "driver": {"memory": "512m"}, "executor": {"memory": "512m", "instances": 2},
    });
    for (key, value) in overlay.as_object().unwrap() {
        spec[key] = value.clone();
    }
    let application: SparkApplication = serde_json::from_value(json!({
        "apiVersion": "sparkoperator.k8s.io/v1beta2", "kind": "SparkApplication",
        "metadata": {"name": "pi", "namespace": "ns", "uid": "u-1"},
        "spec": spec,
    }))
    .unwrap();
    let mut valid = validate(&application).unwrap();
    let group = arrange(&mut valid, &application.spec, schedulers)?;
    Ok((valid, group))
}

fn on(scheduler: &str, overlay: Value) -> (ValidatedApplication, Option<PodGroup>) {
    let schedulers = BatchSchedulers { kube_schedulers: vec!["default-scheduler".into()], default: None };
    let mut overlay = overlay;
    overlay["batchScheduler"] = json!(scheduler);
    arranged(overlay, Some(&schedulers)).unwrap()
}

fn task_groups(overlay: Value) -> Value {
    let (application, group) = on("yunikorn", overlay);
    assert_eq!(group, None);
    assert_eq!(application.driver.annotations["yunikorn.apache.org/task-group-name"], "spark-driver");
    assert_eq!(application.executor.annotations["yunikorn.apache.org/task-group-name"], "spark-executor");
    serde_json::from_str(&application.driver.annotations["yunikorn.apache.org/task-groups"]).unwrap()
}

#[test]
fn yunikorn_keeps_room_for_what_pods_really_request() {
    let (application, _) = on("yunikorn", json!({"batchSchedulerOptions": {"queue": "root.default"}}));
    assert_eq!(application.driver.labels["queue"], "root.default");
    assert_eq!(application.executor.labels["queue"], "root.default");
    assert_eq!(
        application.driver.annotations["yunikorn.apache.org/task-groups"],
        r#"[{"name":"spark-driver","minMember":1,"minResource":{"cpu":"1","memory":"896Mi"}},"#.to_owned()
            + r#"{"name":"spark-executor","minMember":2,"minResource":{"cpu":"1","memory":"896Mi"}}]"#
    );
    // 8192 * 1.3; 65536 + 2048; the largest of 4, 8 and 2 executors.
    let groups = task_groups(json!({
        "type": "Python", "mainApplicationFile": "local:///a.py", "memoryOverheadFactor": "0.3",
        "driver": {"cores": 4, "coreRequest": "2000m", "memory": "8g"},
        "executor": {"instances": 4, "cores": 8, "memory": "64g", "memoryOverhead": "2g"},
        "dynamicAllocation": {"enabled": true, "initialExecutors": 8, "minExecutors": 2},
    }));
    assert_eq!(
        groups,
        json!([
            {"name": "spark-driver", "minMember": 1, "minResource": {"cpu": "2000m", "memory": "10649Mi"}},
            {"name": "spark-executor", "minMember": 8, "minResource": {"cpu": "8", "memory": "67584Mi"}},
        ])
    );
    // 512 + 384 + 400 + 500
    let groups = task_groups(json!({
        "type": "Python", "mainApplicationFile": "local:///a.py",
        "sparkConf": {
            "spark.memory.offHeap.enabled": "true", "spark.memory.offHeap.size": "400m",
            "spark.executor.pyspark.memory": "500m",
        },
    }));
    assert_eq!(groups[1]["minResource"], json!({"cpu": "1", "memory": "1796Mi"}));
}

#[test]
fn yunikorn_is_told_where_pods_may_go() {
    let tolerations = json!([{"key": "spark", "operator": "Equal", "value": "yes", "effect": "NoSchedule"}]);
    let term = json!({"matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}]});
    let affinity = json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}});
    let groups = task_groups(json!({
        "driver": {"memory": "1g", "nodeSelector": {"zone": "a"}, "tolerations": tolerations},
        "executor": {"memory": "1g", "affinity": affinity, "labels": {"tier": "back"}, "gpu": {"name": "nvidia.com/gpu", "quantity": 1}},
    }));
    let driver = json!({
        "name": "spark-driver", "minMember": 1, "minResource": {"cpu": "1", "memory": "1408Mi"},
        "nodeSelector": {"zone": "a"}, "tolerations": tolerations,
    });
    let executor = json!({
        "name": "spark-executor", "minMember": 1,
        "minResource": {"cpu": "1", "memory": "1408Mi", "nvidia.com/gpu": "1"},
        "affinity": affinity, "labels": {"tier": "back"},
    });
    assert_eq!(groups, json!([driver, executor]));
}

#[test]
fn a_group_of_no_executors_is_left_out() {
    let groups = task_groups(json!({
        "executor": {"memory": "1g"}, "dynamicAllocation": {"enabled": true, "minExecutors": 0},
    }));
    assert_eq!(groups.as_array().unwrap().len(), 1);
}

#[test]
fn volcano_has_a_group_with_the_requests_of_all_pods() {
    let (application, group) = on(
        "volcano",
        json!({
            "executor": {"memory": "512m", "coreRequest": "250m", "instances": 3},
            "batchSchedulerOptions": {"queue": "blue", "priorityClassName": "high"},
        }),
    );
    let group = group.unwrap();
    assert_eq!(group.id.resource.plural, "podgroups");
    // 1 + 3 * 0.25 cores, 4 * 896 MiB
    crate::golden::check("src/batch/golden/volcano.yaml", &serde_yaml::to_string(&group.object).unwrap());
    assert_eq!(
        group.object.data["spec"],
        json!({
            "minMember": 1, "minResources": {"cpu": "1750m", "memory": "3584Mi"},
            "queue": "blue", "priorityClassName": "high",
        })
    );
    for plan in [&application.driver, &application.executor] {
        assert_eq!(plan.annotations["scheduling.k8s.io/group-name"], "spark-pi-pg");
        assert_eq!(plan.scheduler_name.as_deref(), Some("volcano"));
    }
    let wanted = json!({"batchSchedulerOptions": {"resources": {"cpu": "4", "memory": "8Gi"}}});
    let group = on("volcano", wanted).1.unwrap();
    assert_eq!(group.object.data["spec"]["minResources"], json!({"cpu": "4", "memory": "8Gi"}));
}

#[test]
fn a_group_of_the_users_own_stays() {
    let own = json!({"driver": {"annotations": {"scheduling.k8s.io/group-name": "mine"}}});
    let (application, group) = on("volcano", own);
    assert_eq!(group, None);
    assert_eq!(application.driver.annotations["scheduling.k8s.io/group-name"], "mine");
}

#[test]
fn a_kube_scheduler_has_a_group_that_a_label_names() {
    let (application, group) = on("default-scheduler", json!({}));
    crate::golden::check(
        "src/batch/golden/kube-scheduler.yaml",
        &serde_yaml::to_string(&group.unwrap().object).unwrap(),
    );
    for plan in [&application.driver, &application.executor] {
        assert_eq!(plan.labels["scheduling.x-k8s.io/pod-group"], "pi-pg");
        assert_eq!(plan.scheduler_name.as_deref(), Some("default-scheduler"));
    }
}

#[test]
fn pods_that_spark_makes_itself_get_the_same() {
    let (application, _) = on("volcano", json!({}));
    let conf = |key: &str| application.conf.get_str(key);
    assert_eq!(conf("spark.kubernetes.executor.scheduler.name"), Some("volcano"));
    assert_eq!(
        conf("spark.kubernetes.executor.annotation.scheduling.k8s.io/group-name"),
        Some("spark-pi-pg")
    );
}

#[test]
fn the_default_is_for_applications_that_name_none() {
    let schedulers = BatchSchedulers { kube_schedulers: Vec::new(), default: Some("yunikorn".into()) };
    assert_eq!(schedulers.check(), Ok(()));
    let (application, _) = arranged(json!({"batchScheduler": ""}), Some(&schedulers)).unwrap();
    assert_eq!(application.driver.scheduler_name.as_deref(), Some("yunikorn"));
    let (_, group) = arranged(json!({"batchScheduler": "volcano"}), Some(&schedulers)).unwrap();
    assert!(group.is_some());
}

#[test]
fn an_unknown_scheduler_is_named_with_those_that_are_known() {
    let schedulers =
        BatchSchedulers { kube_schedulers: vec!["second".into()], default: Some("third".into()) };
    let error = arranged(json!({"batchScheduler": "other"}), Some(&schedulers)).unwrap_err().to_string();
    assert!(
        error.starts_with("failed during batch scheduler setup or check: failed to get scheduler other"),
        "{error}"
    );
    assert!(error.ends_with("volcano, yunikorn, second"), "{error}");
    assert!(schedulers.check().is_err());
}

#[test]
fn switched_off_only_the_name_of_the_scheduler_is_set() {
    let (application, group) = arranged(json!({"batchScheduler": "volcano"}), None).unwrap();
    assert_eq!(group, None);
    assert_eq!(application.executor.scheduler_name.as_deref(), Some("volcano"));
    assert!(application.driver.annotations.is_empty());
}

#[test]
fn settings_that_the_scheduler_does_not_know_are_told() {
    let spec = |overlay: Value| -> SparkApplicationSpec {
        let mut spec = json!({
            "type": "SQL", "sparkVersion": "4.1.1", "mainApplicationFile": "a.sql", "driver": {}, "executor": {},
            "batchSchedulerOptions": {"queue": "q", "priorityClassName": "p"},
        });
        spec["batchScheduler"] = overlay;
        serde_json::from_value(spec).unwrap()
    };
    let all = BatchSchedulers::default();
    assert!(unused(&spec(json!("volcano")), Some(&all)).is_empty());
    let told = unused(&spec(json!("yunikorn")), Some(&all));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("spec.batchSchedulerOptions.priorityClassName has no effect"), "{told:?}");
    assert_eq!(unused(&spec(json!("volcano")), None).len(), 2);
}
