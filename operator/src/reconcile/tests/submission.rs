//! Submissions: the order of calls, what is found there already, and refusals.

use super::*;

/// An application on the Spark of its image.
fn java() -> Value {
    json!({
        "type": "Java", "mainClass": "org.example.Pi", "image": "registry/spark:4.1.1",
        "mainApplicationFile": "local:///opt/app/pi.jar",
    })
}

#[tokio::test]
async fn on_its_own_spark_the_driver_pod_comes_before_what_it_owns() {
    let stage = Stage::new(java());
    stage.play(0).await;
    assert_eq!(stage.state(), Phase::Completed);
    let id = stage.status().submission_id.unwrap().replace('-', "");
    let (service, template, properties) = (
        format!("pi-{}-driver-svc", &id[..16]),
        format!("pi-{}-driver-podspec-conf-map", &id[..16]),
        format!("spark-drv-{}-conf-map", &id[16..]),
    );
    assert_eq!(
        stage.api.world().writes[1..5],
        [
            "POST pods/pi-driver".to_owned(),
            format!("POST services/{service}"),
            format!("POST configmaps/{template}"),
            format!("POST configmaps/{properties}"),
        ]
    );
    let pod = stage.api.get("pods", "pi-driver").unwrap();
    assert_eq!(pod["metadata"]["ownerReferences"][0]["uid"], "uid-1");
    for (plural, name) in [("services", service), ("configmaps", template), ("configmaps", properties)] {
        let object = stage.api.get(plural, &name).unwrap();
        assert_eq!(
            object["metadata"]["ownerReferences"],
            json!([{
                "apiVersion": "v1", "kind": "Pod", "name": "pi-driver", "uid": pod["metadata"]["uid"],
                "controller": true,
            }]),
            "{name}"
        );
    }
}

#[tokio::test]
async fn killed_anywhere_a_driver_of_spark_has_all_that_it_needs() {
    for write in 0..9 {
        for cut in [Cut::Before(write), Cut::After(write)] {
            let stage = Stage::new(java());
            stage.api.world().cut = Some(cut);
            stage.play(0).await;
            assert_eq!(stage.state(), Phase::Completed, "{cut:?}");
            assert_eq!(stage.api.world().drivers.len(), 1, "{cut:?}");
            let world = stage.api.world();
            let count = |plural: &str| world.objects.keys().filter(|(kind, ..)| kind == plural).count();
            assert_eq!((count("services"), count("configmaps")), (1, 2), "{cut:?}");
        }
    }
}

#[tokio::test]
async fn a_driver_of_spark_without_its_service_does_not_wait_for_ever() {
    let stage = Stage::new(java());
    let text = "services is forbidden: exceeded quota: none, requested: services=1";
    stage.api.world().refuse = Some(("POST services", 403, "Forbidden", text));
    stage.play(0).await;
    assert_eq!(stage.state(), Phase::Failed);
    assert_eq!(stage.error_message(), format!("failed to run spark-submit: {text}"));
    assert!(stage.api.get("pods", "pi-driver").is_none());
}

#[tokio::test]
async fn an_old_cache_does_not_start_a_second_driver() {
    let stage = Stage::new(json!({}));
    stage.api.world().cut = Some(Cut::After(0));
    stage.pass().await.unwrap_err();
    stage.api.restart();
    let reserved = stage.application().unwrap();
    stage.play(0).await;
    stage.api.remove("pods", "pi-driver");
    // The cache still shows the reserved submission, long done.
    reconcile(&stage.context(), &reserved, false).await.unwrap();
    assert_eq!(stage.api.world().drivers.len(), 1);
    assert_eq!(stage.state(), Phase::Completed);
}

