//! Types and reasons of the conditions in `status.conditions`.

/// The manifest can be run; false with a reason and a message when it cannot.
pub const VALID: &str = "Valid";
/// The driver pod exists.
pub const SUBMITTED: &str = "Submitted";
/// The driver runs.
pub const RUNNING: &str = "Running";
/// The application has ended well.
pub const SUCCEEDED: &str = "Succeeded";
/// The application has failed.
pub const FAILED: &str = "Failed";

/// The application does what its manifest asks for: its driver runs, or has ended well. Flux, and all that
/// follows kstatus, waits for it.
pub const READY: &str = "Ready";
/// The operator is at work on the way there. Present only while it is true, as kstatus wants it.
pub const RECONCILING: &str = "Reconciling";
/// The application will not get there by itself. Present only while it is true, as kstatus wants it.
pub const STALLED: &str = "Stalled";

/// Reason of [`VALID`] when the manifest can be run.
pub const REASON_ACCEPTED: &str = "Accepted";
/// Reason of [`VALID`] when it cannot.
pub const REASON_INVALID_SPEC: &str = "InvalidSpec";
/// Reason of [`VALID`] when it can, but fields of it have no effect without a JVM.
pub const REASON_FIELDS_IGNORED: &str = "FieldsIgnored";

/// The server pod of a SparkConnect is ready.
pub const SERVER_POD_READY: &str = "ServerPodReady";
/// Reason of [`SERVER_POD_READY`] when it is.
pub const REASON_SERVER_POD_READY: &str = "ServerPodReady";
/// Reason of [`SERVER_POD_READY`] when it is not.
pub const REASON_SERVER_POD_NOT_READY: &str = "ServerPodNotReady";
