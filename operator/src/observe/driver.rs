//! From the facts about a driver pod to what its Spark container does. Pure.

use cerium_crds::names::DRIVER_CONTAINER;

use crate::decide::{Blocked, BlockedKind, DriverProgress};
use crate::pods::{ContainerFacts, ContainerState, PodFacts, PodPhase};

/// What the Spark container of a driver pod does.
pub fn driver_progress(pod: &PodFacts) -> DriverProgress {
    let driver = spark_container(pod);
    if let Some(ContainerState::Terminated { exit_code, reason, message }) = driver {
        return if *exit_code == 0 {
            DriverProgress::Succeeded
        } else {
            let message = with_message(message);
            let message =
                format!("driver container failed with ExitCode: {exit_code}, Reason: {reason}{message}");
            DriverProgress::Failed { message }
        };
    }
    match pod.phase {
        PodPhase::Pending => DriverProgress::Pending { blocked: blocked(pod) },
        // A sidecar makes the pod run although the Spark container does not.
        PodPhase::Running if matches!(driver, Some(ContainerState::Waiting { .. })) => {
            DriverProgress::Pending { blocked: blocked(pod) }
        }
        PodPhase::Running => DriverProgress::Running,
        PodPhase::Succeeded => DriverProgress::Succeeded,
        PodPhase::Failed => DriverProgress::Failed { message: failure_without_driver(pod) },
        PodPhase::Unknown => DriverProgress::Unknown,
    }
}

/// The Spark container: by name, else (a template may rename it) the only one there is.
fn spark_container(pod: &PodFacts) -> Option<&ContainerState> {
    let mut main = pod.containers.iter().filter(|container| !container.init);
    let named = main.clone().find(|container| container.name == DRIVER_CONTAINER);
    named.or_else(|| main.next().filter(|_| main.next().is_none())).map(|container| &container.state)
}

/// The pod failed before its Spark container ran or without a word about it.
fn failure_without_driver(pod: &PodFacts) -> String {
    let failed_init = pod.containers.iter().filter(|container| container.init).find_map(|container| {
        match &container.state {
            ContainerState::Terminated { exit_code, reason, message } if *exit_code != 0 => {
                Some((&container.name, exit_code, reason, message))
            }
            ContainerState::Terminated { .. } | ContainerState::Waiting { .. } | ContainerState::Running => {
                None
            }
        }
    });
    if let Some((name, exit_code, reason, message)) = failed_init {
        let message = with_message(message);
        return format!(
            "driver init container {name} failed with ExitCode: {exit_code}, Reason: {reason}{message}"
        );
    }
    match (&pod.reason, &pod.message) {
        (None, None) => "driver container status missing".to_owned(),
        (reason, message) => {
            let reason = reason.as_deref().unwrap_or("Failed");
            let message = with_message(message.as_deref().unwrap_or_default());
            format!("driver container status missing, pod failed with Reason: {reason}{message}")
        }
    }
}

fn with_message(message: &str) -> String {
    let message = message.trim();
    if message.is_empty() { String::new() } else { format!(", Message: {message}") }
}

