//! Whole passes over a SparkConnect against an API server in memory.

use cerium_crds::states::SparkConnectState;
use serde_json::{Value, json};

use super::*;
use crate::fake_api::FakeApi;
use crate::fixtures::{changed, now, pass_time, policy};
use crate::metrics::{Metrics, MetricsConfig};
use crate::pods::PodCache;

struct Stage {
    api: FakeApi,
    context: Context,
}

impl Stage {
    fn new(spec: Value) -> Stage {
        let api = FakeApi::default();
        let whole = changed(json!({"sparkVersion": "4.1.1", "server": {}, "executor": {}}), &spec);
        api.put(
            "sparkconnects",
            json!({
                "apiVersion": "sparkoperator.k8s.io/v1alpha1", "kind": "SparkConnect",
                "metadata": {"name": "shared", "namespace": "ns", "generation": 1},
                "spec": whole,
            }),
        );
        let context = Context {
            client: api.client(),
            events: crate::events::Recorder::new(api.client()),
            pods: PodCache::by(labels::CONNECT_NAME),
            policy: policy(),
            metrics: Arc::new(Metrics::new(MetricsConfig::default()).0),
            written: crate::kind::written::Written::default(),
            clock: now,
        };
        Stage { api, context }
    }

    fn connect(&self) -> SparkConnect {
        serde_json::from_value(self.api.get("sparkconnects", "shared").unwrap()).unwrap()
    }

    fn status(&self) -> SparkConnectStatus {
        self.connect().status.unwrap_or_default()
    }

    async fn pass(&self) -> Requeue {
        reconcile(&self.context, &self.connect(), false).await.unwrap()
    }

    fn change(&self, plural: &str, name: &str, change: impl FnOnce(&mut Value)) {
        let mut object = self.api.get(plural, name).unwrap();
        change(&mut object);
        self.api.world().objects.insert((plural.into(), "ns".into(), name.into()), object);
    }

    fn pod_is(&self, status: Value) {
        self.change("pods", "shared-server", |pod| pod["status"] = status);
    }

    fn writes(&self) -> Vec<String> {
        std::mem::take(&mut self.api.world().writes)
    }
}

fn running() -> Value {
    json!({
        "phase": "Running", "podIP": "10.0.0.7",
        "conditions": [{"type": "Ready", "status": "True"}],
        "containerStatuses": [{
            "name": "spark-kubernetes-driver", "image": "", "imageID": "", "ready": true, "restartCount": 0,
            "state": {"running": {}},
        }],
    })
}

#[tokio::test]
async fn a_server_comes_up_in_this_order_and_then_costs_nothing() {
    let stage = Stage::new(json!({}));
    stage.pass().await;
    assert_eq!(
        stage.writes(),
        [
            "POST configmaps/shared-conf",
            "POST pods/shared-server",
            "POST services/shared-server",
            "PUT sparkconnects/shared/status",
        ]
    );
    assert_eq!(stage.status().state, Some(SparkConnectState::NotReady));
    stage.pod_is(running());
    stage.pass().await;
    let status = stage.status();
    assert_eq!(status.state, Some(SparkConnectState::Ready));
    assert_eq!(status.server.unwrap().pod_ip.as_deref(), Some("10.0.0.7"));
    stage.writes();
    assert_eq!(stage.pass().await, None);
    assert_eq!(stage.writes(), Vec::<String>::new());
}

#[tokio::test]
async fn a_changed_specification_replaces_the_server_and_one_of_the_service_does_not() {
    let stage = Stage::new(json!({}));
    stage.pass().await;
    stage.pod_is(running());
    stage.pass().await;
    stage.writes();
    stage.change("sparkconnects", "shared", |connect| {
        connect["spec"]["server"]["service"] = json!({"spec": {"type": "NodePort"}});
    });
    stage.pass().await;
    assert_eq!(stage.writes(), ["PUT services/shared-server"]);
    stage.change("sparkconnects", "shared", |connect| connect["spec"]["executor"]["cores"] = json!(2));
    stage.pass().await;
    assert!(stage.writes().contains(&"DELETE pods/shared-server".to_owned()));
    stage.pass().await;
    let writes = stage.writes();
    assert!(writes.contains(&"PUT configmaps/shared-conf".to_owned()), "{writes:?}");
    assert!(writes.contains(&"POST pods/shared-server".to_owned()), "{writes:?}");
}

#[tokio::test]
async fn a_running_server_is_told_of_another_number_of_executors_once() {
    let stage = Stage::new(json!({}));
    stage.pass().await;
    stage.pod_is(running());
    stage.pass().await;
    stage.writes();
    stage.change("sparkconnects", "shared", |connect| connect["spec"]["executor"]["instances"] = json!(5));
    stage.pass().await;
    assert_eq!(stage.writes(), ["PUT pods/shared-server"]);
    let pod = stage.api.get("pods", "shared-server").unwrap();
    assert_eq!(pod["metadata"]["annotations"]["cerium.dev/executors"], "spark.executor.instances=5");
    stage.pass().await;
    assert_eq!(stage.writes(), Vec::<String>::new());
}

