//! Reasons of the events on SparkApplications, as Kubeflow names them.

use crate::states::{DriverState, ExecutorState};

/// The application was seen for the first time.
pub const APPLICATION_ADDED: &str = "SparkApplicationAdded";
/// The driver pod was created.
pub const APPLICATION_SUBMITTED: &str = "SparkApplicationSubmitted";
/// The driver pod could not be created.
pub const APPLICATION_SUBMISSION_FAILED: &str = "SparkApplicationSubmissionFailed";
/// The application ended well.
pub const APPLICATION_COMPLETED: &str = "SparkApplicationCompleted";
/// The application failed for good.
pub const APPLICATION_FAILED: &str = "SparkApplicationFailed";
/// The application will run again.
pub const APPLICATION_PENDING_RERUN: &str = "SparkApplicationPendingRerun";
/// The pods are being deleted, as `spec.suspend` was set.
pub const APPLICATION_SUSPENDING: &str = "SparkApplicationSuspending";
/// The application is suspended.
pub const APPLICATION_SUSPENDED: &str = "SparkApplicationSuspended";
/// The application is about to be submitted again.
pub const APPLICATION_RESUMING: &str = "SparkApplicationResuming";
/// The spec changed and the application could not be told to run again.
pub const APPLICATION_SPEC_UPDATE_FAILED: &str = "SparkApplicationSpecUpdateFailed";
/// Fields of the manifest have no effect, and why.
pub const APPLICATION_FIELDS_IGNORED: &str = "SparkApplicationFieldsIgnored";

/// The driver pod is gone.
pub const DRIVER_NOT_FOUND: &str = "SparkDriverNotFound";

/// The reason of the event by which a driver's state is told.
pub fn driver_reason(state: DriverState) -> &'static str {
    match state {
        DriverState::Pending => "SparkDriverPending",
        DriverState::Running => "SparkDriverRunning",
        DriverState::Completed => "SparkDriverCompleted",
        DriverState::Failed => "SparkDriverFailed",
        DriverState::Unknown => "SparkDriverUnknown",
    }
}

/// The reason of the event by which an executor's state is told.
pub fn executor_reason(state: ExecutorState) -> &'static str {
    match state {
        ExecutorState::Pending => "SparkExecutorPending",
        ExecutorState::Running => "SparkExecutorRunning",
        ExecutorState::Completed => "SparkExecutorCompleted",
        ExecutorState::Failed => "SparkExecutorFailed",
        ExecutorState::Unknown => "SparkExecutorUnknown",
    }
}

/// Whether events with this reason are warnings; the others are normal.
pub fn is_warning(reason: &str) -> bool {
    const WARNINGS: [&str; 12] = [
        APPLICATION_SUBMISSION_FAILED,
        APPLICATION_FAILED,
        APPLICATION_PENDING_RERUN,
        APPLICATION_SUSPENDING,
        APPLICATION_SUSPENDED,
        APPLICATION_RESUMING,
        APPLICATION_SPEC_UPDATE_FAILED,
        DRIVER_NOT_FOUND,
        "SparkDriverFailed",
        "SparkDriverUnknown",
        "SparkExecutorFailed",
        "SparkExecutorUnknown",
    ];
    WARNINGS.contains(&reason)
}
