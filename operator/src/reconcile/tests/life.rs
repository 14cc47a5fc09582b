//! Whole lives: to their ends, through crashes and retries, suspended, deleted.

use super::*;

#[tokio::test]
async fn an_application_runs_to_its_end_in_this_order() {
    let stage = Stage::new(json!({}));
    stage.play(0).await;
    assert_eq!(stage.state(), Phase::Completed);
    assert_eq!(
        stage.api.world().writes,
        [
            "PUT sparkapplications/pi/status", // reserved
            "POST configmaps/pi-driver-conf-map",
            "POST pods/pi-driver",
            "PUT sparkapplications/pi/status", // SUBMITTED
            "PUT sparkapplications/pi/status", // RUNNING
            "PUT sparkapplications/pi/status", // SUCCEEDING
            "PUT sparkapplications/pi/status", // COMPLETED
        ]
    );
    let status = stage.status();
    assert_eq!((status.submission_attempts, status.execution_attempts), (Some(1), Some(1)));
    let pod = stage.api.get("pods", "pi-driver").unwrap();
    assert_eq!(pod["metadata"]["ownerReferences"][0]["uid"], "uid-1");
    let map = stage.api.get("configmaps", "pi-driver-conf-map").unwrap();
    assert_eq!(map["metadata"]["ownerReferences"][0]["uid"], "uid-1");
}

#[tokio::test]
async fn killed_between_any_two_writes_it_starts_one_driver_and_comes_to_the_right_end() {
    for write in 0..7 {
        for cut in [Cut::Before(write), Cut::After(write)] {
            for meanwhile in 0..3 {
                let stage = Stage::new(json!({}));
                stage.api.world().cut = Some(cut);
                stage.play(meanwhile).await;
                let what = format!("{cut:?}, {meanwhile} steps of the node meanwhile");
                assert_eq!(stage.api.world().drivers.len(), 1, "{what}");
                assert_eq!(stage.state(), Phase::Completed, "{what}");
                let status = stage.status();
                assert_eq!(
                    (status.submission_attempts, status.execution_attempts),
                    (Some(1), Some(1)),
                    "{what}"
                );
                assert_eq!(status.submission_id.as_ref(), stage.api.world().drivers.first(), "{what}");
            }
        }
    }
}

