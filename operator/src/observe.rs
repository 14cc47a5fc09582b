//! Reads what there is of an application: its driver pod and its executors. Touches the API server only to
//! confirm that a driver pod is really gone.

use std::sync::Arc;

use cerium_crds::ApplicationStateType as Phase;
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client};

use crate::decide::{Driver, DriverPod};
use crate::error::{ApiFailure, Problem};
use crate::kind::ObjectKey;
use crate::pods::{PodCache, PodFacts, PodPhase};

mod driver;

pub use driver::driver_progress;

/// What there is of an application.
#[derive(Clone, Debug)]
pub struct Observation {
    /// The driver pod as decisions see it.
    pub driver: Driver,
    /// The driver pod, if it is this application's.
    pub driver_pod: Option<Arc<PodFacts>>,
    /// The executor pods of the current submission.
    pub executors: Vec<Arc<PodFacts>>,
}

/// Who the application is and what its status says of its driver.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Namespace and name.
    pub key: &'a ObjectKey,
    /// `metadata.uid`.
    pub uid: &'a str,
    /// The state in the status.
    pub phase: Phase,
    /// The name its driver pod has or will have.
    pub driver_pod: &'a str,
    /// `status.submissionID`.
    pub submission_id: Option<&'a str>,
}

/// A pod could not be read.
#[derive(Debug, thiserror::Error)]
#[error("failed to read driver pod {name}")]
pub struct ObserveError {
    name: String,
    #[source]
    source: kube::Error,
}

impl Problem for ObserveError {
    fn category(&self) -> &'static str {
        "observe"
    }

    fn failure(&self) -> ApiFailure {
        ApiFailure::of(&self.source)
    }
}

/// Observes the pods of an application.
pub async fn observe(
    client: &Client,
    cache: &PodCache,
    subject: Subject<'_>,
) -> Result<Observation, ObserveError> {
    let pods = cache.pods_of(subject.key);
    let mut found = pods.iter().find(|pod| pod.name == subject.driver_pod).cloned();
    // A cache that still shows the pod of an earlier submission is as good as one that shows none.
    let settled = found.as_ref().is_some_and(|pod| is_of_submission(pod, subject));
    if !settled && must_be_confirmed(subject.phase) {
        let api: Api<Pod> = Api::namespaced(client.clone(), &subject.key.namespace);
        let live = api
            .get_opt(subject.driver_pod)
            .await
            .map_err(|source| ObserveError { name: subject.driver_pod.to_owned(), source })?;
        found = live.as_ref().map(|pod| Arc::new(PodFacts::of(pod)));
    }
    Ok(classify(&pods, found, subject))
}

/// Whether something is decided on the absence of the driver pod, so that the cache's word is not enough.
fn must_be_confirmed(phase: Phase) -> bool {
    match phase {
        Phase::New | Phase::Completed | Phase::Failed => false,
        Phase::Submitted
        | Phase::Running
        | Phase::Succeeding
        | Phase::Failing
        | Phase::SubmissionFailed
        | Phase::PendingRerun
        | Phase::Invalidating
        | Phase::Suspending
        | Phase::Suspended
        | Phase::Resuming
        | Phase::Unknown => true,
    }
}

fn is_of_submission(pod: &PodFacts, subject: Subject<'_>) -> bool {
    subject.submission_id.is_some_and(|id| !id.is_empty() && pod.submission_id.as_deref() == Some(id))
}

fn classify(pods: &[Arc<PodFacts>], found: Option<Arc<PodFacts>>, subject: Subject<'_>) -> Observation {
    let driver_pod = found.clone().filter(|pod| pod.owner_uid.as_deref() == Some(subject.uid));
    let driver = match (&found, &driver_pod) {
        (None, _) => Driver::Absent,
        (Some(_), None) => Driver::Foreign,
        (Some(_), Some(pod)) => Driver::Ours(DriverPod {
            current: is_of_submission(pod, subject),
            deleting: pod.deleting,
            lingers: pod.phase == PodPhase::Running && driver_progress(pod).has_ended(),
            state: driver_progress(pod),
        }),
    };
    let executors =
        pods.iter().filter(|pod| pod.is_executor() && is_of_submission(pod, subject)).cloned().collect();
    Observation { driver, driver_pod, executors }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(name: &str, owner: &str, submission: &str, role: &str) -> Arc<PodFacts> {
        Arc::new(PodFacts {
            name: name.into(),
            owner_uid: Some(owner.into()),
            submission_id: Some(submission.into()),
            role: Some(role.into()),
            ..PodFacts::default()
        })
    }

    fn subject(key: &ObjectKey) -> Subject<'_> {
        Subject {
            key,
            uid: "uid-1",
            phase: Phase::Running,
            driver_pod: "pi-driver",
            submission_id: Some("s-2"),
        }
    }

    #[test]
    fn the_driver_is_known_by_owner_and_submission() {
        let key = ObjectKey { namespace: "ns".into(), name: "pi".into() };
        let seen = |owner: &str, submission: &str| {
            classify(&[], Some(facts("pi-driver", owner, submission, "driver")), subject(&key)).driver
        };
        assert!(matches!(seen("uid-1", "s-2"), Driver::Ours(DriverPod { current: true, .. })));
        assert!(matches!(seen("uid-1", "s-1"), Driver::Ours(DriverPod { current: false, .. })));
        assert_eq!(seen("uid-0", "s-2"), Driver::Foreign);
        assert_eq!(classify(&[], None, subject(&key)).driver, Driver::Absent);
    }

    #[test]
    fn executors_of_earlier_submissions_do_not_count() {
        let key = ObjectKey { namespace: "ns".into(), name: "pi".into() };
        let pods = [
            facts("pi-exec-1", "driver", "s-1", "executor"),
            facts("pi-exec-2", "driver", "s-2", "executor"),
            facts("pi-driver", "uid-1", "s-2", "driver"),
        ];
        let names: Vec<_> =
            classify(&pods, None, subject(&key)).executors.iter().map(|pod| pod.name.clone()).collect();
        assert_eq!(names, ["pi-exec-2"]);
    }
}
