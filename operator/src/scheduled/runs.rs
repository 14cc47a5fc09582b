//! What is kept of the runs of schedules, and the cache of it that their watch fills.

use std::collections::{BTreeMap, HashMap};
use std::sync::{PoisonError, RwLock};

use cerium_crds::{ApplicationStateType as Phase, SparkApplication};
use jiff::Timestamp;
use kube::core::DeserializeGuard;
use kube::runtime::watcher::Event;
use kube::{Resource, ResourceExt};

use crate::kind::ObjectKey;

/// One run of a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Name of its application.
    pub name: String,
    /// UID of its application.
    pub uid: String,
    /// UID of its schedule.
    pub owner: String,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// What became of it.
    pub outcome: RunOutcome,
    /// It is being deleted.
    pub deleting: bool,
}

/// What became of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunOutcome {
    /// Nothing yet.
    Unfinished,
    /// COMPLETED.
    Successful,
    /// FAILED.
    Failed,
}

/// An application as the watch and lists hand it over.
pub type Child = DeserializeGuard<SparkApplication>;

impl Run {
    /// What is kept of an application, with the schedule it belongs to; `None` if it is nobody's run. One
    /// that cannot be read has not ended.
    pub fn of(child: &Child) -> Option<(ObjectKey, Run)> {
        let (key, owner) = owner(child)?;
        let status = child.0.as_ref().ok().and_then(|application| application.status.as_ref());
        let outcome = match status.map(|status| status.application_state.state) {
            Some(Phase::Completed) => RunOutcome::Successful,
            Some(Phase::Failed) => RunOutcome::Failed,
            _ => RunOutcome::Unfinished,
        };
        let run = Run {
            name: child.name_any(),
            uid: child.uid().unwrap_or_default(),
            owner,
            created: child.creation_timestamp().map(|time| time.0),
            outcome,
            deleting: child.meta().deletion_timestamp.is_some(),
        };
        Some((key, run))
    }
}

/// The schedule that owns this application: its key and its UID.
fn owner(child: &Child) -> Option<(ObjectKey, String)> {
    let mut owners = child.meta().owner_references.iter().flatten();
    let owner = owners.find(|owner| owner.kind == "ScheduledSparkApplication")?;
    let key = ObjectKey { namespace: child.namespace()?, name: owner.name.clone() };
    Some((key, owner.uid.clone()))
}

/// The runs of one schedule, by name.
type RunsByName = BTreeMap<String, Run>;

/// The runs of one watch, by schedule.
#[derive(Default)]
pub struct RunCache {
    known: RwLock<HashMap<ObjectKey, RunsByName>>,
}

/// The list a watch begins with, until it is complete.
#[derive(Default)]
pub struct InitialRuns(HashMap<ObjectKey, RunsByName>);

impl RunCache {
    /// Takes in one event of the watch and returns the schedules whose runs changed.
    pub fn take_in(&self, event: &Event<Child>, list: &mut InitialRuns) -> Vec<ObjectKey> {
        match event {
            Event::Init => {
                list.0.clear();
                Vec::new()
            }
            Event::InitApply(child) => {
                if let Some((key, run)) = Run::of(child) {
                    list.0.entry(key).or_default().insert(run.name.clone(), run);
                }
                Vec::new()
            }
            Event::InitDone => {
                let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
                let before = std::mem::replace(&mut *known, std::mem::take(&mut list.0));
                let changed = known.iter().filter(|(key, runs)| before.get(key) != Some(runs));
                let mut changed: Vec<_> = changed.map(|(key, _)| key.clone()).collect();
                changed.extend(before.into_keys().filter(|key| !known.contains_key(key)));
                changed
            }
            Event::Apply(child) => {
                let Some((key, run)) = Run::of(child) else { return Vec::new() };
                let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
                let runs = known.entry(key.clone()).or_default();
                // Most updates of an application change nothing that matters here.
                if runs.get(&run.name) == Some(&run) {
                    return Vec::new();
                }
                runs.insert(run.name.clone(), run);
                vec![key]
            }
            Event::Delete(child) => {
                let Some((key, run)) = Run::of(child) else { return Vec::new() };
                let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
                if let Some(runs) = known.get_mut(&key) {
                    runs.remove(&run.name);
                    if runs.is_empty() {
                        known.remove(&key);
                    }
                }
                vec![key]
            }
        }
    }

    /// The runs of the schedule with this UID, by name.
    pub fn runs_of(&self, key: &ObjectKey, uid: &str) -> Vec<Run> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known
            .get(key)
            .into_iter()
            .flat_map(BTreeMap::values)
            .filter(|run| run.owner == uid)
            .cloned()
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn child(name: &str, owner: &str, state: &str) -> Child {
        serde_json::from_value(serde_json::json!({
            "apiVersion": "sparkoperator.k8s.io/v1beta2", "kind": "SparkApplication",
            "metadata": {"name": name, "namespace": "ns", "uid": name, "ownerReferences": [{
                "apiVersion": "sparkoperator.k8s.io/v1beta2", "kind": "ScheduledSparkApplication",
                "name": "nightly", "uid": owner,
            }]},
            "spec": {
                "type": "SQL", "sparkVersion": "4.1.1", "mainApplicationFile": "local:///a.sql",
                "driver": {}, "executor": {},
            },
            "status": {"driverInfo": {}, "applicationState": {"state": state}},
        }))
        .unwrap()
    }

    #[test]
    fn a_schedule_is_looked_at_when_a_run_ends_and_not_at_every_step_of_it() {
        let (cache, mut list) = (RunCache::default(), InitialRuns::default());
        let key = ObjectKey { namespace: "ns".into(), name: "nightly".into() };
        let mut apply = |state: &str| cache.take_in(&Event::Apply(child("nightly-1", "u", state)), &mut list);
        let told = vec![key.clone()];
        assert_eq!(apply(""), told);
        assert!(apply("SUBMITTED").is_empty());
        assert!(apply("RUNNING").is_empty());
        assert_eq!(apply("COMPLETED"), told);
        assert_eq!(cache.runs_of(&key, "u")[0].outcome, RunOutcome::Successful);
        assert_eq!(cache.take_in(&Event::Delete(child("nightly-1", "u", "")), &mut list), told);
        assert!(cache.runs_of(&key, "u").is_empty());
    }

    #[test]
    fn runs_of_a_deleted_schedule_of_the_same_name_are_not_its_runs() {
        let (cache, mut list) = (RunCache::default(), InitialRuns::default());
        cache.take_in(&Event::Apply(child("nightly-1", "old", "COMPLETED")), &mut list);
        let key = ObjectKey { namespace: "ns".into(), name: "nightly".into() };
        assert!(cache.runs_of(&key, "new").is_empty());
    }
}