#[tokio::test]
async fn killed_anywhere_during_a_retry_it_runs_exactly_as_often_as_the_policy_says() {
    let policy =
        json!({"restartPolicy": {"type": "OnFailure", "onFailureRetries": 1, "onFailureRetryInterval": 1}});
    let uncut = Stage { fate: Fate::Fails, ..Stage::new(policy.clone()) };
    uncut.play(0).await;
    let writes = uncut.api.world().writes.len();
    assert!(writes > 10, "{:?}", uncut.api.world().writes);
    for write in 0..writes {
        for cut in [Cut::Before(write), Cut::After(write)] {
            for meanwhile in 0..3 {
                let stage = Stage { fate: Fate::Fails, ..Stage::new(policy.clone()) };
                stage.api.world().cut = Some(cut);
                stage.play(meanwhile).await;
                let what = format!("{cut:?}, {meanwhile} steps of the node meanwhile");
                assert_eq!(stage.api.world().drivers.len(), 2, "{what}");
                assert_eq!(stage.state(), Phase::Failed, "{what}");
                assert_eq!(stage.status().execution_attempts, Some(2), "{what}");
                assert_eq!(
                    stage.error_message(),
                    "driver container failed with ExitCode: 1, Reason: Error",
                    "{what}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_driver_pod_that_was_deleted_is_a_failure_with_a_reason() {
    let stage = Stage::new(json!({}));
    for _ in 0..3 {
        stage.pass().await.unwrap();
        if stage.state() != Phase::Running {
            stage.node_works();
        }
    }
    assert_eq!(stage.state(), Phase::Running);
    stage.api.remove("pods", "pi-driver");
    stage.play(0).await;
    assert_eq!(stage.state(), Phase::Failed);
    assert_eq!(stage.error_message(), "driver pod not found");
    assert_eq!(stage.api.world().drivers.len(), 1);
}

#[tokio::test]
async fn a_suspended_application_has_no_pods_and_runs_again_when_resumed() {
    let stage = Stage::new(json!({}));
    stage.pass().await.unwrap();
    let suspend = |wish: bool| stage.edit(|application| application["spec"]["suspend"] = json!(wish));
    suspend(true);
    for _ in 0..3 {
        stage.pass().await.unwrap();
    }
    assert_eq!(stage.state(), Phase::Suspended);
    assert!(stage.api.get("pods", "pi-driver").is_none());
    suspend(false);
    stage.play(0).await;
    assert_eq!(stage.state(), Phase::Completed);
    assert_eq!(stage.api.world().drivers.len(), 2);
}

#[tokio::test]
async fn a_finished_application_is_deleted_after_its_time_to_live() {
    let stage = Stage::new(json!({"timeToLiveSeconds": 30}));
    stage.play(0).await;
    let requeue = stage.pass().await.unwrap().unwrap();
    assert!(requeue <= Duration::from_secs(30), "{requeue:?}");
    pass_time(31);
    assert_eq!(stage.pass().await.unwrap(), None);
    assert!(stage.application().is_none());
}

#[tokio::test]
async fn an_application_created_suspended_gets_its_first_pod_when_it_is_resumed() {
    // As Kueue has it.
    let stage = Stage::new(json!({"suspend": true}));
    for _ in 0..3 {
        stage.pass().await.unwrap();
    }
    assert_eq!(stage.state(), Phase::Suspended);
    assert!(stage.api.world().writes.iter().all(|write| write.starts_with("PUT sparkapplications")));
    stage.edit(|application| {
        application["spec"]["suspend"] = json!(false);
        application["spec"]["driver"]["nodeSelector"] = json!({"pool": "a"});
    });
    stage.play(0).await;
    assert_eq!(stage.state(), Phase::Completed);
    assert_eq!(stage.api.world().drivers.len(), 1);
    assert_eq!(stage.status().execution_attempts, Some(1));
    let pod = stage.api.get("pods", "pi-driver").unwrap();
    assert_eq!(pod["spec"]["nodeSelector"]["pool"], "a");
}

#[tokio::test]
async fn the_driver_of_a_deleted_application_ends_although_a_finalizer_holds_the_application() {
    let stage = Stage::new(json!({}));
    stage.play_until(Phase::Running).await;
    stage.edit(|application| {
        application["metadata"]["deletionTimestamp"] = json!("2027-01-15T08:00:00Z");
        application["metadata"]["finalizers"] = json!(["example.com/hold"]);
    });
    for _ in 0..2 {
        assert_eq!(stage.pass().await.unwrap(), None);
    }
    assert!(stage.api.get("pods", "pi-driver").is_none());
    assert_eq!(stage.api.world().drivers.len(), 1);
    assert_eq!(stage.state(), Phase::Running);
}

#[tokio::test]
async fn a_sidecar_that_outlives_the_driver_ends_with_the_pod() {
    let stage = Stage::new(json!({}));
    stage.play_until(Phase::Running).await;
    let mut pod = stage.api.get("pods", "pi-driver").unwrap();
    let container = |name: &str, state: Value| json!({"name": name, "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": state});
    pod["status"] = json!({"phase": "Running", "containerStatuses": [
        container("proxy", json!({"running": {}})),
        container("spark-kubernetes-driver", json!({"terminated": {"exitCode": 0}})),
    ]});
    stage.api.world().objects.insert(("pods".into(), "ns".into(), "pi-driver".into()), pod);
    assert_eq!(stage.pass().await.unwrap(), Some(Duration::from_secs(30)));
    assert_eq!(stage.state(), Phase::Completed);
    pass_time(30);
    stage.pass().await.unwrap();
    assert!(stage.api.get("pods", "pi-driver").is_none());
    assert_eq!(stage.pass().await.unwrap(), None);
    assert_eq!(stage.state(), Phase::Completed);
}

#[tokio::test]
async fn a_startup_timeout_of_the_application_counts_and_a_wrong_one_is_told() {
    let key = labels::DRIVER_STARTUP_TIMEOUT;
    let stage = Stage::new(json!({}));
    stage.edit(|application| application["metadata"]["annotations"] = json!({key: "90s"}));
    let requeue = stage.pass().await.unwrap();
    assert_eq!(requeue, Some(Duration::from_secs(90)));
    pass_time(90);
    stage.pass().await.unwrap();
    stage.play(0).await;
    assert_eq!(stage.error_message(), "driver pod did not start within 90 s: its pod is pending");
    assert!(stage.api.get("pods", "pi-driver").is_none());

    let stage = Stage::new(json!({}));
    stage.edit(|application| application["metadata"]["annotations"] = json!({key: "soon"}));
    stage.play(0).await;
    assert_eq!(stage.state(), Phase::Completed);
    assert!(stage.reasons().contains(&"SparkApplicationFieldsIgnored".to_owned()));
}

#[tokio::test]
async fn a_restart_of_the_operator_counts_nothing_again() {
    let stage = Stage::new(json!({}));
    stage.play_until(Phase::Running).await;
    let count = |registry: &prometheus_client::registry::Registry, name: &str| {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, registry).unwrap();
        text.lines().any(|line| line.starts_with(name))
    };
    let restart = || {
        let config = MetricsConfig { labels: vec!["namespace".into()], ..MetricsConfig::default() };
        let (metrics, registry) = Metrics::new(config);
        let mut context = stage.context();
        context.metrics = Arc::new(metrics);
        (context, registry)
    };
    // A process that finds the application running counts its end and nothing else.
    stage.node_works();
    let (context, registry) = restart();
    reconcile(&context, &stage.application().unwrap(), false).await.unwrap();
    assert_eq!(stage.state(), Phase::Completed);
    assert!(count(&registry, "spark_application_success_count{"));
    assert!(!count(&registry, "spark_application_count{"));
    assert!(!count(&registry, "spark_application_submit_count{"));
    // One that finds it completed counts nothing.
    let (context, registry) = restart();
    reconcile(&context, &stage.application().unwrap(), false).await.unwrap();
    assert!(!count(&registry, "spark_application_success_count{"));
    assert!(count(&registry, "cerium_applications{state=\"COMPLETED\"} 1"));
}

#[tokio::test]
async fn nothing_is_made_for_an_application_that_is_being_deleted_in_any_state() {
    for phase in Phase::ALL {
        let stage = Stage::new(json!({"restartPolicy": {"type": "Always"}}));
        stage.edit(|application| {
            application["metadata"]["deletionTimestamp"] = json!("2027-01-15T08:00:00Z");
            application["status"] =
                json!({"driverInfo": {}, "applicationState": {"state": phase.as_str()}, "submissionID": "s-1"});
        });
        assert_eq!(stage.pass().await.unwrap(), None, "{phase}");
        assert!(stage.api.world().writes.is_empty(), "{phase}");
    }
}