#[tokio::test]
async fn a_server_of_another_operator_goes_on_until_the_specification_changes() {
    let stage = Stage::new(json!({}));
    stage.pass().await;
    stage.pod_is(running());
    stage.change("pods", "shared-server", |pod| pod["metadata"]["annotations"] = json!({}));
    stage.writes();
    stage.pass().await;
    let writes = stage.writes();
    assert!(writes.contains(&"PUT pods/shared-server".to_owned()), "{writes:?}");
    assert!(!writes.iter().any(|write| write.starts_with("DELETE")), "{writes:?}");
    // It does not listen to Cerium.
    stage.change("sparkconnects", "shared", |connect| connect["spec"]["executor"]["instances"] = json!(5));
    stage.pass().await;
    assert_eq!(stage.writes(), Vec::<String>::new());
    stage.change("sparkconnects", "shared", |connect| connect["spec"]["executor"]["cores"] = json!(2));
    stage.pass().await;
    assert!(stage.writes().contains(&"DELETE pods/shared-server".to_owned()));
}

#[tokio::test]
async fn a_server_that_ends_is_started_again_after_a_pause() {
    let stage = Stage::new(json!({}));
    stage.pass().await;
    let ended =
        json!({"exitCode": 1, "reason": "Error", "message": "out of luck", "finishedAt": now().to_string()});
    let mut status = running();
    status["phase"] = json!("Failed");
    status["conditions"] = json!([]);
    status["containerStatuses"][0]["state"] = json!({"terminated": ended});
    stage.pod_is(status);
    let requeue = stage.pass().await.unwrap();
    assert!(requeue <= Duration::from_secs(30), "{requeue:?}");
    let message = stage.status().conditions.unwrap()[0].message.clone();
    assert!(message.contains("ExitCode: 1") && message.contains("out of luck"), "{message}");
    pass_time(31);
    stage.writes();
    stage.pass().await;
    stage.pass().await;
    let writes = stage.writes();
    assert!(writes.contains(&"DELETE pods/shared-server".to_owned()), "{writes:?}");
    assert_eq!(stage.api.world().drivers.len(), 2);
}

#[tokio::test]
async fn a_strangers_pod_is_left_alone_and_told() {
    let stage = Stage::new(json!({}));
    stage.api.put(
        "pods",
        json!({"metadata": {"name": "shared-server", "namespace": "ns"}, "status": {"phase": "Running"}}),
    );
    let requeue = stage.pass().await;
    assert!(requeue.is_some());
    let status = stage.status();
    assert_eq!(status.state, Some(SparkConnectState::Failed));
    assert!(status.conditions.unwrap()[0].message.contains("belongs to something else"));
    assert!(stage.api.get("pods", "shared-server").is_some());
}

#[tokio::test]
async fn a_refusal_of_the_api_server_is_told_in_its_words_and_tried_again() {
    let stage = Stage::new(json!({}));
    let text = "pods \"shared-server\" is forbidden: error looking up service account ns/spark: serviceaccount \"spark\" not found";
    stage.api.world().refuse = Some(("POST pods", 403, "Forbidden", text));
    assert_eq!(stage.pass().await, Some(REFUSAL_PAUSE));
    assert!(stage.status().conditions.unwrap()[0].message.contains(text));
    stage.api.world().refuse = None;
    stage.pass().await;
    assert_eq!(stage.status().state, Some(SparkConnectState::NotReady));
}

#[tokio::test]
async fn a_wrong_specification_makes_nothing_and_is_told() {
    let stage = Stage::new(json!({"server": {"memory": "1x"}}));
    assert_eq!(stage.pass().await, None);
    assert_eq!(stage.writes(), ["PUT sparkconnects/shared/status"]);
    let conditions = stage.status().conditions.unwrap();
    assert!(conditions.iter().any(|c| c.type_ == "Valid" && c.status == "False" && c.message.contains("1x")));
}

#[tokio::test]
async fn a_service_that_was_renamed_takes_the_old_one_with_it() {
    let stage = Stage::new(json!({}));
    stage.pass().await;
    stage.change("sparkconnects", "shared", |connect| {
        connect["spec"]["server"]["service"] = json!({"metadata": {"name": "front"}});
    });
    stage.pass().await;
    assert!(stage.api.get("services", "shared-server").is_none());
    assert!(stage.api.get("services", "front").is_some());
    assert_eq!(stage.status().server.unwrap().service_name.as_deref(), Some("front"));
}

#[test]
fn an_object_that_cannot_be_read_is_failed_only_if_it_has_no_server() {
    let refusal = Connects::refusal("shared", &Value::Null, "wrong", now()).unwrap();
    assert_eq!(refusal.status["state"], "Failed");
    assert_eq!(
        Connects::refusal("shared", &json!({"server": {"podName": "shared-server"}}), "wrong", now()),
        None
    );
    assert_eq!(Connects::refusal("shared", &refusal.status, "wrong", now()), None);
}
