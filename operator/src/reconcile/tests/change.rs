//! Changes of the specification, wherever the process is killed.

use super::*;

#[tokio::test]
async fn a_change_of_the_specification_runs_it_anew_wherever_the_process_is_killed() {
    let policy = json!({"restartPolicy": {"type": "OnFailure", "onFailureRetries": 2}});
    let change = |stage: &Stage| {
        stage.edit(|application| application["spec"]["arguments"] = json!(["new"]));
    };
    for write in 0..16 {
        for cut in [Cut::Before(write), Cut::After(write)] {
            let stage = Stage::new(policy.clone());
            stage.play_until(Phase::Running).await;
            change(&stage);
            let before = stage.api.world().writes.len();
            stage.api.world().cut_from_now(cut);
            stage.play(0).await;
            assert_eq!(stage.state(), Phase::Completed, "{cut:?}");
            assert_eq!(stage.api.world().drivers.len(), 2, "{cut:?} {:?}", stage.api.world().writes);
            let status = stage.status();
            assert_eq!(
                (status.submission_attempts, status.execution_attempts),
                (Some(1), Some(1)),
                "{cut:?}"
            );
            assert_eq!(status.submission_id.as_ref(), stage.api.world().drivers.last(), "{cut:?}");
            let pod = stage.api.get("pods", "pi-driver").unwrap();
            assert_eq!(
                pod["spec"]["containers"][0]["args"].as_array().unwrap().last().unwrap(),
                "new",
                "{cut:?}"
            );
            let writes = stage.api.world().writes[before..].to_vec();
            assert_eq!(writes.iter().filter(|write| *write == "DELETE pods/pi-driver").count(), 1, "{cut:?}");
        }
    }
}

#[tokio::test]
async fn a_completed_application_is_not_run_again_by_a_change_and_says_so() {
    let stage = Stage::new(json!({}));
    stage.play(0).await;
    stage.edit(|application| application["spec"]["arguments"] = json!(["new"]));
    for _ in 0..2 {
        stage.pass().await.unwrap();
    }
    assert_eq!(stage.state(), Phase::Completed);
    assert_eq!(stage.api.world().drivers.len(), 1);
    let told = stage.reasons().iter().filter(|reason| *reason == "SparkApplicationSpecUpdateFailed").count();
    assert_eq!(told, 1);
}

#[tokio::test]
async fn a_failed_application_runs_again_when_it_is_mended() {
    let stage = Stage::new(json!({"driver": {"memory": "1x"}}));
    stage.play(0).await;
    assert_eq!(stage.state(), Phase::Failed);
    stage.edit(|application| application["spec"]["driver"]["memory"] = json!("1g"));
    stage.play_until(Phase::Running).await;
    stage.play(0).await;
    assert_eq!(stage.state(), Phase::Completed);
    assert_eq!(stage.api.world().drivers.len(), 1);
    assert!(stage.reasons().contains(&"SparkApplicationInvalidating".to_owned()));
}

#[tokio::test]
async fn where_executors_are_placed_restarts_nothing_if_partial_restart_is_on() {
    for (partial_restart, drivers) in [(true, 1), (false, 2)] {
        let stage = Stage::new(json!({}));
        stage.play_until(Phase::Running).await;
        stage.edit(|application| application["spec"]["executor"]["nodeSelector"] = json!({"pool": "b"}));
        for _ in 0..6 {
            let mut context = stage.context();
            context.policy.partial_restart = partial_restart;
            let _ = reconcile(&context, &stage.application().unwrap(), false).await.unwrap();
        }
        assert_eq!(stage.api.world().drivers.len(), drivers, "{partial_restart}");
    }
}

#[tokio::test]
async fn a_running_driver_is_told_of_another_number_of_executors_wherever_the_process_is_killed() {
    for write in 0..4 {
        for cut in [Cut::Before(write), Cut::After(write)] {
            let stage = Stage::new(json!({"dynamicAllocation": {"enabled": true, "maxExecutors": 4}}));
            stage.play_until(Phase::Running).await;
            let submission = stage.status().submission_id;
            stage.edit(|application| {
                application["spec"]["executor"]["instances"] = json!(3);
                application["spec"]["dynamicAllocation"]["maxExecutors"] = json!(8);
            });
            stage.api.world().cut_from_now(cut);
            // The names of events follow from the time.
            pass_time(1);
            stage.play(0).await;
            assert_eq!(stage.state(), Phase::Completed, "{cut:?}");
            assert_eq!(stage.api.world().drivers.len(), 1, "{cut:?}");
            assert_eq!(stage.status().submission_id, submission, "{cut:?}");
            let pod = stage.api.get("pods", "pi-driver").unwrap();
            assert_eq!(
                pod["metadata"]["annotations"]["cerium.dev/executors"],
                "spark.dynamicAllocation.maxExecutors=8, spark.executor.instances=3",
                "{cut:?}"
            );
            assert!(stage.reasons().contains(&"SparkApplicationScaled".to_owned()), "{cut:?}");
        }
    }
}

