//! Reasons of the events on SparkApplications, as Kubeflow names them, and on schedules.

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
/// The spec changed: the application runs again with the new one.
pub const APPLICATION_INVALIDATING: &str = "SparkApplicationInvalidating";
/// The spec changed in what only new executor pods need to have.
pub const APPLICATION_WEBHOOK_FIELDS_UPDATED: &str = "SparkApplicationWebhookFieldsUpdated";
/// The spec changed and the application could not be told to run again.
pub const APPLICATION_SPEC_UPDATE_FAILED: &str = "SparkApplicationSpecUpdateFailed";
/// The running driver was told to have another number of executors, as the spec says so now.
pub const APPLICATION_SCALED: &str = "SparkApplicationScaled";
/// Fields of the manifest have no effect, and why.
pub const APPLICATION_FIELDS_IGNORED: &str = "SparkApplicationFieldsIgnored";
/// A Service, Ingress or PodDisruptionBudget of the driver was refused, and why; the application runs.
pub const APPLICATION_NOT_EXPOSED: &str = "SparkApplicationNotExposed";
/// The API server does not keep all of the status: its definition of the kind is another operator's, or an older one.
pub const APPLICATION_DEFINITION_OUTDATED: &str = "SparkApplicationDefinitionOutdated";

/// A run of a schedule was started.
pub const SCHEDULED_RUN_STARTED: &str = "ScheduledSparkApplicationRunStarted";
/// A run of a schedule was left out.
pub const SCHEDULED_RUN_SKIPPED: &str = "ScheduledSparkApplicationRunSkipped";
/// A run of a schedule could not be created.
pub const SCHEDULED_RUN_REFUSED: &str = "ScheduledSparkApplicationRunRefused";
/// A schedule cannot be understood.
pub const SCHEDULED_INVALID: &str = "ScheduledSparkApplicationFailedValidation";

/// The driver pod is gone.
pub const DRIVER_NOT_FOUND: &str = "SparkDriverNotFound";

/// The server pod of a SparkConnect was created.
pub const CONNECT_SERVER_CREATED: &str = "SparkConnectServerCreated";
/// The server pod was made by another operator and goes on.
pub const CONNECT_SERVER_ADOPTED: &str = "SparkConnectServerAdopted";
/// The server pod is being replaced: the specification changed, or it ended.
pub const CONNECT_SERVER_REPLACED: &str = "SparkConnectServerReplaced";
/// The running server was told to have another number of executors.
pub const CONNECT_SCALED: &str = "SparkConnectScaled";
/// The server answers.
pub const CONNECT_READY: &str = "SparkConnectReady";
/// The server answers no more.
pub const CONNECT_NOT_READY: &str = "SparkConnectNotReady";
/// The server cannot be started.
pub const CONNECT_FAILED: &str = "SparkConnectFailed";

/// Fields of the manifest of a SparkConnect have no effect, and why.
pub const CONNECT_FIELDS_IGNORED: &str = "SparkConnectFieldsIgnored";

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
    const WARNINGS: [&str; 22] = [
        APPLICATION_SUBMISSION_FAILED,
        APPLICATION_FAILED,
        APPLICATION_PENDING_RERUN,
        APPLICATION_SUSPENDING,
        APPLICATION_SUSPENDED,
        APPLICATION_RESUMING,
        APPLICATION_INVALIDATING,
        APPLICATION_SPEC_UPDATE_FAILED,
        APPLICATION_NOT_EXPOSED,
        APPLICATION_DEFINITION_OUTDATED,
        SCHEDULED_RUN_SKIPPED,
        SCHEDULED_RUN_REFUSED,
        SCHEDULED_INVALID,
        DRIVER_NOT_FOUND,
        CONNECT_SERVER_REPLACED,
        CONNECT_NOT_READY,
        CONNECT_FAILED,
        CONNECT_FIELDS_IGNORED,
        "SparkDriverFailed",
        "SparkDriverUnknown",
        "SparkExecutorFailed",
        "SparkExecutorUnknown",
    ];
    WARNINGS.contains(&reason)
}
