//! When what happened to each application, as a client of the API server sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use futures::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, ResourceExt};
use tokio::task::JoinSet;

use crate::plane::NAMESPACE;

/// How often what is waited for is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// What happened to one application.
#[derive(Debug, Clone, Default)]
pub struct Life {
    /// Its state now.
    pub state: String,
    /// It was SUBMITTED, or further, at this moment.
    pub submitted: Option<Instant>,
    /// It was COMPLETED or FAILED.
    pub ended: Option<Instant>,
    /// Its first driver pod was there.
    pub driver_created: Option<Instant>,
    /// Its driver pod had ended.
    pub driver_ended: Option<Instant>,
    /// UIDs of all its driver pods.
    pub drivers: BTreeSet<String>,
}

type Lives = Arc<Mutex<BTreeMap<String, Life>>>;

/// The lives of all applications, followed by two watches until this is dropped.
pub struct Timeline {
    lives: Lives,
    _watches: JoinSet<()>,
}

/// Applications, as the API server keeps them.
pub fn applications(client: &Client) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("sparkoperator.k8s.io", "v1beta2", "SparkApplication");
    Api::namespaced_with(client.clone(), NAMESPACE, &ApiResource::from_gvk(&kind))
}

/// The state in an application's status.
fn state(application: &DynamicObject) -> &str {
    application.data["status"]["applicationState"]["state"].as_str().unwrap_or_default()
}

impl Timeline {
    /// Begins to watch.
    pub fn start(client: &Client) -> Self {
        let lives = Lives::default();
        let mut watches = JoinSet::new();
        let events = watcher(applications(client), watcher::Config::default());
        let known = lives.clone();
        watches.spawn(async move {
            let mut events = events.default_backoff().applied_objects().boxed();
            while let Some(event) = events.next().await {
                if let Ok(application) = event {
                    see_application(&mut locked(&known), &application, Instant::now());
                }
            }
        });
        let pods: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
        let events = watcher(pods, watcher::Config::default().labels("spark-role=driver"));
        let known = lives.clone();
        watches.spawn(async move {
            let mut events = events.default_backoff().applied_objects().boxed();
            while let Some(event) = events.next().await {
                if let Ok(pod) = event {
                    see_driver(&mut locked(&known), &pod, Instant::now());
                }
            }
        });
        Self { lives, _watches: watches }
    }

    /// The lives of the applications whose names begin so.
    pub fn of(&self, prefix: &str) -> Vec<Life> {
        let lives = locked(&self.lives);
        lives.iter().filter(|(name, _)| name.starts_with(prefix)).map(|(_, life)| life.clone()).collect()
    }

    /// Waits until `count` applications whose names begin so fit.
    pub async fn wait(
        &self,
        what: &str,
        prefix: &str,
        count: usize,
        limit: Duration,
        fits: impl Fn(&Life) -> bool,
    ) -> Result<()> {
        let start = Instant::now();
        loop {
            let found = {
                let lives = locked(&self.lives);
                lives.iter().filter(|(name, life)| name.starts_with(prefix) && fits(life)).count()
            };
            if found >= count {
                return Ok(());
            }
            if start.elapsed() > limit {
                bail!("after {limit:?} only {found} of {count} applications {prefix}* are {what}");
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

fn locked(lives: &Lives) -> MutexGuard<'_, BTreeMap<String, Life>> {
    lives.lock().unwrap_or_else(PoisonError::into_inner)
}

fn see_application(lives: &mut BTreeMap<String, Life>, application: &DynamicObject, now: Instant) {
    let state = state(application);
    let life = lives.entry(application.name_any()).or_default();
    state.clone_into(&mut life.state);
    if !matches!(state, "" | "SUBMISSION_FAILED") {
        life.submitted.get_or_insert(now);
    }
    if matches!(state, "COMPLETED" | "FAILED") {
        life.ended.get_or_insert(now);
    }
}

fn see_driver(lives: &mut BTreeMap<String, Life>, pod: &Pod, now: Instant) {
    let Some(application) = pod.labels().get("sparkoperator.k8s.io/app-name") else { return };
    let life = lives.entry(application.clone()).or_default();
    life.drivers.extend(pod.uid());
    life.driver_created.get_or_insert(now);
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    if matches!(phase, Some("Succeeded" | "Failed")) {
        life.driver_ended.get_or_insert(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_life_is_told_by_the_application_and_its_driver() {
        let mut lives = BTreeMap::new();
        let application = |state: &str| -> DynamicObject {
            serde_json::from_value(json!({
                "metadata": {"name": "a"}, "status": {"applicationState": {"state": state}},
            }))
            .unwrap()
        };
        let driver = |uid: &str, phase: &str| -> Pod {
            let labels = json!({"sparkoperator.k8s.io/app-name": "a"});
            let value = json!({"metadata": {"uid": uid, "labels": labels}, "status": {"phase": phase}});
            serde_json::from_value(value).unwrap()
        };
        let start = Instant::now();
        let at = |second: u64| start + Duration::from_secs(second);
        see_application(&mut lives, &application(""), at(0));
        see_driver(&mut lives, &driver("u-1", "Pending"), at(1));
        see_application(&mut lives, &application("SUBMITTED"), at(2));
        see_driver(&mut lives, &driver("u-1", "Succeeded"), at(3));
        see_application(&mut lives, &application("COMPLETED"), at(4));
        see_driver(&mut lives, &driver("u-2", "Pending"), at(5));
        let life = &lives["a"];
        assert_eq!(
            [life.driver_created, life.submitted, life.driver_ended, life.ended],
            [1, 2, 3, 4].map(|second| Some(at(second)))
        );
        assert_eq!(life.drivers.len(), 2);
    }
}
