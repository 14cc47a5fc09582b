//! Executor pods against an API server that is played here: it keeps pods and streams their changes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use cerium_conf::SparkConf;
use cerium_driver::executors::kubernetes::KubernetesProvider;
use cerium_driver::executors::{ExecutorEvent, ExecutorId, ExecutorProvider, ExecutorState, ProviderEvent};
use k8s_openapi::api::core::v1::{Pod, PodStatus};
use kube::{Api, Client, Config};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{broadcast, mpsc};

const PATIENCE: Duration = Duration::from_mins(1);
const PODS: &str = "/api/v1/namespaces/{namespace}/pods";

struct Server {
    pods: Mutex<BTreeMap<String, Pod>>,
    changes: broadcast::Sender<String>,
}

fn line(kind: &str, pod: &Pod) -> String {
    format!("{}\n", json!({ "type": kind, "object": pod }))
}

impl Server {
    fn put(&self, kind: &str, mut pod: Pod) -> Pod {
        pod.metadata.resource_version = Some("1".into());
        self.pods.lock().unwrap().insert(pod.metadata.name.clone().unwrap(), pod.clone());
        // Nobody may be watching yet; they get all pods when they start.
        let _ = self.changes.send(line(kind, &pod));
        pod
    }

    fn remove(&self, name: &str) -> Option<Pod> {
        let pod = self.pods.lock().unwrap().remove(name)?;
        let _ = self.changes.send(line("DELETED", &pod));
        Some(pod)
    }

    fn names(&self) -> Vec<String> {
        self.pods.lock().unwrap().keys().cloned().collect()
    }

    fn set_status(&self, name: &str, status: Value) {
        let mut pod = self.pods.lock().unwrap()[name].clone();
        pod.status = Some(serde_json::from_value::<PodStatus>(status).unwrap());
        self.put("MODIFIED", pod);
    }
}

async fn list(State(server): State<Arc<Server>>, Query(query): Query<BTreeMap<String, String>>) -> Response {
    assert_eq!(query["labelSelector"], "spark-app-selector=spark-1");
    if !query.contains_key("watch") {
        // What is there is sent to those who watch.
        let list = json!({ "kind": "PodList", "apiVersion": "v1", "metadata": { "resourceVersion": "1" }, "items": [] });
        return Json(list).into_response();
    }
    let changes = server.changes.subscribe();
    let present: String = server.pods.lock().unwrap().values().map(|pod| line("ADDED", pod)).collect();
    let stream = futures::stream::unfold((Some(present), changes), |(first, mut changes)| async move {
        let text = match first {
            Some(text) => text,
            None => changes.recv().await.ok()?,
        };
        Some((Ok::<_, std::io::Error>(Bytes::from(text)), (None, changes)))
    });
    Body::from_stream(stream).into_response()
}

async fn create(State(server): State<Arc<Server>>, Json(pod): Json<Pod>) -> Json<Pod> {
    Json(server.put("ADDED", pod))
}

async fn read(State(server): State<Arc<Server>>, Path((_, name)): Path<(String, String)>) -> Response {
    let found = server.pods.lock().unwrap().get(&name).cloned();
    found.map_or_else(|| StatusCode::NOT_FOUND.into_response(), |pod| Json(pod).into_response())
}

async fn delete(State(server): State<Arc<Server>>, Path((_, name)): Path<(String, String)>) -> Response {
    server.remove(&name).map_or_else(
        || {
            let status =
                json!({ "kind": "Status", "status": "Failure", "code": 404, "reason": "NotFound", "message": name });
            (StatusCode::NOT_FOUND, Json(status)).into_response()
        },
        |pod| Json(pod).into_response(),
    )
}

struct Application {
    server: Arc<Server>,
    provider: KubernetesProvider,
    events: mpsc::UnboundedReceiver<ProviderEvent>,
}

impl Application {
    async fn start() -> Self {
        let server = Arc::new(Server { pods: Mutex::default(), changes: broadcast::Sender::new(100) });
        let driver = json!({ "metadata": { "name": "flights-driver", "uid": "u-1", "ownerReferences": [
            { "apiVersion": "sparkoperator.k8s.io/v1beta2", "kind": "SparkApplication", "name": "flights", "uid": "u-0",
              "controller": true }
        ] } });
        server.put("ADDED", serde_json::from_value(driver).unwrap());
        let routes = Router::new()
            .route(PODS, get(list).post(create))
            .route(&format!("{PODS}/{{name}}"), get(read).delete(delete))
            .with_state(Arc::clone(&server));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let config = Config::new(format!("http://{}", listener.local_addr().unwrap()).parse().unwrap());
        tokio::spawn(async { axum::serve(listener, routes).await.unwrap() });

        let template = json!({ "spec": { "containers": [{ "name": "spark-kubernetes-executor" }] } });
        let provider = KubernetesProvider::new(
            &SparkConf::new(),
            Api::namespaced(Client::try_from(config).unwrap(), "jobs"),
            "flights-driver",
            "spark-1".into(),
            serde_json::from_value(template).unwrap(),
        )
        .await
        .unwrap();
        let (sender, events) = mpsc::unbounded_channel();
        provider.start("http://10.0.0.1:7078".into(), sender);
        Self { server, provider, events }
    }

