//! What the operator keeps of each pod, and the cache of it that the pod watch fills.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use cerium_crds::labels;
use cerium_crds::progress::{PROGRESS_ANNOTATION, Progress};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod, PodStatus};
use kube::runtime::watcher::Event;

use crate::kind::ObjectKey;

/// The few facts about a pod that decisions and the status need; a whole pod is fifty times as large.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodFacts {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.uid`.
    pub uid: String,
    /// UID of the controlling owner.
    pub owner_uid: Option<String>,
    /// Name of the controlling owner, if that is a SparkApplication.
    pub owner_application: Option<String>,
    /// Label of the submission.
    pub submission_id: Option<String>,
    /// Label `spark-role`.
    pub role: Option<String>,
    /// Label `spark-app-selector`.
    pub application_id: Option<String>,
    /// Label `spark-exec-id`.
    pub executor_id: Option<u64>,
    /// How far its driver says it is.
    pub progress: Option<Progress>,
    /// It is being deleted.
    pub deleting: bool,
    /// `status.phase`.
    pub phase: PodPhase,
    /// All its containers are ready.
    pub ready: bool,
    /// `status.reason`, such as Evicted.
    pub reason: Option<String>,
    /// `status.message`.
    pub message: Option<String>,
    /// Why no node takes it.
    pub unschedulable: Option<String>,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// When a node took it and its init containers were done, whichever is known last.
    pub prepared: Option<Timestamp>,
    /// Init containers and containers, in this order.
    pub containers: Vec<ContainerFacts>,
}

/// `status.phase` of a pod.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PodPhase {
    /// Not all containers have started.
    #[default]
    Pending,
    /// At least one container runs.
    Running,
    /// All containers ended well.
    Succeeded,
    /// All containers ended, one of them badly.
    Failed,
    /// The node does not answer.
    Unknown,
}

/// One container of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerFacts {
    /// Its name.
    pub name: String,
    /// It runs before the others.
    pub init: bool,
    /// What it does.
    pub state: ContainerState,
}

/// What a container does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContainerState {
    /// Not started.
    Waiting {
        /// Such as ImagePullBackOff.
        reason: String,
        /// What the kubelet says.
        message: String,
    },
    /// Started and not ended.
    Running,
    /// Ended.
    Terminated {
        /// 0: well.
        exit_code: i32,
        /// Such as Error or OOMKilled.
        reason: String,
        /// The termination message.
        message: String,
    },
}

impl PodFacts {
    /// Takes the facts from a pod.
    pub fn of(pod: &Pod) -> PodFacts {
        let meta = &pod.metadata;
        let label = |key: &str| meta.labels.as_ref().and_then(|all| all.get(key)).cloned();
        let owner = meta.owner_references.iter().flatten().find(|owner| owner.controller == Some(true));
        let status = pod.status.as_ref();
        let mut facts = PodFacts {
            name: meta.name.clone().unwrap_or_default(),
            uid: meta.uid.clone().unwrap_or_default(),
            owner_uid: owner.map(|owner| owner.uid.clone()),
            owner_application: owner
                .filter(|owner| owner.kind == "SparkApplication")
                .map(|owner| owner.name.clone()),
            submission_id: label(labels::SUBMISSION_ID),
            role: label(labels::SPARK_ROLE),
            application_id: label(labels::SPARK_APP_SELECTOR),
            executor_id: label(labels::SPARK_EXEC_ID).and_then(|id| id.parse().ok()),
            // A text that is none is left by somebody else, and no reason to fail.
            progress: meta.annotations.as_ref().and_then(|all| all.get(PROGRESS_ANNOTATION)?.parse().ok()),
            deleting: meta.deletion_timestamp.is_some(),
            created: meta.creation_timestamp.as_ref().map(|time| time.0),
            ..PodFacts::default()
        };
        if let Some(status) = status {
            facts.take_status(status);
        }
        facts
    }

