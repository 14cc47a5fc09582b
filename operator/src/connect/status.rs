//! The status of a SparkConnect: pure functions from the old one to the next, and what the change means in events.

use std::collections::BTreeMap;

use cerium_crds::conditions::{
    READY, REASON_ACCEPTED, REASON_FIELDS_IGNORED, REASON_INVALID_SPEC, REASON_SERVER_POD_NOT_READY,
    REASON_SERVER_POD_READY, RECONCILING, SERVER_POD_READY, STALLED, VALID,
};
use cerium_crds::connect::{ServerStatus, SparkConnectStatus};
use cerium_crds::events as reasons;
use cerium_crds::states::SparkConnectState;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::events::Note;

/// What the next status is made from.
#[derive(Clone, Debug)]
pub struct Seen<'a> {
    /// The status that is there.
    pub old: &'a SparkConnectStatus,
    /// `metadata.generation`.
    pub generation: Option<i64>,
    /// Why the specification cannot be run, if so.
    pub invalid: Option<&'a str>,
    /// Fields of the specification that have no effect, in words; empty if none.
    pub ignored: &'a str,
    /// Why the server cannot be made, if so.
    pub refused: Option<&'a str>,
    /// The server pod, if there is one.
    pub server: Option<ServerView>,
    /// Name of the Service.
    pub service: Option<&'a str>,
    /// Executors by pod phase in lower case.
    pub executors: BTreeMap<String, i64>,
    /// The time, in whole seconds as the API keeps it.
    pub now: Timestamp,
}

/// The server pod as the status shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerView {
    /// Its name.
    pub name: String,
    /// Its address, as soon as it has one.
    pub ip: Option<String>,
    /// It answers.
    pub ready: bool,
    /// What keeps it from answering, if anything is known to.
    pub obstacle: String,
}

impl Seen<'_> {
    /// The status that goes with it.
    pub fn next(&self) -> SparkConnectStatus {
        let mut next = self.old.clone();
        let ready = self.server.as_ref().is_some_and(|server| server.ready);
        let hopeless = self.refused.or(self.invalid.filter(|_| self.server.is_none()));
        next.state = Some(match (ready, hopeless) {
            (true, _) => SparkConnectState::Ready,
            (false, Some(_)) => SparkConnectState::Failed,
            (false, None) => SparkConnectState::NotReady,
        });
        let obstacle = hopeless.or(self.server.as_ref().map(|server| server.obstacle.as_str()));
        let (reason, message) = if ready {
            (REASON_SERVER_POD_READY, "Server pod is ready".to_owned())
        } else {
            let obstacle = obstacle.unwrap_or_default();
            (REASON_SERVER_POD_NOT_READY, format!("Server pod is not ready: {obstacle}").trim().to_owned())
        };
        let valid = match (self.invalid, self.ignored) {
            (Some(invalid), _) => (false, REASON_INVALID_SPEC, invalid),
            (None, "") => (true, REASON_ACCEPTED, ""),
            (None, ignored) => (true, REASON_FIELDS_IGNORED, ignored),
        };
        let mut conditions = vec![
            self.condition(SERVER_POD_READY, ready, reason, &message),
            self.condition(VALID, valid.0, valid.1, valid.2),
        ];
        conditions.extend(self.health(ready, &message));
        let ours = [SERVER_POD_READY, VALID, READY, RECONCILING, STALLED];
        let others = self.old.conditions.iter().flatten();
        conditions.extend(others.filter(|old| !ours.contains(&old.type_.as_str())).cloned());
        next.conditions = Some(conditions);
        next.server = Some(ServerStatus {
            pod_name: self.server.as_ref().map(|server| server.name.clone()),
            pod_ip: self.server.as_ref().and_then(|server| server.ip.clone()),
            service_name: self
                .service
                .map(str::to_owned)
                .or_else(|| self.old.server.as_ref().and_then(|server| server.service_name.clone())),
        });
        next.executors = (!self.executors.is_empty()).then(|| self.executors.clone());
        next.start_time.get_or_insert(Time(self.now));
        if next != *self.old {
            next.last_update_time = Some(Time(self.now));
        }
        // Last, and no change by itself: older definitions of the kind do not keep it.
        next.observed_generation = self.generation;
        next
    }

    /// What kstatus reads: a server of a specification that cannot be had is no success, though an older one answers.
    fn health(&self, ready: bool, message: &str) -> Vec<Condition> {
        let pod = if ready { REASON_SERVER_POD_READY } else { REASON_SERVER_POD_NOT_READY };
        let stalled = match (self.invalid, self.refused) {
            (Some(invalid), _) => Some((REASON_INVALID_SPEC, invalid)),
            (None, Some(refused)) => Some((REASON_SERVER_POD_NOT_READY, refused)),
            (None, None) => None,
        };
        match stalled {
            Some((reason, text)) => {
                vec![self.condition(READY, false, reason, text), self.condition(STALLED, true, reason, text)]
            }
            None if ready => vec![self.condition(READY, true, pod, "")],
            None => vec![
                self.condition(READY, false, pod, message),
                self.condition(RECONCILING, true, pod, message),
            ],
        }
    }

    fn condition(&self, type_: &str, holds: bool, reason: &str, message: &str) -> Condition {
        let status = if holds { "True" } else { "False" };
        let mut old = self.old.conditions.iter().flatten();
        let before = old.find(|old| old.type_ == type_ && old.status == status);
        Condition {
            last_transition_time: before.map_or(Time(self.now), |old| old.last_transition_time.clone()),
            message: crate::status::truncated(message, MAX_MESSAGE).to_owned(),
            observed_generation: self.generation,
            reason: reason.to_owned(),
            status: status.to_owned(),
            type_: type_.to_owned(),
        }
    }
}