/// A driver pod as another operator makes it.
fn put_driver(stage: &Stage, submission: &str) {
    let owner = stage.application().unwrap().metadata.uid;
    stage.api.put(
        "pods",
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": "pi-driver", "namespace": "ns",
                "labels": {
                    "sparkoperator.k8s.io/app-name": "pi", "sparkoperator.k8s.io/submission-id": submission,
                    "spark-role": "driver", "spark-app-selector": "spark-1",
                },
                "ownerReferences": [{
                    "apiVersion": "sparkoperator.k8s.io/v1beta2", "kind": "SparkApplication", "name": "pi",
                    "uid": owner, "controller": true,
                }],
            },
            "status": {"phase": "Running"},
        }),
    );
}

#[tokio::test]
async fn a_driver_that_another_operator_made_and_did_not_write_down_is_adopted() {
    let kubeflows = [
        Value::Null,
        // It keeps the id of the last submission and empties driverInfo.
        json!({"applicationState": {"state": "PENDING_RERUN"}, "driverInfo": {}, "submissionID": "s-1",
               "submissionAttempts": 1, "executionAttempts": 1}),
    ];
    for (attempts, status) in (1..).zip(kubeflows) {
        let stage = Stage::new(json!({}));
        stage.edit(|application| application["status"] = status);
        put_driver(&stage, "s-2");
        stage.pass().await.unwrap();
        let status = stage.status();
        assert_eq!(status.application_state.state, Phase::Running);
        assert_eq!(status.submission_id.as_deref(), Some("s-2"));
        assert_eq!(status.spark_application_id.as_deref(), Some("spark-1"));
        assert_eq!((status.submission_attempts, status.execution_attempts), (Some(attempts), Some(attempts)));
        let touched = stage.api.world().writes.iter().any(|write| write.contains("pods/"));
        assert!(!touched, "{:?}", stage.api.world().writes);
    }
}

#[tokio::test]
async fn a_rerun_that_another_operator_prepared_gets_an_id_of_its_own() {
    let stage = Stage::new(json!({}));
    stage.edit(|application| {
        application["status"] = json!({
            "applicationState": {"state": "PENDING_RERUN"}, "driverInfo": {}, "submissionID": "s-1",
            "submissionAttempts": 1, "executionAttempts": 1,
        });
    });
    stage.pass().await.unwrap();
    assert_eq!(stage.state(), Phase::Submitted);
    assert_ne!(stage.status().submission_id.as_deref(), Some("s-1"));
    assert_eq!(stage.status().submission_attempts, Some(2));
}

#[tokio::test]
async fn a_change_by_somebody_else_is_not_overwritten() {
    let stage = Stage::new(json!({}));
    let old = stage.application().unwrap();
    let mut changed = stage.api.get("sparkapplications", "pi").unwrap();
    changed["metadata"]["resourceVersion"] = json!("77");
    changed["spec"]["suspend"] = json!(true);
    stage.api.world().objects.insert(("sparkapplications".into(), "ns".into(), "pi".into()), changed);
    let error = reconcile(&stage.context(), &old, false).await.unwrap_err();
    assert_eq!(error.retry(), crate::error::Retry::Reread);
    assert!(stage.api.world().writes.is_empty());
}

#[tokio::test]
async fn a_strangers_pod_of_that_name_is_a_failed_submission() {
    let stage = Stage::new(json!({}));
    stage.api.put(
        "pods",
        json!({"metadata": {"name": "pi-driver", "namespace": "ns"}, "status": {"phase": "Running"}}),
    );
    stage.play(0).await;
    assert_eq!(stage.state(), Phase::Failed);
    assert!(
        stage.error_message().starts_with("failed to run spark-submit: driver pod already exist"),
        "{}",
        stage.error_message()
    );
    assert!(stage.api.get("pods", "pi-driver").is_some());
    assert!(stage.api.world().drivers.is_empty());
}

