//! What follows from a change of the specification. Pure.

use cerium_crds::ApplicationStateType as Phase;
use cerium_crds::fingerprint::Change;

use super::{Driver, Situation};

/// A driver can be told how many executors it may have; where none runs any more, the change may mend what
/// failed.
pub(super) fn needs_another_run(phase: Phase, change: Change) -> bool {
    match change {
        Change::None | Change::ExecutorPods => false,
        Change::ExecutorCount { .. } => {
            matches!(phase, Phase::Failing | Phase::SubmissionFailed | Phase::Failed)
        }
        Change::Application => true,
    }
}

/// What is wrong with the new specification is no reason to disturb what runs.
pub(super) fn can_be_scaled(situation: &Situation) -> bool {
    let Situation { wish, change, driver, .. } = situation;
    matches!(change, Change::ExecutorCount { .. })
        && wish.invalid.is_none()
        && matches!(driver, Driver::Ours(pod) if pod.current && !pod.deleting && !pod.state.has_ended())
}