    /// The next event that is not about waiting.
    async fn next(&mut self) -> (u64, ExecutorState) {
        loop {
            let ExecutorEvent { id, state } = self.event().await;
            if !matches!(state, ExecutorState::Pending(_)) {
                return (id.0, state);
            }
        }
    }

    async fn report(&mut self) -> ProviderEvent {
        tokio::time::timeout(PATIENCE, self.events.recv()).await.expect("a report").unwrap()
    }

    async fn event(&mut self) -> ExecutorEvent {
        let of_executor =
            |report| if let ProviderEvent::Executor(event) = report { Some(event) } else { None };
        of_executor(self.report().await).expect("a report on an executor")
    }

    async fn pending(&mut self, id: u64) {
        let event = self.event().await;
        assert_eq!(event.id, ExecutorId(id));
        assert!(matches!(event.state, ExecutorState::Pending(_)), "{event:?}");
    }
}

fn container(state: &Value) -> Value {
    json!({ "phase": "Running", "containerStatuses": [{
        "name": "spark-kubernetes-executor", "image": "i", "imageID": "", "ready": true, "restartCount": 0, "state": state
    }] })
}

#[tokio::test(flavor = "multi_thread")]
async fn pods_are_made_watched_and_deleted() {
    let mut app = Application::start().await;
    app.provider.request(&[ExecutorId(1), ExecutorId(2)]);
    app.pending(1).await;
    app.pending(2).await;
    assert_eq!(app.server.names(), ["flights-driver", "flights-exec-1", "flights-exec-2"]);
    let owners: Vec<_> = app.server.pods.lock().unwrap()["flights-exec-1"]
        .metadata
        .owner_references
        .iter()
        .flatten()
        .map(|owner| (owner.kind.clone(), owner.uid.clone(), owner.controller))
        .collect();
    // The application does not own them: they must go with their driver.
    assert_eq!(owners, [("Pod".into(), "u-1".into(), Some(true))]);

    app.server.set_status("flights-exec-1", container(&json!({ "running": {} })));
    assert_eq!(app.next().await, (1, ExecutorState::Running));

    // Out of memory: a failure, in words, and the pod is put away.
    let killed = json!({ "terminated": { "exitCode": 137, "reason": "OOMKilled" } });
    app.server.set_status("flights-exec-1", container(&killed));
    let (1, ExecutorState::Exited(exit)) = app.next().await else { panic!("executor 1 goes on") };
    assert!(exit.failed && exit.reason.contains("OOMKilled"), "{exit:?}");

    // Deleted by somebody: no failure.
    app.server.remove("flights-exec-2");
    let (2, ExecutorState::Exited(exit)) = app.next().await else { panic!("executor 2 goes on") };
    assert!(!exit.failed);
    assert_eq!(exit.reason, "The executor with id 2 was deleted by a user or the framework.");

    // Released by the driver.
    app.provider.request(&[ExecutorId(3), ExecutorId(4)]);
    app.pending(3).await;
    app.provider.release(&[ExecutorId(3)]);
    let (3, ExecutorState::Exited(exit)) = app.next().await else { panic!("executor 3 goes on") };
    assert!(!exit.failed);

    app.provider.stop().await;
    assert_eq!(app.server.names(), ["flights-driver"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_drivers_own_pod_says_how_many_executors_there_may_be() {
    let mut app = Application::start().await;
    let server = Arc::clone(&app.server);
    let annotate = |key: &str, text: &str| {
        let mut driver = server.pods.lock().unwrap()["flights-driver"].clone();
        driver.metadata.annotations.get_or_insert_default().insert(key.to_owned(), text.to_owned());
        server.put("MODIFIED", driver);
    };
    let scale = |text: &str| ProviderEvent::Scale(text.parse().unwrap());
    annotate("cerium.dev/executors", "spark.executor.instances=3");
    assert_eq!(app.report().await, scale("spark.executor.instances=3"));
    // Neither its own reports nor a text that is none are taken for a change.
    annotate("cerium.dev/progress", "stages 0/1, tasks 0/4");
    annotate("cerium.dev/executors", "three");
    annotate("cerium.dev/executors", "spark.executor.instances=5");
    assert_eq!(app.report().await, scale("spark.executor.instances=5"));
    app.provider.stop().await;
}
