//! How far a run is, as `kubectl get --output wide` shows it. Pure.

use cerium_crds::application::{ApplicationProgress, SparkApplicationStatus};
use cerium_crds::{ApplicationStateType as Phase, ExecutorState};

use crate::observe::Observation;

/// The progress that goes with the next status; `None` before a run.
pub fn progress(
    old: Option<ApplicationProgress>,
    observation: &Observation,
    next: &SparkApplicationStatus,
) -> Option<ApplicationProgress> {
    match next.application_state.state {
        Phase::Submitted
        | Phase::Running
        | Phase::Unknown
        | Phase::Succeeding
        | Phase::Completed
        | Phase::Failing
        | Phase::Failed => {}
        Phase::New
        | Phase::SubmissionFailed
        | Phase::PendingRerun
        | Phase::Invalidating
        | Phase::Suspending
        | Phase::Suspended
        | Phase::Resuming => return None,
    }
    let mut progress = old.unwrap_or_default();
    if let Some(told) = observation.driver_pod.as_ref().and_then(|pod| pod.progress) {
        progress.stages = Some(format!("{}/{}", told.completed_stages, told.stages));
        progress.tasks = Some(format!("{}/{}", told.completed_tasks, told.tasks));
    }
    let running = next.executor_state.as_ref().map(|executors| {
        let running = executors.values().filter(|state| **state == ExecutorState::Running).count();
        i32::try_from(running).unwrap_or(i32::MAX)
    });
    progress.executors = running;
    (progress != ApplicationProgress::default()).then_some(progress)
}
