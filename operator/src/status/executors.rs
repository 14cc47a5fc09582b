//! The states of the executors, from their pods and from what is known of those that are gone. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use cerium_crds::{ApplicationStateType as Phase, ExecutorState};

use crate::pods::{ContainerState, PodFacts, PodPhase};

/// The states by pod name. Executors numbered above `max_executors` are not listed, so that the status of
/// an application with thousands of them stays small.
pub fn states(
    old: Option<BTreeMap<String, ExecutorState>>,
    pods: &[Arc<PodFacts>],
    phase: Phase,
    max_executors: u64,
) -> Option<BTreeMap<String, ExecutorState>> {
    let mut states = old.unwrap_or_default();
    for (name, state) in &mut states {
        let gone = pods.iter().all(|pod| pod.name != *name);
        if gone && !state.is_terminal() {
            *state = state_of_missing(phase);
        }
    }
    for pod in pods {
        if pod.executor_id.is_none_or(|id| id <= max_executors) {
            states.insert(pod.name.clone(), state(pod));
        }
    }
    (!states.is_empty()).then_some(states)
}

/// A pod that is gone without having been seen to end.
fn state_of_missing(phase: Phase) -> ExecutorState {
    match phase {
        // Released by the driver, or lost: the driver knows.
        Phase::Submitted | Phase::Running | Phase::Unknown => ExecutorState::Unknown,
        Phase::Succeeding | Phase::Completed => ExecutorState::Completed,
        Phase::New
        | Phase::Failing
        | Phase::Failed
        | Phase::SubmissionFailed
        | Phase::PendingRerun
        | Phase::Invalidating
        | Phase::Suspending
        | Phase::Suspended
        | Phase::Resuming => ExecutorState::Failed,
    }
}

fn state(pod: &PodFacts) -> ExecutorState {
    match pod.phase {
        PodPhase::Pending => ExecutorState::Pending,
        // A sidecar may outlive the executor.
        PodPhase::Running => match ended(pod) {
            Some(true) => ExecutorState::Completed,
            Some(false) => ExecutorState::Failed,
            None => ExecutorState::Running,
        },
        PodPhase::Succeeded => ExecutorState::Completed,
        PodPhase::Failed => ExecutorState::Failed,
        PodPhase::Unknown => ExecutorState::Unknown,
    }
}

fn ended(pod: &PodFacts) -> Option<bool> {
    let name = cerium_crds::names::EXECUTOR_CONTAINER;
    pod.containers.iter().find(|container| !container.init && container.name == name).and_then(|container| {
        match &container.state {
            ContainerState::Terminated { exit_code, .. } => Some(*exit_code == 0),
            ContainerState::Waiting { .. } | ContainerState::Running => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str, id: u64, phase: PodPhase) -> Arc<PodFacts> {
        Arc::new(PodFacts { name: name.into(), executor_id: Some(id), phase, ..PodFacts::default() })
    }

    fn map(entries: &[(&str, ExecutorState)]) -> BTreeMap<String, ExecutorState> {
        entries.iter().map(|(name, state)| ((*name).to_owned(), *state)).collect()
    }

    #[test]
    fn executors_have_the_states_of_their_pods() {
        let pods = [
            pod("e-1", 1, PodPhase::Running),
            pod("e-2", 2, PodPhase::Pending),
            pod("e-3", 3, PodPhase::Failed),
        ];
        let expected = map(&[
            ("e-1", ExecutorState::Running),
            ("e-2", ExecutorState::Pending),
            ("e-3", ExecutorState::Failed),
        ]);
        assert_eq!(states(None, &pods, Phase::Running, 1000), Some(expected));
    }

    #[test]
    fn executors_above_the_limit_are_not_listed() {
        let pods = [pod("e-1", 1, PodPhase::Running), pod("e-2", 2, PodPhase::Running)];
        assert_eq!(states(None, &pods, Phase::Running, 1), Some(map(&[("e-1", ExecutorState::Running)])));
        assert_eq!(states(None, &pods, Phase::Running, 0), None);
    }

    #[test]
    fn executors_that_are_gone_end_as_the_application_does() {
        let cases = [
            (Phase::Running, ExecutorState::Unknown),
            (Phase::Succeeding, ExecutorState::Completed),
            (Phase::Completed, ExecutorState::Completed),
            (Phase::Failing, ExecutorState::Failed),
        ];
        for (phase, expected) in cases {
            let old = map(&[("e-1", ExecutorState::Running), ("e-2", ExecutorState::Failed)]);
            let states = states(Some(old), &[], phase, 1000);
            assert_eq!(states, Some(map(&[("e-1", expected), ("e-2", ExecutorState::Failed)])), "{phase:?}");
        }
    }
}