    fn take_status(&mut self, status: &PodStatus) {
        self.phase = match status.phase.as_deref() {
            Some("Running") => PodPhase::Running,
            Some("Succeeded") => PodPhase::Succeeded,
            Some("Failed") => PodPhase::Failed,
            Some("Unknown") => PodPhase::Unknown,
            _ => PodPhase::Pending,
        };
        self.reason.clone_from(&status.reason);
        self.message.clone_from(&status.message);
        for condition in status.conditions.iter().flatten() {
            match (condition.type_.as_str(), condition.status.as_str()) {
                ("PodScheduled", "False") if condition.reason.as_deref() == Some("Unschedulable") => {
                    self.unschedulable = Some(condition.message.clone().unwrap_or_default());
                }
                ("Ready", status) => self.ready = status == "True",
                ("PodScheduled" | "Initialized", "True") => {
                    self.prepared =
                        self.prepared.max(condition.last_transition_time.as_ref().map(|time| time.0));
                }
                _ => {}
            }
        }
        let of = |init: bool| move |status: &ContainerStatus| container_facts(status, init);
        let init = status.init_container_statuses.iter().flatten().map(of(true));
        let main = status.container_statuses.iter().flatten().map(of(false));
        self.containers = init.chain(main).collect();
    }

    /// Whether it is labelled as a driver.
    pub fn is_driver(&self) -> bool {
        self.role.as_deref() == Some(labels::ROLE_DRIVER)
    }

    /// Whether it is labelled as an executor.
    pub fn is_executor(&self) -> bool {
        self.role.as_deref() == Some(labels::ROLE_EXECUTOR)
    }
}

fn container_facts(status: &ContainerStatus, init: bool) -> ContainerFacts {
    let state = status.state.as_ref();
    let state = if let Some(ended) = state.and_then(|state| state.terminated.as_ref()) {
        ContainerState::Terminated {
            exit_code: ended.exit_code,
            reason: ended.reason.clone().unwrap_or_default(),
            message: ended.message.clone().unwrap_or_default(),
        }
    } else if state.is_some_and(|state| state.running.is_some()) {
        ContainerState::Running
    } else {
        let waiting = state.and_then(|state| state.waiting.as_ref());
        ContainerState::Waiting {
            reason: waiting.and_then(|waiting| waiting.reason.clone()).unwrap_or_default(),
            message: waiting.and_then(|waiting| waiting.message.clone()).unwrap_or_default(),
        }
    };
    ContainerFacts { name: status.name.clone(), init, state }
}

type PodsByName = BTreeMap<String, Arc<PodFacts>>;

/// The pods of one watch, by the object they were made for.
pub struct PodCache {
    label: &'static str,
    known: RwLock<HashMap<ObjectKey, PodsByName>>,
}

impl Default for PodCache {
    /// The pods of SparkApplications.
    fn default() -> PodCache {
        PodCache::by(labels::APP_NAME)
    }
}

/// The list a watch begins with, until it is complete.
#[derive(Default)]
pub struct InitialList(HashMap<ObjectKey, PodsByName>);

impl PodCache {
    /// The pods of objects whose name is in this label.
    pub fn by(label: &'static str) -> PodCache {
        PodCache { label, known: RwLock::default() }
    }

    fn key(&self, pod: &Pod) -> Option<ObjectKey> {
        Some(ObjectKey {
            namespace: pod.metadata.namespace.clone()?,
            name: pod.metadata.labels.as_ref()?.get(self.label)?.clone(),
        })
    }