/// Longest message the API server accepts in a condition, in bytes.
const MAX_MESSAGE: usize = 32 * 1024;

/// What the change from one status to the next means in events.
pub fn notes(name: &str, old: &SparkConnectStatus, next: &SparkConnectStatus) -> Vec<Note> {
    let (before, after) = (old.state.unwrap_or(SparkConnectState::New), next.state);
    let message = |status: &SparkConnectStatus| {
        let mut conditions = status.conditions.iter().flatten();
        conditions.find(|c| c.type_ == SERVER_POD_READY).map(|c| c.message.clone()).unwrap_or_default()
    };
    let mut notes: Vec<Note> = ignored_fields(name, old, next).into_iter().collect();
    notes.extend(match after {
        Some(SparkConnectState::Ready) if before != SparkConnectState::Ready => {
            vec![Note::new(reasons::CONNECT_READY, format!("SparkConnect {name} is ready"))]
        }
        Some(SparkConnectState::Failed) if message(old) != message(next) => {
            vec![Note::new(reasons::CONNECT_FAILED, format!("SparkConnect {name}: {}", message(next)))]
        }
        Some(SparkConnectState::NotReady)
            if before == SparkConnectState::Ready || message(old) != message(next) =>
        {
            vec![Note::new(reasons::CONNECT_NOT_READY, format!("SparkConnect {name}: {}", message(next)))]
        }
        _ => Vec::new(),
    });
    notes
}

