//! Whole passes against an API server in memory: order of calls, refusals, and crashes between any two writes.

use std::sync::atomic::{AtomicI64, Ordering};

use k8s_openapi::api::core::v1::Pod;
use kube::runtime::watcher::Event;
use serde_json::{Value, json};

use super::*;
use crate::batch::BatchSchedulers;
use crate::decide::Patience;
use crate::fake_api::{Cut, FakeApi};
use crate::metrics::MetricsConfig;
use crate::pods::InitialList;

const START: i64 = 1_800_000_000;

thread_local! {
    /// The clock of this test; every test has a thread of its own.
    static NOW: AtomicI64 = const { AtomicI64::new(START) };
}

fn now() -> Timestamp {
    Timestamp::from_second(NOW.with(|now| now.load(Ordering::Relaxed))).unwrap()
}

fn pass_time(seconds: i64) {
    NOW.with(|now| now.fetch_add(seconds, Ordering::Relaxed));
}

mod simulation;

/// What the node does with a driver pod, look by look.
#[derive(Clone, Copy)]
enum Fate {
    Succeeds,
    Fails,
}

/// A process that has just started and read all pods.
fn context(api: &FakeApi) -> Context {
    let context = Context {
        client: api.client(),
        events: events::Recorder::new(api.client()),
        pods: PodCache::default(),
        policy: Policy {
            patience: Patience {
                creation_grace: SignedDuration::from_secs(10),
                startup: Some(SignedDuration::from_secs(600)),
                scheduling: None,
                sidecars: Some(SignedDuration::from_secs(30)),
            },
            partial_restart: false,
            default_time_to_live: None,
            max_tracked_executors: 1000,
            runtime_image: "cerium-runtime:test".into(),
            runtime_image_pull_policy: "IfNotPresent".into(),
            default_engine: cerium_crds::Engine::Native,
            exposure: crate::build::ExposurePolicy::default(),
            batch: None,
            enforce_quotas: false,
        },
        metrics: Arc::new(Metrics::new(MetricsConfig::default()).0),
        clock: now,
    };
    list_pods(api, &context.pods);
    context
}

/// The pod watch begins anew.
fn list_pods(api: &FakeApi, cache: &PodCache) {
    let mut list = InitialList::default();
    cache.take_in(&Event::Init, &mut list);
    for ((plural, _, _), pod) in &api.world().objects {
        if plural == "pods" {
            let pod: Pod = serde_json::from_value(pod.clone()).unwrap();
            cache.take_in(&Event::InitApply(pod), &mut list);
        }
    }
    cache.take_in(&Event::InitDone, &mut list);
}

struct Stage {
    api: FakeApi,
    fate: Fate,
    batch: Option<BatchSchedulers>,
}

impl Stage {
    fn new(spec: Value) -> Stage {
        let api = FakeApi::default();
        let mut whole = json!({
            "type": "SQL", "sparkVersion": "4.1.1", "mainApplicationFile": "local:///opt/app/pi.sql",
            "driver": {}, "executor": {},
        });
        for (key, value) in spec.as_object().unwrap() {
            whole[key] = value.clone();
        }
        api.put(
            "sparkapplications",
            json!({
                "apiVersion": "sparkoperator.k8s.io/v1beta2", "kind": "SparkApplication",
                "metadata": {"name": "pi", "namespace": "ns", "generation": 1},
                "spec": whole,
            }),
        );
        Stage { api, fate: Fate::Succeeds, batch: None }
    }

    fn application(&self) -> Option<SparkApplication> {
        self.api.get("sparkapplications", "pi").map(|value| serde_json::from_value(value).unwrap())
    }

    fn status(&self) -> SparkApplicationStatus {
        self.application().unwrap().status.unwrap_or_default()
    }

    fn state(&self) -> Phase {
        self.status().application_state.state
    }

    fn error_message(&self) -> String {
        self.status().application_state.error_message.unwrap_or_default()
    }

    /// A process that has just started and read all pods.
    fn context(&self) -> Context {
        let mut context = context(&self.api);
        context.policy.batch = self.batch.clone();
        context
    }

    async fn pass(&self) -> Result<Requeue, ReconcileError> {
        match self.application() {
            Some(application) => reconcile(&self.context(), &application, false).await,
            None => Ok(None),
        }
    }

    fn edit(&self, change: impl FnOnce(&mut Value)) {
        let mut application = self.api.get("sparkapplications", "pi").unwrap();
        change(&mut application);
        let generation = application["metadata"]["generation"].as_i64().unwrap();
        application["metadata"]["generation"] = json!(generation + 1);
        let key = ("sparkapplications".into(), "ns".into(), "pi".into());
        self.api.world().objects.insert(key, application);
    }

    /// Passes and the node go on until this state.
    async fn play_until(&self, state: Phase) {
        for _ in 0..20 {
            self.pass().await.unwrap();
            if self.state() == state {
                return;
            }
            self.node_works();
        }
        panic!("stuck in {}", self.state());
    }