#[tokio::test]
async fn executors_of_which_the_driver_cannot_be_told_leave_it_alone_and_are_told_of() {
    let refusal = "pods \"pi-driver\" is forbidden: cannot update resource \"pods\"";
    for (bounds, refuse, why) in [
        (json!({"enabled": true, "minExecutors": 9, "maxExecutors": 4}), None, "must not be larger"),
        (
            json!({"enabled": true, "maxExecutors": 8}),
            Some(("PUT pods", 403, "Forbidden", refusal)),
            "is forbidden",
        ),
    ] {
        let stage = Stage::new(json!({"dynamicAllocation": {"enabled": true, "maxExecutors": 4}}));
        stage.play_until(Phase::Running).await;
        stage.edit(|application| application["spec"]["dynamicAllocation"] = bounds);
        stage.api.world().refuse = refuse;
        for _ in 0..3 {
            // The names of events follow from the time.
            pass_time(1);
            stage.pass().await.unwrap();
        }
        assert_eq!(stage.state(), Phase::Running);
        let pod = stage.api.get("pods", "pi-driver").unwrap();
        assert!(pod["metadata"]["annotations"]["cerium.dev/executors"].is_null());
        let told = stage.events("SparkApplicationSpecUpdateFailed");
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains(why), "{told:?}");
    }
}

#[tokio::test]
async fn sparks_own_driver_runs_anew_with_another_number_of_executors() {
    let stage = Stage::new(json!({
        "sparkConf": {"spark.cerium.engine": "spark"}, "image": "spark:4.1.1", "type": "Scala",
        "mainClass": "Pi", "mainApplicationFile": "local:///pi.jar",
    }));
    stage.play_until(Phase::Running).await;
    stage.edit(|application| application["spec"]["executor"]["instances"] = json!(3));
    stage.pass().await.unwrap();
    stage.play(0).await;
    assert_eq!(stage.state(), Phase::Completed);
    assert_eq!(stage.api.world().drivers.len(), 2);
}

/// Everything that can stand around a driver.
const AROUND: [(&str, &str); 7] = [
    ("poddisruptionbudgets", "pi-driver"),
    ("podgroups", "spark-pi-pg"),
    ("services", "pi-driver-8001"),
    ("ingresses", "pi-ing-8001"),
    ("services", "pi-driver-8002"),
    ("ingresses", "pi-ing-8002"),
    ("services", "pi-ui-svc"),
];

#[tokio::test]
async fn what_a_changed_specification_does_not_ask_for_any_more_is_removed() {
    type Case = (fn(&mut Value), Phase, &'static [usize]);
    let cases: [Case; 4] = [
        (|spec| spec["driverPodDisruptionBudget"] = json!(false), Phase::Running, &[0]),
        (|spec| spec["batchScheduler"] = json!("yunikorn"), Phase::Running, &[1]),
        (
            |spec| drop(spec["driverIngressOptions"].as_array_mut().unwrap().remove(0)),
            Phase::Running,
            &[2, 3],
        ),
        // Nothing runs by a specification that cannot be run.
        (|spec| spec["driver"] = json!({"memory": "1x"}), Phase::Failed, &[0, 1, 2, 3, 4, 5, 6]),
    ];
    for (change, end, gone) in cases {
        let stage = Stage {
            batch: Some(BatchSchedulers::default()),
            exposure: ExposurePolicy { ui_service: true, budgets: true, ..ExposurePolicy::default() },
            ..Stage::new(json!({
                "driverPodDisruptionBudget": true, "batchScheduler": "volcano",
                "driverIngressOptions": [
                    {"servicePort": 8001, "servicePortName": "a", "ingressURLFormat": "a.example.org"},
                    {"servicePort": 8002, "servicePortName": "b", "ingressURLFormat": "b.example.org"},
                ],
            }))
        };
        stage.play_until(Phase::Running).await;
        let missing = || -> Vec<usize> {
            let there = |(plural, name): (&str, &str)| stage.api.get(plural, name).is_some();
            (0..AROUND.len()).filter(|at| !there(AROUND[*at])).collect()
        };
        assert_eq!(missing(), [] as [usize; 0], "{:?}", stage.api.world().writes);
        stage.edit(|application| change(&mut application["spec"]));
        stage.play_until(end).await;
        assert_eq!(missing(), gone);
    }
}