/// The fields without effect, told once.
fn ignored_fields(name: &str, old: &SparkConnectStatus, next: &SparkConnectStatus) -> Option<Note> {
    let told = |status: &SparkConnectStatus| {
        let mut conditions = status.conditions.iter().flatten();
        conditions.find(|c| c.type_ == VALID && c.reason == REASON_FIELDS_IGNORED).map(|c| c.message.clone())
    };
    let text = told(next).filter(|text| told(old).as_ref() != Some(text))?;
    let message = format!("SparkConnect {name}: fields without effect: {text}");
    Some(Note::new(reasons::CONNECT_FIELDS_IGNORED, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(old: &SparkConnectStatus) -> Seen<'_> {
        Seen {
            old,
            generation: Some(1),
            invalid: None,
            ignored: "",
            refused: None,
            server: None,
            service: Some("shared-server"),
            executors: BTreeMap::new(),
            now: Timestamp::from_second(1_800_000_000).unwrap(),
        }
    }

    fn view(ready: bool) -> Option<ServerView> {
        Some(ServerView {
            name: "shared-server".into(),
            ip: Some("10.0.0.7".into()),
            ready,
            obstacle: String::new(),
        })
    }

    fn ready_condition(status: &SparkConnectStatus) -> &Condition {
        status.conditions.iter().flatten().find(|c| c.type_ == "ServerPodReady").unwrap()
    }

    #[test]
    fn the_state_follows_the_readiness_of_the_pod() {
        let first = SparkConnectStatus::default();
        let waiting = Seen { server: view(false), ..seen(&first) }.next();
        assert_eq!(waiting.state, Some(SparkConnectState::NotReady));
        assert_eq!(ready_condition(&waiting).reason, "ServerPodNotReady");
        let ready =
            Seen { server: view(true), executors: [("running".into(), 2)].into(), ..seen(&waiting) }.next();
        assert_eq!(ready.state, Some(SparkConnectState::Ready));
        let condition = ready_condition(&ready);
        assert_eq!((condition.status.as_str(), condition.message.as_str()), ("True", "Server pod is ready"));
        let server = ready.server.clone().unwrap();
        assert_eq!(server.pod_ip.as_deref(), Some("10.0.0.7"));
        assert_eq!(server.service_name.as_deref(), Some("shared-server"));
        assert_eq!(ready.executors.as_ref().unwrap()["running"], 2);
        assert_eq!(notes("shared", &waiting, &ready)[0].reason, "SparkConnectReady");
        let lost = Seen { server: view(false), ..seen(&ready) }.next();
        assert!(notes("shared", &ready, &lost)[0].warning);
    }

    #[test]
    fn a_status_that_says_the_same_is_the_same() {
        let first = SparkConnectStatus::default();
        let status = Seen { server: view(true), ..seen(&first) }.next();
        let later = Timestamp::from_second(1_800_000_999).unwrap();
        assert_eq!(Seen { server: view(true), now: later, ..seen(&status) }.next(), status);
    }

    /// The rules of kstatus: observedGeneration, then Stalled, Reconciling and Ready.
    #[test]
    fn kstatus_reads_what_has_become_of_it() {
        let first = SparkConnectStatus::default();
        let is = |status: &SparkConnectStatus| {
            ["Ready", "Reconciling", "Stalled"].map(|type_| {
                let mut conditions = status.conditions.iter().flatten();
                conditions.find(|c| c.type_ == type_).map(|c| c.status == "True")
            })
        };
        let waiting = Seen { server: view(false), ..seen(&first) }.next();
        assert_eq!(waiting.observed_generation, Some(1));
        assert_eq!(is(&waiting), [Some(false), Some(true), None]);
        let ready = Seen { server: view(true), ..seen(&waiting) }.next();
        assert_eq!(is(&ready), [Some(true), None, None]);
        let refused = Seen { refused: Some("exceeded quota"), ..seen(&ready) }.next();
        assert_eq!(is(&refused), [Some(false), None, Some(true)]);
        let invalid = Seen { invalid: Some("wrong"), server: view(true), ..seen(&ready) }.next();
        assert_eq!(is(&invalid), [Some(false), None, Some(true)]);
    }

    #[test]
    fn a_definition_that_does_not_keep_the_generation_makes_no_new_status() {
        let first = SparkConnectStatus::default();
        let mut kept = Seen { server: view(true), ..seen(&first) }.next();
        kept.observed_generation = None;
        let later = Timestamp::from_second(1_800_000_999).unwrap();
        let next = Seen { server: view(true), now: later, ..seen(&kept) }.next();
        assert_eq!(next.last_update_time, kept.last_update_time);
    }

    #[test]
    fn ignored_fields_are_told_once() {
        let first = SparkConnectStatus::default();
        let next = Seen { ignored: "spec.x has no effect", server: view(false), ..seen(&first) }.next();
        let told = |old, next| {
            let notes: Vec<Note> = notes("shared", old, next);
            notes.into_iter().filter(|note| note.reason == "SparkConnectFieldsIgnored").collect::<Vec<_>>()
        };
        assert!(
            matches!(&told(&first, &next)[..], [note] if note.warning && note.message.ends_with("spec.x has no effect"))
        );
        assert!(told(&next, &next).is_empty());
    }

    #[test]
    fn what_can_never_run_has_failed_unless_an_older_server_still_runs() {
        let first = SparkConnectStatus::default();
        let failed = Seen { invalid: Some("spec.server.memory: wrong"), ..seen(&first) }.next();
        assert_eq!(failed.state, Some(SparkConnectState::Failed));
        assert!(ready_condition(&failed).message.contains("spec.server.memory: wrong"));
        assert_eq!(notes("shared", &first, &failed)[0].reason, "SparkConnectFailed");
        assert!(notes("shared", &failed, &failed).is_empty());
        let runs = Seen { invalid: Some("wrong"), server: view(true), ..seen(&first) }.next();
        assert_eq!(runs.state, Some(SparkConnectState::Ready));
    }
}