    /// The messages of the events with this reason.
    fn events(&self, reason: &str) -> Vec<String> {
        let world = self.api.world();
        let events = world
            .objects
            .iter()
            .filter(|((plural, _, _), event)| plural == "events" && event["reason"] == reason);
        events.map(|(_, event)| event["message"].as_str().unwrap().to_owned()).collect()
    }

    fn reasons(&self) -> Vec<String> {
        let world = self.api.world();
        let events = world.objects.iter().filter(|((plural, _, _), _)| plural == "events");
        events.map(|(_, event)| event["reason"].as_str().unwrap().to_owned()).collect()
    }

    /// The driver pod goes on by one phase.
    fn node_works(&self) {
        let Some(mut pod) = self.api.get("pods", "pi-driver") else { return };
        let container = |state: Value| {
            json!([{
                "name": "spark-kubernetes-driver", "image": "", "imageID": "", "ready": false, "restartCount": 0,
                "state": state,
            }])
        };
        pod["status"] = match (pod["status"]["phase"].as_str().unwrap(), self.fate) {
            ("Pending", _) => {
                json!({"phase": "Running", "containerStatuses": container(json!({"running": {}}))})
            }
            ("Running", Fate::Succeeds) => {
                json!({"phase": "Succeeded", "containerStatuses": container(json!({"terminated": {"exitCode": 0}}))})
            }
            ("Running", Fate::Fails) => json!({
                "phase": "Failed",
                "containerStatuses": container(json!({"terminated": {"exitCode": 1, "reason": "Error"}})),
            }),
            _ => return,
        };
        let mut world = self.api.world();
        world.objects.insert(("pods".into(), "ns".into(), "pi-driver".into()), pod);
    }

    /// Passes, time and the node go on until the application has ended. A process that was cut off is
    /// started again, after the node went on `meanwhile` times.
    async fn play(&self, meanwhile: usize) {
        for _ in 0..60 {
            if self.application().is_none_or(|application| {
                application.status.is_some_and(|status| status.application_state.state.is_terminal())
            }) {
                return;
            }
            let result = self.pass().await;
            if self.api.is_cut_off() {
                self.api.restart();
                (0..meanwhile).for_each(|_| self.node_works());
            } else {
                result.unwrap();
                self.node_works();
            }
            pass_time(3);
        }
        panic!("stuck in {} after {:?}", self.state(), self.api.world().writes);
    }
}

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

fn on_volcano(spec: Value) -> Stage {
    let mut spec = spec;
    spec["batchScheduler"] = json!("volcano");
    Stage { batch: Some(BatchSchedulers::default()), ..Stage::new(spec) }
}

#[tokio::test]
async fn a_pod_group_is_there_before_the_driver_and_gone_with_the_end() {
    for write in 0..9 {
        for cut in [Cut::Before(write), Cut::After(write)] {
            let stage = on_volcano(json!({}));
            stage.api.world().cut = Some(cut);
            stage.play(0).await;
            assert_eq!(stage.state(), Phase::Completed, "{cut:?}");
            assert!(stage.api.get("podgroups", "spark-pi-pg").is_none(), "{cut:?}");
        }
    }
    let stage = on_volcano(json!({}));
    stage.play(0).await;
    let writes = stage.api.world().writes.clone();
    let at = |line: &str| writes.iter().position(|write| write == line).unwrap();
    assert!(at("POST podgroups/spark-pi-pg") < at("POST pods/pi-driver"));
    assert_eq!(at("DELETE podgroups/spark-pi-pg") + 2, writes.len(), "{writes:?}");
}

#[tokio::test]
async fn a_strangers_pod_group_of_that_name_is_left_alone() {
    let stage = on_volcano(json!({}));
    stage.api.put(
        "podgroups",
        json!({
            "apiVersion": "scheduling.volcano.sh/v1beta1", "kind": "PodGroup",
            "metadata": {"name": "spark-pi-pg", "namespace": "ns"}, "spec": {"minMember": 5},
        }),
    );
    stage.play(0).await;
    assert_eq!(stage.state(), Phase::Failed);
    assert!(stage.error_message().contains("belongs to something else"), "{}", stage.error_message());
    assert_eq!(stage.api.get("podgroups", "spark-pi-pg").unwrap()["spec"]["minMember"], 5);
    assert!(stage.api.world().drivers.is_empty());
}

#[tokio::test]
async fn without_the_definition_of_pod_groups_the_submission_fails_with_its_name() {
    let stage = on_volcano(json!({}));
    let text = "the server could not find the requested resource";
    stage.api.world().refuse = Some(("POST podgroups", 404, "NotFound", text));
    stage.play(0).await;
    assert_eq!(stage.state(), Phase::Failed);
    assert!(
        stage.error_message().starts_with(
            "failed during batch scheduler setup or check: CRD PodGroup does not exist: scheduling.volcano.sh/v1beta1"
        ),
        "{}",
        stage.error_message()
    );
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
