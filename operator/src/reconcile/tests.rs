//! Whole passes against an API server in memory: order of calls, refusals, and crashes between any two writes.

use cerium_crds::application::SparkApplicationStatus;
use cerium_crds::labels;
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::watcher::Event;
use serde_json::{Value, json};

use super::*;
use crate::batch::BatchSchedulers;
use crate::build::ExposurePolicy;
use crate::error::Problem;
use crate::fake_api::{Cut, FakeApi};
use crate::fixtures::{changed, now, pass_time, policy};
use crate::metrics::MetricsConfig;
use crate::pods::InitialList;

mod batch;
mod change;
mod life;
mod simulation;
mod submission;

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
        policy: policy(),
        metrics: Arc::new(Metrics::new(MetricsConfig::default()).0),
        written: crate::kind::written::Written::default(),
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
    exposure: ExposurePolicy,
}

impl Stage {
    fn new(spec: Value) -> Stage {
        let api = FakeApi::default();
        let whole = json!({
            "type": "SQL", "sparkVersion": "4.1.1", "mainApplicationFile": "local:///opt/app/pi.sql",
            "driver": {}, "executor": {},
        });
        api.put(
            "sparkapplications",
            json!({
                "apiVersion": "sparkoperator.k8s.io/v1beta2", "kind": "SparkApplication",
                "metadata": {"name": "pi", "namespace": "ns", "generation": 1},
                "spec": changed(whole, &spec),
            }),
        );
        Stage { api, fate: Fate::Succeeds, batch: None, exposure: ExposurePolicy::default() }
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
        context.policy.exposure = self.exposure.clone();
        context
    }

    async fn pass(&self) -> Result<Requeue, ReconcileError> {
        match self.application() {
            Some(application) => {
                let context = self.context();
                let result = reconcile(&context, &application, false).await;
                Box::pin(context.events.deliver()).await;
                result
            }
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