#[tokio::test]
async fn a_full_quota_is_a_failed_submission_in_the_api_servers_words() {
    let text = "pods \"pi-driver\" is forbidden: exceeded quota: small, requested: cpu=1, used: cpu=1, limited: cpu=1";
    let retries = json!({"restartPolicy": {
        "type": "OnFailure", "onSubmissionFailureRetries": 2, "onSubmissionFailureRetryInterval": 1,
    }});
    let stage = Stage::new(retries);
    stage.api.world().refuse = Some(("POST pods", 403, "Forbidden", text));
    stage.play(0).await;
    assert_eq!(stage.state(), Phase::Failed);
    assert_eq!(stage.error_message(), format!("failed to run spark-submit: {text}"));
    // The first one and two repetitions.
    assert_eq!(stage.status().submission_attempts, Some(3));
    assert_eq!(stage.status().execution_attempts, None);
}

#[tokio::test]
async fn an_api_server_that_is_down_for_a_moment_is_no_failed_submission() {
    let stage = Stage::new(json!({}));
    stage.api.world().refuse = Some(("POST pods", 503, "ServiceUnavailable", "starting"));
    let error = stage.pass().await.unwrap_err();
    assert_eq!((error.category(), error.retry()), ("apply", crate::error::Retry::Backoff));
    assert_eq!(stage.state(), Phase::New);
    stage.api.world().refuse = None;
    stage.play(0).await;
    assert_eq!(stage.state(), Phase::Completed);
    assert_eq!(stage.status().submission_attempts, Some(1));
}

#[tokio::test]
async fn a_wrong_specification_fails_at_once_and_is_left_alone() {
    let stage = Stage::new(json!({"driver": {"memory": "1x"}, "restartPolicy": {"type": "Always"}}));
    stage.play(0).await;
    assert_eq!(stage.state(), Phase::Failed);
    let message = stage.error_message();
    assert!(message.starts_with("failed to run spark-submit: spec.driver.memory: \"1x\""), "{message}");
    assert!(stage.api.world().drivers.is_empty());
    let writes = stage.api.world().writes.len();
    assert_eq!(stage.pass().await.unwrap(), None);
    assert_eq!(stage.api.world().writes.len(), writes);
}

#[tokio::test]
async fn with_an_older_definition_it_runs_once_and_says_what_is_missing() {
    let stage = Stage::new(json!({"restartPolicy": {"type": "OnFailure", "onFailureRetries": 1}}));
    stage.api.world().unknown = &["observedGeneration", "conditions", "submittedSpec", "progress"];
    stage.play(0).await;
    assert_eq!(stage.state(), Phase::Completed);
    assert_eq!(stage.api.world().drivers.len(), 1);
    let writes = stage.api.world().writes.clone();
    stage.pass().await.unwrap();
    assert!(stage.api.world().writes.len() <= writes.len() + 1, "{writes:?}");
    let told = stage.events("SparkApplicationDefinitionOutdated");
    assert!(told.len() == 1 && told[0].contains("cerium-crds"), "{told:?}");
    // With the right one nothing is to be told.
    stage.api.world().unknown = &[];
    stage.pass().await.unwrap();
    assert_eq!(stage.status().observed_generation, Some(1));
    assert_eq!((stage.state(), stage.api.world().drivers.len()), (Phase::Completed, 1));
}

#[tokio::test]
async fn in_a_namespace_that_goes_nothing_is_made_and_tries_wait_for_their_time() {
    let stage =
        Stage::new(json!({"restartPolicy": {"type": "Always", "onSubmissionFailureRetryInterval": 10}}));
    let text = "configmaps \"pi-driver-conf-map\" is forbidden: unable to create new content in namespace ns because \
                it is being terminated";
    stage.api.world().refuse = Some(("POST ", 403, "Forbidden", text));
    for attempt in 1..=3 {
        let requeue = stage.pass().await.unwrap();
        assert_eq!(stage.state(), Phase::SubmissionFailed);
        assert_eq!(stage.error_message(), format!("failed to run spark-submit: {text}"));
        assert_eq!(stage.status().submission_attempts, Some(attempt));
        assert_eq!(requeue, Some(Duration::from_secs(10 * u64::try_from(attempt).unwrap())));
        pass_time(10 * i64::from(attempt));
    }
    assert!(stage.api.world().drivers.is_empty());
}
