//! What a server pod is to its SparkConnect. Pure.

use cerium_crds::labels;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;

use super::decide::{Ended, Server, ServerPod};
use super::status::ServerView;
use crate::decide::DriverProgress;
use crate::observe::driver_progress;
use crate::pods::PodFacts;

/// The pod with the server's name, as seen by the SparkConnect of this UID with a specification of this fingerprint.
pub(super) fn classify(pod: Option<&Pod>, uid: &str, fingerprint: Option<&str>) -> Server {
    let Some(pod) = pod else { return Server::Absent };
    if !pod.owner_references().iter().any(|owner| owner.controller == Some(true) && owner.uid == uid) {
        return Server::Foreign;
    }
    let made_from = pod.annotations().get(labels::CONNECT_FINGERPRINT).map(String::as_str);
    Server::Ours(ServerPod {
        // One without was made by another operator, and goes on.
        current: fingerprint.is_none() || made_from.is_none() || made_from == fingerprint,
        deleting: pod.metadata.deletion_timestamp.is_some(),
        ended: ended(pod),
    })
}

/// Whether the server was made from the specification and goes on.
pub(super) fn is_live(server: &Server) -> bool {
    matches!(server, Server::Ours(pod) if pod.current && !pod.deleting && pod.ended.is_none())
}

/// When and after what time the server ended, if it did.
fn ended(pod: &Pod) -> Option<Ended> {
    match driver_progress(&PodFacts::of(pod)) {
        DriverProgress::Succeeded | DriverProgress::Failed { .. } => {}
        DriverProgress::Pending { .. } | DriverProgress::Running | DriverProgress::Unknown => return None,
    }
    let created = pod.creation_timestamp().map_or(Timestamp::UNIX_EPOCH, |time| time.0);
    let statuses = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    let ends = statuses.filter_map(|status| status.state.as_ref()?.terminated.as_ref()?.finished_at.as_ref());
    // One that was evicted tells no time.
    let at = ends.map(|time| time.0).max().unwrap_or(created);
    let lived = at.duration_since(created);
    Some(Ended { at, lived: lived.max(SignedDuration::ZERO) })
}

/// The pod as the status shows it.
pub(super) fn view(pod: &Pod) -> ServerView {
    let facts = PodFacts::of(pod);
    let obstacle = match driver_progress(&facts) {
        DriverProgress::Pending { blocked: Some(blocked) } if blocked.kind.is_obstacle() => blocked.message,
        DriverProgress::Failed { message } => message,
        DriverProgress::Succeeded => "the server has ended".to_owned(),
        DriverProgress::Unknown => "its node does not answer".to_owned(),
        DriverProgress::Pending { .. } | DriverProgress::Running => String::new(),
    };
    ServerView {
        ip: pod.status.as_ref().and_then(|status| status.pod_ip.clone()),
        ready: facts.ready && !facts.deleting,
        name: facts.name,
        obstacle,
    }
}
