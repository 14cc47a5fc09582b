//! What a client is told that names a session or an execution that is not there.

use cerium_spark::error::SparkError;

use super::{Failure, java};

fn invalid_handle(subclass: &str, handle: &str, reason: &str) -> Failure {
    SparkError::new(
        format!("INVALID_HANDLE.{subclass}"),
        "HY000",
        format!("The handle {handle} is invalid. {reason}"),
    )
    .with_param("handle", handle)
    .into()
}

/// An id that is no UUID.
pub fn format(handle: &str) -> Failure {
    let reason = "Handle must be an UUID string of the format '00112233-4455-6677-8899-aabbccddeeff'";
    invalid_handle("FORMAT", handle, reason)
}

/// A session nobody opened.
pub fn session_not_found(session_id: &str) -> Failure {
    invalid_handle("SESSION_NOT_FOUND", session_id, "Session not found.")
}

/// A session that was released or has expired.
pub fn session_closed(session_id: &str) -> Failure {
    invalid_handle("SESSION_CLOSED", session_id, "Session was closed.")
}

/// A session of an earlier server.
pub fn session_changed(session_id: &str) -> Failure {
    let reason = "The existing Spark server driver instance has restarted. Please reconnect.";
    invalid_handle("SESSION_CHANGED", session_id, reason)
}

/// An execution that was released, or never was.
pub fn operation_not_found(operation_id: &str) -> Failure {
    invalid_handle("OPERATION_NOT_FOUND", operation_id, "Operation not found.")
}

/// An execution whose client did not come back in time.
pub fn operation_abandoned(operation_id: &str) -> Failure {
    let reason = "Operation was considered abandoned because of inactivity and removed.";
    invalid_handle("OPERATION_ABANDONED", operation_id, reason)
}

/// The id of an execution that does something else.
pub fn operation_already_exists(operation_id: &str) -> Failure {
    invalid_handle("OPERATION_ALREADY_EXISTS", operation_id, "Operation already exists.")
}

/// An execution that was interrupted.
pub fn operation_canceled() -> Failure {
    SparkError::new("OPERATION_CANCELED", "HY008", "Operation has been canceled.").into()
}

fn invalid_cursor(subclass: &str, reason: &str) -> SparkError {
    SparkError::new(format!("INVALID_CURSOR.{subclass}"), "HY109", format!("The cursor is invalid. {reason}"))
}

/// A stream that another one took over from; the client may come back.
pub fn disconnected() -> Failure {
    invalid_cursor("DISCONNECTED", "The cursor has been disconnected by the server.").into()
}

/// An execution that was not made to be come back to.
pub fn not_reattachable() -> Failure {
    invalid_cursor("NOT_REATTACHABLE", "The cursor is not reattachable.").into()
}

/// A response that is no longer kept.
pub fn position_not_available(response_id: &str, index: u64) -> Failure {
    let reason = format!("The cursor position id {response_id} is no longer available at index {index}.");
    invalid_cursor("POSITION_NOT_AVAILABLE", &reason)
        .with_param("index", index.to_string())
        .with_param("responseId", response_id)
        .into()
}

/// A response that never was, or is no longer known.
pub fn position_not_found(response_id: &str) -> Failure {
    let reason = format!("The cursor position id {response_id} is not found.");
    invalid_cursor("POSITION_NOT_FOUND", &reason).with_param("responseId", response_id).into()
}

/// A plan that could not be unpacked.
pub fn cannot_parse(problem: &str) -> Failure {
    SparkError::new(
        "CONNECT_INVALID_PLAN.CANNOT_PARSE",
        "56K00",
        format!(
            "The Spark Connect plan is invalid. Cannot decompress or parse the input plan ({problem})\n\
             This may be caused by a corrupted compressed plan.\n\
             To disable plan compression, set 'spark.connect.session.planCompression.threshold' to -1."
        ),
    )
    .with_param("errorMsg", problem)
    .into()
}

/// A plan that is too large once unpacked; sizes in bytes.
pub fn plan_too_large(size: u64, limit: u64) -> Failure {
    SparkError::new(
        "CONNECT_INVALID_PLAN.PLAN_SIZE_LARGER_THAN_MAX",
        "56K00",
        format!(
            "The Spark Connect plan is invalid. The plan size is larger than max ({size} vs. {limit})\n\
             This typically occurs when building very complex queries with many operations, large literals, or deeply nested expressions.\n\
             Consider splitting the query into smaller parts using temporary views for intermediate results or reducing the number of operations."
        ),
    )
    .with_param("planSize", size.to_string())
    .with_param("maxPlanSize", limit.to_string())
    .into()
}

/// The name of an artifact that could leave the session's folder.
pub fn invalid_artifact_path(name: &str) -> Failure {
    SparkError::new(
        "INVALID_ARTIFACT_PATH",
        "22023",
        format!(
            "Artifact with name {name} is invalid. The name must be a relative path and cannot reference parent/sibling/nephew directories."
        ),
    )
    .with_param("name", name)
    .into()
}

/// An artifact sent again with other content.
pub fn artifact_exists(path: &str) -> Failure {
    SparkError::new(
        "ARTIFACT_ALREADY_EXISTS",
        "42713",
        format!(
            "The artifact {path} already exists. Please choose a different name for the new artifact because it cannot be overwritten."
        ),
    )
    .with_param("normalizedRemoteRelativePath", path)
    .into()
}

fn invalid_clone(subclass: &str, target: &str, reason: &str) -> Failure {
    SparkError::new(
        format!("INVALID_CLONE_SESSION_REQUEST.{subclass}"),
        "42K04",
        format!("Invalid session clone request. {reason}"),
    )
    .with_param("targetSessionId", target)
    .into()
}

/// A clone whose id is no UUID.
pub fn clone_format(target: &str) -> Failure {
    let reason = format!(
        "Target session ID {target} for clone operation must be an UUID string of the format '00112233-4455-6677-8899-aabbccddeeff'."
    );
    invalid_clone("TARGET_SESSION_ID_FORMAT", target, &reason)
}

/// A clone whose id is taken.
pub fn clone_exists(target: &str) -> Failure {
    let reason = format!(
        "Cannot clone session to target session ID {target} because a session with this ID already exists."
    );
    invalid_clone("TARGET_SESSION_ID_ALREADY_EXISTS", target, &reason)
}

/// A clone whose id was in use before.
pub fn clone_closed(target: &str) -> Failure {
    let reason = format!(
        "Cannot clone session to target session ID {target} because a session with this ID was previously closed."
    );
    invalid_clone("TARGET_SESSION_ID_ALREADY_CLOSED", target, &reason)
}

/// A request without a part it needs.
pub fn missing(what: &str) -> Failure {
    Failure::plain(java::INVALID_PLAN_INPUT, format!("{what} must be set"))
}