    /// Takes in one event of the watch and returns the objects whose pods changed.
    pub fn take_in(&self, event: &Event<Pod>, list: &mut InitialList) -> Vec<ObjectKey> {
        match event {
            Event::Init => {
                list.0.clear();
                Vec::new()
            }
            Event::InitApply(pod) => {
                if let Some(key) = self.key(pod) {
                    let facts = PodFacts::of(pod);
                    list.0.entry(key).or_default().insert(facts.name.clone(), Arc::new(facts));
                }
                Vec::new()
            }
            Event::InitDone => {
                let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
                let before = std::mem::replace(&mut *known, std::mem::take(&mut list.0));
                let mut changed: Vec<_> = known
                    .iter()
                    .filter(|(key, pods)| before.get(key) != Some(pods))
                    .map(|(key, _)| key.clone())
                    .collect();
                changed.extend(before.into_keys().filter(|key| !known.contains_key(key)));
                changed
            }
            Event::Apply(pod) => {
                let Some(key) = self.key(pod) else { return Vec::new() };
                let facts = PodFacts::of(pod);
                let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
                let pods = known.entry(key.clone()).or_default();
                // Most updates of a pod change nothing that matters here.
                if pods.get(&facts.name).is_some_and(|old| **old == facts) {
                    return Vec::new();
                }
                pods.insert(facts.name.clone(), Arc::new(facts));
                vec![key]
            }
            Event::Delete(pod) => {
                let Some(key) = self.key(pod) else { return Vec::new() };
                let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
                if let Some(pods) = known.get_mut(&key) {
                    pods.remove(pod.metadata.name.as_deref().unwrap_or_default());
                    if pods.is_empty() {
                        known.remove(&key);
                    }
                }
                vec![key]
            }
        }
    }

    /// The pods of an object, by name.
    pub fn pods_of(&self, key: &ObjectKey) -> Vec<Arc<PodFacts>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(key).map(|pods| pods.values().cloned().collect()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str, phase: &str) -> Pod {
        serde_json::from_value(serde_json::json!({
            "metadata": {"name": name, "namespace": "ns", "labels": {"sparkoperator.k8s.io/app-name": "pi"}},
            "status": {"phase": phase},
        }))
        .unwrap()
    }

    fn pi() -> ObjectKey {
        ObjectKey { namespace: "ns".into(), name: "pi".into() }
    }

    fn names(cache: &PodCache) -> Vec<String> {
        cache.pods_of(&pi()).iter().map(|pod| pod.name.clone()).collect()
    }

    #[test]
    fn a_new_list_replaces_what_was_known_only_when_it_is_complete() {
        let (cache, mut list) = (PodCache::default(), InitialList::default());
        cache.take_in(&Event::Apply(pod("old", "Running")), &mut list);
        cache.take_in(&Event::Init, &mut list);
        assert!(cache.take_in(&Event::InitApply(pod("new", "Running")), &mut list).is_empty());
        assert_eq!(names(&cache), ["old"]);
        assert_eq!(cache.take_in(&Event::InitDone, &mut list), [pi()]);
        assert_eq!(names(&cache), ["new"]);
    }

    #[test]
    fn an_application_whose_pods_vanished_while_the_watch_was_down_is_looked_at() {
        let (cache, mut list) = (PodCache::default(), InitialList::default());
        cache.take_in(&Event::Apply(pod("driver", "Running")), &mut list);
        cache.take_in(&Event::Init, &mut list);
        assert_eq!(cache.take_in(&Event::InitDone, &mut list), [pi()]);
        assert!(names(&cache).is_empty());
    }

    #[test]
    fn an_update_that_changes_no_fact_triggers_nothing() {
        let (cache, mut list) = (PodCache::default(), InitialList::default());
        assert_eq!(cache.take_in(&Event::Apply(pod("driver", "Pending")), &mut list), [pi()]);
        assert!(cache.take_in(&Event::Apply(pod("driver", "Pending")), &mut list).is_empty());
        assert_eq!(cache.take_in(&Event::Apply(pod("driver", "Running")), &mut list), [pi()]);
        assert_eq!(cache.take_in(&Event::Delete(pod("driver", "Running")), &mut list), [pi()]);
        assert!(names(&cache).is_empty());
    }

    #[test]
    fn a_change_of_a_container_without_a_change_of_the_phase_counts() {
        let (cache, mut list) = (PodCache::default(), InitialList::default());
        cache.take_in(&Event::Apply(pod("driver", "Running")), &mut list);
        let mut ended = pod("driver", "Running");
        ended.status.as_mut().unwrap().container_statuses = Some(
            serde_json::from_value(serde_json::json!([{
                "name": "spark-kubernetes-driver", "image": "", "imageID": "", "ready": false, "restartCount": 0,
                "state": {"terminated": {"exitCode": 0, "reason": "Completed"}},
            }]))
            .unwrap(),
        );
        assert_eq!(cache.take_in(&Event::Apply(ended), &mut list), [pi()]);
    }
}
