//! How long a driver may take to start, by what keeps it. Pure.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{History, Patience, remaining, since};

/// What keeps a driver from starting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked {
    /// The kind of obstacle, which decides how long is waited.
    pub kind: BlockedKind,
    /// What the kubelet or the scheduler says.
    pub message: String,
    /// When it began to count; `None`: with the submission.
    pub since: Option<Timestamp>,
}

/// The kinds of obstacles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockedKind {
    /// No node takes the pod.
    Unschedulable,
    /// A node took the pod and says nothing else: an image is being pulled, or a volume is missing.
    Starting,
    /// An image cannot be pulled, maybe not yet.
    ImagePull,
    /// The image's name can never be pulled.
    InvalidImageName,
    /// A container cannot be made: a Secret or ConfigMap is missing, a command does not exist.
    ContainerConfig,
}

impl BlockedKind {
    /// The obstacle in PascalCase, the reason of the condition.
    pub fn reason(self) -> &'static str {
        match self {
            BlockedKind::Unschedulable => "Unschedulable",
            BlockedKind::Starting => "ContainerCreating",
            BlockedKind::ImagePull => "ImagePullFailed",
            BlockedKind::InvalidImageName => "InvalidImageName",
            BlockedKind::ContainerConfig => "ContainerCannotBeCreated",
        }
    }

    /// Whether it is worth telling before time is up; starting takes its time anyway.
    pub fn is_obstacle(self) -> bool {
        self != BlockedKind::Starting
    }
}

/// Whether to wait on.
pub(super) enum Verdict {
    /// No; the text says why.
    GiveUp(String),
    /// Yes, and to look again after this time at the latest.
    Wait(Option<Duration>),
}

/// Whether a driver whose pod is pending is waited for. `startup` is the application's own limit.
pub(super) fn blocked_for_too_long(
    blocked: Option<&Blocked>,
    startup: Option<SignedDuration>,
    history: &History,
    patience: Patience,
    now: Timestamp,
) -> Verdict {
    if let Some(limit) = startup {
        // Whatever keeps it, known or not.
        let age = since(history.last_submission, now);
        if age < limit && blocked.is_none_or(|blocked| blocked.kind != BlockedKind::InvalidImageName) {
            return Verdict::Wait(Some(remaining(limit, age)));
        }
        let reason = blocked.map_or_else(
            || "its pod is pending".to_owned(),
            |blocked| format!("{}: {}", blocked.kind.reason(), blocked.message),
        );
        return Verdict::GiveUp(format!("driver pod did not start within {} s: {reason}", limit.as_secs()));
    }
    let Some(Blocked { kind, message, since: begun }) = blocked else { return Verdict::Wait(None) };
    let limit = match kind {
        BlockedKind::InvalidImageName => Some(SignedDuration::ZERO),
        BlockedKind::Starting | BlockedKind::ImagePull | BlockedKind::ContainerConfig => patience.startup,
        BlockedKind::Unschedulable => patience.scheduling,
    };
    let Some(limit) = limit else { return Verdict::Wait(None) };
    let age = since(begun.or(history.last_submission), now);
    if age < limit {
        return Verdict::Wait(Some(remaining(limit, age)));
    }
    Verdict::GiveUp(format!(
        "driver pod did not start within {} s: {}: {message}",
        limit.as_secs(),
        kind.reason()
    ))
}
