//! The security contexts: as little as possible, unless the manifest says otherwise. Pure.

use k8s_openapi::api::core::v1::{Capabilities, PodSecurityContext, SeccompProfile, SecurityContext};

/// User and group of Spark's images.
const SPARK_ID: i64 = 185;

/// The pod's context: each field the manifest leaves open gets the safe value.
pub fn pod_context(wanted: Option<PodSecurityContext>) -> PodSecurityContext {
    let mut context = wanted.unwrap_or_default();
    let user = *context.run_as_user.get_or_insert(SPARK_ID);
    if user != 0 {
        context.run_as_non_root.get_or_insert(true);
        context.run_as_group.get_or_insert(SPARK_ID);
        context.fs_group.get_or_insert(SPARK_ID);
    }
    context.seccomp_profile.get_or_insert_with(runtime_default);
    context
}

/// A container's context: each field the manifest leaves open gets the safe value.
pub fn container_context(wanted: Option<SecurityContext>) -> SecurityContext {
    let mut context = wanted.unwrap_or_default();
    if context.run_as_user == Some(0) {
        // The container asks for root: what the pod says of everybody must not forbid it.
        context.run_as_non_root.get_or_insert(false);
    }
    if context.privileged != Some(true) {
        let adds =
            context.capabilities.as_ref().and_then(|all| all.add.as_ref()).is_some_and(|add| !add.is_empty());
        if !adds {
            // The API server refuses this together with CAP_SYS_ADMIN.
            context.allow_privilege_escalation.get_or_insert(false);
        }
        context
            .capabilities
            .get_or_insert_with(|| Capabilities { add: None, drop: Some(vec!["ALL".to_owned()]) });
    }
    context.read_only_root_filesystem.get_or_insert(true);
    context
}

fn runtime_default() -> SeccompProfile {
    SeccompProfile { type_: "RuntimeDefault".to_owned(), localhost_profile: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_that_says_nothing_gets_a_pod_that_may_do_nothing() {
        let pod = pod_context(None);
        assert_eq!((pod.run_as_user, pod.run_as_group, pod.fs_group), (Some(185), Some(185), Some(185)));
        assert_eq!(pod.run_as_non_root, Some(true));
        assert_eq!(pod.seccomp_profile.unwrap().type_, "RuntimeDefault");
        let container = container_context(None);
        assert_eq!(container.allow_privilege_escalation, Some(false));
        assert_eq!(container.read_only_root_filesystem, Some(true));
        assert_eq!(container.capabilities.unwrap().drop, Some(vec!["ALL".to_owned()]));
    }

    #[test]
    fn a_manifest_that_asks_for_root_gets_it() {
        let pod = pod_context(Some(PodSecurityContext { run_as_user: Some(0), ..Default::default() }));
        assert_eq!((pod.run_as_user, pod.run_as_non_root, pod.fs_group), (Some(0), None, None));
        let root = SecurityContext { run_as_user: Some(0), ..Default::default() };
        assert_eq!(container_context(Some(root)).run_as_non_root, Some(false));
    }

    #[test]
    fn a_privileged_container_gets_no_contradiction() {
        let privileged = SecurityContext { privileged: Some(true), ..Default::default() };
        let context = container_context(Some(privileged));
        assert_eq!((context.allow_privilege_escalation, context.capabilities), (None, None));
    }

    #[test]
    fn what_the_manifest_says_stays() {
        let wanted = SecurityContext {
            read_only_root_filesystem: Some(false),
            capabilities: Some(Capabilities { add: Some(vec!["SYS_ADMIN".into()]), drop: None }),
            ..Default::default()
        };
        let context = container_context(Some(wanted.clone()));
        assert_eq!(context.read_only_root_filesystem, Some(false));
        assert_eq!(context.capabilities, wanted.capabilities);
        assert_eq!(context.allow_privilege_escalation, None);
    }
}