/// What keeps the driver from starting.
fn blocked(pod: &PodFacts) -> Option<Blocked> {
    if let Some(message) = &pod.unschedulable {
        return Some(Blocked {
            kind: BlockedKind::Unschedulable,
            message: message.clone(),
            since: pod.created,
        });
    }
    let since = pod.prepared;
    for ContainerFacts { name, state, .. } in &pod.containers {
        let ContainerState::Waiting { reason, message } = state else { continue };
        let kind = match reason.as_str() {
            "InvalidImageName" => BlockedKind::InvalidImageName,
            "ErrImagePull"
            | "ImagePullBackOff"
            | "ErrImageNeverPull"
            | "ImageInspectError"
            | "RegistryUnavailable"
            | "SignatureValidationFailed" => BlockedKind::ImagePull,
            "CreateContainerConfigError"
            | "CreateContainerError"
            | "RunContainerError"
            | "PreCreateHookError"
            | "PreStartHookError"
            | "PostStartHookError"
            | "CrashLoopBackOff" => BlockedKind::ContainerConfig,
            _ => continue,
        };
        return Some(Blocked { kind, message: format!("container {name}: {reason}: {message}"), since });
    }
    // An init container that runs may take as long as it likes.
    let working =
        pod.containers.iter().any(|container| container.init && container.state == ContainerState::Running);
    (since.is_some() && !working).then(|| Blocked {
        kind: BlockedKind::Starting,
        message: "its container is still being created; the pod's events tell why \
                  (an image still being pulled, a volume whose Secret or ConfigMap is missing)"
            .into(),
        since,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn container(name: &str, init: bool, state: ContainerState) -> ContainerFacts {
        ContainerFacts { name: name.into(), init, state }
    }

    fn driver(state: ContainerState) -> ContainerFacts {
        container(DRIVER_CONTAINER, false, state)
    }

    fn ended(exit_code: i32, reason: &str, message: &str) -> ContainerState {
        ContainerState::Terminated { exit_code, reason: reason.into(), message: message.into() }
    }

    fn waiting(reason: &str) -> ContainerState {
        ContainerState::Waiting { reason: reason.into(), message: "because".into() }
    }

    fn pod(phase: PodPhase, containers: Vec<ContainerFacts>) -> PodFacts {
        PodFacts { phase, containers, prepared: Some(Timestamp::UNIX_EPOCH), ..PodFacts::default() }
    }

    fn failure(pod: &PodFacts) -> String {
        match driver_progress(pod) {
            DriverProgress::Failed { message } => message,
            other => panic!("{other:?}"),
        }
    }

    fn obstacle(pod: &PodFacts) -> Option<BlockedKind> {
        match driver_progress(pod) {
            DriverProgress::Pending { blocked } => blocked.map(|blocked| blocked.kind),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_exit_code_decides_even_while_a_sidecar_keeps_the_pod_running() {
        let sidecar = || container("istio-proxy", false, ContainerState::Running);
        let done = pod(PodPhase::Running, vec![driver(ended(0, "Completed", "")), sidecar()]);
        assert_eq!(driver_progress(&done), DriverProgress::Succeeded);
        let broken = pod(PodPhase::Running, vec![driver(ended(137, "OOMKilled", "")), sidecar()]);
        assert_eq!(failure(&broken), "driver container failed with ExitCode: 137, Reason: OOMKilled");
        let sidecar_failed = pod(
            PodPhase::Failed,
            vec![driver(ended(0, "Completed", "")), container("istio-proxy", false, ended(1, "Error", ""))],
        );
        assert_eq!(driver_progress(&sidecar_failed), DriverProgress::Succeeded);
    }

    #[test]
    fn the_termination_message_follows_the_exit_code() {
        let text =
            failure(&pod(PodPhase::Failed, vec![driver(ended(1, "Error", "[TABLE_OR_VIEW_NOT_FOUND] t\n"))]));
        assert_eq!(
            text,
            "driver container failed with ExitCode: 1, Reason: Error, Message: [TABLE_OR_VIEW_NOT_FOUND] t"
        );
    }

    #[test]
    fn an_evicted_pod_says_so() {
        let mut evicted = pod(PodPhase::Failed, vec![]);
        assert_eq!(failure(&evicted), "driver container status missing");
        evicted.reason = Some("Evicted".into());
        evicted.message = Some("node was low on memory".into());
        assert_eq!(
            failure(&evicted),
            "driver container status missing, pod failed with Reason: Evicted, Message: node was low on memory"
        );
    }

    #[test]
    fn a_failed_init_container_is_named() {
        let broken = pod(
            PodPhase::Failed,
            vec![
                container("cerium-engine", true, ended(126, "Error", "exec format error")),
                driver(waiting("PodInitializing")),
            ],
        );
        assert_eq!(
            failure(&broken),
            "driver init container cerium-engine failed with ExitCode: 126, Reason: Error, Message: exec format error"
        );
    }

    #[test]
    fn waiting_reasons_are_told_apart() {
        let cases = [
            ("ErrImagePull", BlockedKind::ImagePull),
            ("ImagePullBackOff", BlockedKind::ImagePull),
            ("InvalidImageName", BlockedKind::InvalidImageName),
            ("CreateContainerConfigError", BlockedKind::ContainerConfig),
            ("ContainerCreating", BlockedKind::Starting),
        ];
        for (reason, kind) in cases {
            assert_eq!(
                obstacle(&pod(PodPhase::Pending, vec![driver(waiting(reason))])),
                Some(kind),
                "{reason}"
            );
        }
    }

    #[test]
    fn a_pod_no_node_takes_is_unschedulable() {
        let mut waiting = pod(PodPhase::Pending, vec![]);
        waiting.unschedulable = Some("0/1 nodes are available: 1 Insufficient cpu".into());
        assert_eq!(obstacle(&waiting), Some(BlockedKind::Unschedulable));
    }

    #[test]
    fn an_init_container_at_work_is_no_obstacle() {
        let working = pod(
            PodPhase::Pending,
            vec![container("download", true, ContainerState::Running), driver(waiting("PodInitializing"))],
        );
        assert_eq!(obstacle(&working), None);
    }
}
