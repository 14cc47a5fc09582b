//! One pass over an application: observe, validate, decide, build, apply, status.

use std::sync::Arc;
use std::time::Duration;

use cerium_crds::application::{RestartPolicy, RestartPolicyType, SparkApplicationStatus};
use cerium_crds::{ApplicationStateType as Phase, SparkApplication};
use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use kube::{Api, Client, Resource, ResourceExt};

use crate::applications::Applications;
use crate::apply::exposure::{self, Exposed};
use crate::apply::scale::{self, Told};
use crate::apply::{self, ApplyError, Outcome};
use crate::batch;
use crate::build::{Exposure, Runtime, Submission, build};
use crate::cli::{Policy, parse_duration};
use crate::config_files;
use crate::decide::{Decision, Driver, History, Restart, Situation, Wish, decide};
use crate::demand::Demand;
use crate::error::{ApiFailure, Problem, chain};
use crate::events;
use crate::kind::{Kind, ObjectKey, Requeue};
use crate::metrics::Metrics;
use crate::observe::{Observation, ObserveError, Subject, observe};
use crate::podgroups;
use crate::pods::{PodCache, PodFacts};
use crate::quota;
use crate::status::{self, Basis, StatusError};
use crate::unapplied::unapplied;
use cerium_crds::fingerprint::{Change, change, fingerprint};
use cerium_crds::labels;
use cerium_crds::plan::{Run, ValidatedApplication};
use cerium_crds::scale::Scale;
use cerium_crds::validate::{Invalid, driver_pod_name, validate_for};

/// What every pass needs.
pub struct Context {
    /// The API server.
    pub client: Client,
    /// Publishes events.
    pub events: events::Recorder,
    /// The pods of the applications of this watch.
    pub pods: PodCache,
    /// Settings.
    pub policy: Policy,
    /// Counts what happens.
    pub metrics: Arc<Metrics>,
    /// The time.
    pub clock: fn() -> Timestamp,
}

/// A pass that could not be finished.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// Looking at the pods failed.
    #[error(transparent)]
    Observe(ObserveError),
    /// Making or removing an object failed.
    #[error(transparent)]
    Apply(ApplyError),
    /// Writing the status failed.
    #[error(transparent)]
    Status(StatusError),
    /// The specification has no form in JSON: a fault of the operator.
    #[error("internal: failed to take the fingerprint of SparkApplication {name}")]
    Fingerprint {
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// Reading the application again failed.
    #[error("failed to read SparkApplication {name}")]
    Read {
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: kube::Error,
    },
}

impl Problem for ReconcileError {
    fn category(&self) -> &'static str {
        match self {
            ReconcileError::Observe(error) => error.category(),
            ReconcileError::Apply(error) => error.category(),
            ReconcileError::Status(error) => error.category(),
            ReconcileError::Read { .. } => "read",
            ReconcileError::Fingerprint { .. } => "fingerprint",
        }
    }

    fn failure(&self) -> ApiFailure {
        match self {
            ReconcileError::Observe(error) => error.failure(),
            ReconcileError::Apply(error) => error.failure(),
            ReconcileError::Status(error) => error.failure(),
            ReconcileError::Read { source, .. } => ApiFailure::of(source),
            ReconcileError::Fingerprint { .. } => ApiFailure::Transient,
        }
    }
}

/// The longest chain of steps is that of a retry whose old driver is gone already: FAILING, PENDING_RERUN,
/// reserved, SUBMITTED, RUNNING and one look at the result. More would be a loop.
const MAX_STEPS: usize = 12;

/// Takes an application as far as it goes now. `fresh` tells that it was just read from the API server, not
/// from the cache.
///
/// Boxed here once, as its states hold several copies of an application.
pub fn reconcile<'a>(
    context: &'a Context,
    application: &'a SparkApplication,
    fresh: bool,
) -> BoxFuture<'a, Result<Requeue, ReconcileError>> {
    Box::pin(take_steps(context, application, fresh))
}

async fn take_steps(
    context: &Context,
    application: &SparkApplication,
    fresh: bool,
) -> Result<Requeue, ReconcileError> {
    if application.metadata.deletion_timestamp.is_some() {
        return remove_driver_of_deleted(context, application).await;
    }
    let mut current = application.clone();
    let mut fresh = fresh;
    for _ in 0..MAX_STEPS {
        match Box::pin(step(context, &current, fresh)).await? {
            Step::Done(requeue) => return Ok(requeue),
            Step::Next(next) => {
                current = *next;
                fresh = true;
            }
            Step::Gone => return Ok(None),
        }
    }
    // Every step was written, so nothing is lost by going on later.
    Ok(Some(Duration::from_secs(1)))
}

enum Step {
    /// Nothing more to do now.
    Done(Requeue),
    /// The application changed, or was read again: go on with this.
    Next(Box<SparkApplication>),
    /// The application does not exist any more.
    Gone,
}

async fn step(
    context: &Context,
    application: &SparkApplication,
    fresh: bool,
) -> Result<Step, ReconcileError> {
    let now = whole_seconds((context.clock)());
    let old = application.status.clone().unwrap_or_default();
    let key = ObjectKey::of(application);
    let uid = application.uid().unwrap_or_default();
    let driver_pod = old.driver_info.pod_name.clone().unwrap_or_else(|| driver_pod_name(application));
    let subject = Subject {
        key: &key,
        uid: &uid,
        phase: old.application_state.state,
        driver_pod: &driver_pod,
        submission_id: old.submission_id.as_deref(),
    };
    let observation =
        observe(&context.client, &context.pods, subject).await.map_err(ReconcileError::Observe)?;
    let validated = validate_for(application, context.policy.default_engine);
    let spec_fingerprint = fingerprint(&application.spec)
        .map_err(|source| ReconcileError::Fingerprint { name: key.name.clone(), source })?;
    let change = match change(old.submitted_spec.as_deref().unwrap_or_default(), &spec_fingerprint) {
        Change::ExecutorPods | Change::ExecutorCount { placed: true } if !context.policy.partial_restart => {
            Change::Application
        }
        // Spark's own driver is told nothing while it runs.
        Change::ExecutorCount { .. } if validated.as_ref().is_ok_and(|valid| valid.run != Run::Native) => {
            Change::Application
        }
        change => change,
    };
    let startup = startup_timeout(application);
    let wish = wish(application, &validated, startup.as_ref().ok().copied().flatten(), &context.policy);
    let situation = situation(wish, change, &old, &observation);
    let decision = decide(&situation, context.policy.patience, now);
    let invalid = validated.as_ref().err().map(ToString::to_string);
    let ignored = validated.as_ref().map(|valid| {
        [
            valid.ignored.clone(),
            unapplied(&application.spec, &context.policy.exposure),
            batch::unused(&application.spec, context.policy.batch.as_ref()),
            startup.err().into_iter().collect(),
        ]
        .concat()
    });
    let ignored = ignored.unwrap_or_default().join("; ");
    let basis = Basis {
        old: &old,
        generation: application.metadata.generation,
        invalid: invalid.as_deref(),
        ignored: &ignored,
        fingerprint: &spec_fingerprint,
        now,
    };
    let work = Work { context, application, old: &old, ignored: &ignored, change, now };
    match &decision {
        Decision::Reserve => {
            let id = uuid::Uuid::new_v4().to_string();
            // Of the manifest as it is now, not of the attempt before.
            let driver_pod = driver_pod_name(application);
            work.write(basis.reserved(&id, &driver_pod)).await.map(Step::next)
        }
        Decision::Adopt => match &observation.driver_pod {
            Some(pod) => work.write(basis.adopted(pod)).await.map(Step::next),
            None => Ok(Step::Done(Some(LEFTOVER_CHECK))),
        },
        Decision::Submit if !fresh => reread(context, application).await,
        Decision::Submit => {
            let exists = matches!(observation.driver, Driver::Ours(_));
            let (outcome, exposed) = Box::pin(submit(context, &validated, application, &old, exists)).await?;
            match outcome {
                Outcome::Submitted => {
                    let written = work.write(basis.submitted(&exposed.info)).await?;
                    let notes: Vec<_> = exposed.refusals.into_iter().map(events::not_exposed).collect();
                    work.tell(&notes).await;
                    Ok(Step::next(written))
                }
                Outcome::Refused(text) => {
                    let text = format!("failed to run spark-submit: {text}");
                    work.write(basis.submission_failed(&text)).await.map(Step::next)
                }
                Outcome::Prevented(text) => work.write(basis.submission_failed(&text)).await.map(Step::next),
                Outcome::Vanishing => Ok(Step::Done(Some(LEFTOVER_CHECK))),
                Outcome::Leftover { uid } => {
                    remove(context, &key, &driver_pod, &uid).await?;
                    Ok(Step::Done(Some(LEFTOVER_CHECK)))
                }
            }
        }
        Decision::Scale => {
            let (Ok(valid), Some(pod)) = (&validated, &observation.driver_pod) else {
                return Ok(Step::Done(Some(LEFTOVER_CHECK)));
            };
            let scale = Scale::of(&valid.conf);
            let told = scale::tell(&context.client, &key.namespace, &pod.name, &pod.uid, &scale).await;
            let note = match told.map_err(ReconcileError::Apply)? {
                Told::Done => events::scaled(&key.name, &scale),
                Told::Refused(why) => events::not_scaled(&key.name, &why),
                Told::Gone => return Ok(Step::Done(Some(LEFTOVER_CHECK))),
            };
            // Before it is written: what is written is not told again.
            work.tell(&[note]).await;
            work.write(basis.observed(&decision, &observation, context.policy.max_tracked_executors))
                .await
                .map(Step::next)
        }
        Decision::RemoveDriver => {
            let written = work
                .write(basis.observed(&decision, &observation, context.policy.max_tracked_executors))
                .await?;
            context.metrics.seen(&key, &written);
            if old.application_state.state == Phase::Suspending {
                let made = exposure_of(context, &validated, &old);
                exposure::withdraw(&context.client, &made).await.map_err(ReconcileError::Apply)?;
            }
            if let Some(pod) = &observation.driver_pod {
                remove(context, &key, &pod.name, &pod.uid).await?;
            }
            Ok(Step::Done(Some(LEFTOVER_CHECK)))
        }
        Decision::DeleteApplication => {
            apply::delete_application(&context.client, application).await.map_err(ReconcileError::Apply)?;
            Ok(Step::Gone)
        }
        Decision::Move { to, .. } => {
            if matches!(to, Phase::Completed | Phase::Failed | Phase::Suspended) {
                // Before it is written: a crash in between would leave the group for ever.
                remove_group(context, &key, &uid, application).await?;
            }
            if to.is_terminal() {
                let made = exposure_of(context, &validated, &old);
                exposure::remove_budget(&context.client, &made).await.map_err(ReconcileError::Apply)?;
            }
            work.write(basis.observed(&decision, &observation, context.policy.max_tracked_executors))
                .await
                .map(Step::next)
        }
        Decision::Wait { requeue } => {
            let written = work
                .write(basis.observed(&decision, &observation, context.policy.max_tracked_executors))
                .await?;
            context.metrics.seen(&key, &written);
            Ok(Step::Done(*requeue))
        }
    }
}

impl Step {
    fn next(application: SparkApplication) -> Step {
        Step::Next(Box::new(application))
    }
}

/// How often a driver pod that has to go is looked at, should the event of its end be lost.
const LEFTOVER_CHECK: Duration = Duration::from_secs(5);

/// Writing the status, and telling about it.
struct Work<'a> {
    context: &'a Context,
    application: &'a SparkApplication,
    old: &'a SparkApplicationStatus,
    ignored: &'a str,
    change: Change,
    now: Timestamp,
}

impl Work<'_> {
    async fn write(&self, next: SparkApplicationStatus) -> Result<SparkApplication, ReconcileError> {
        if self.application.status.as_ref() == Some(&next) {
            return Ok(self.application.clone());
        }
        let (before, after) = (self.old.application_state.state, next.application_state.state);
        let written = status::write(&self.context.client, self.application, next.clone())
            .await
            .map_err(ReconcileError::Status)?;
        let name = self.application.name_any();
        if before != after {
            tracing::info!(
                namespace = self.application.namespace().unwrap_or_default(),
                application = name,
                from = before.as_str(),
                to = after.as_str(),
                error_message = next.application_state.error_message.as_deref().unwrap_or_default(),
                "state changed"
            );
        }
        self.context.metrics.status_changed(self.application, self.old, &next, self.now);
        let notes = events::notes(&name, self.old, &next, self.ignored, self.change);
        self.tell(&notes).await;
        Ok(written)
    }

    async fn tell(&self, notes: &[events::Note]) {
        let about = self.application.object_ref(&());
        let time = (self.context.clock)();
        self.context.events.publish(Applications::CONTROLLER, &about, notes, time).await;
    }
}

async fn submit(
    context: &Context,
    validated: &Result<ValidatedApplication, Invalid>,
    application: &SparkApplication,
    old: &SparkApplicationStatus,
    driver_exists: bool,
) -> Result<(Outcome, Exposed), ReconcileError> {
    let ended = |outcome| Ok((outcome, Exposed::default()));
    let mut valid = match validated {
        Ok(valid) => valid.clone(),
        Err(invalid) => return ended(Outcome::Refused(invalid.to_string())),
    };
    let group = match batch::arrange(&mut valid, &application.spec, context.policy.batch.as_ref()) {
        Ok(group) => group,
        Err(error) => return ended(Outcome::Prevented(error.to_string())),
    };
    let runtime = Runtime {
        image: context.policy.runtime_image.clone(),
        pull_policy: context.policy.runtime_image_pull_policy.clone(),
        exposure: context.policy.exposure.clone(),
    };
    let completed = config_files::completed(&context.client, &valid).await.map_err(ReconcileError::Apply)?;
    let valid = match completed {
        Ok(valid) => valid,
        Err(text) => return ended(Outcome::Refused(text)),
    };
    let objects = match build(&valid, &submission_of(old), &runtime) {
        Ok(objects) => objects,
        Err(error) => return ended(Outcome::Refused(chain(&error))),
    };
    // A driver that is there already is counted by the quota itself.
    if context.policy.enforce_quotas && !driver_exists {
        let demand = Demand::of(&valid);
        let full = quota::check(&context.client, &valid.namespace, &demand).await;
        if let Some(text) = full.map_err(ReconcileError::Apply)? {
            return ended(Outcome::Prevented(text));
        }
    }
    if let Some(group) = group
        && let Some(outcome) =
            podgroups::apply(&context.client, &group).await.map_err(ReconcileError::Apply)?
    {
        return ended(outcome);
    }
    let outcome = apply::submit(&context.client, &objects).await.map_err(ReconcileError::Apply)?;
    let exposed = match outcome {
        Outcome::Submitted => {
            exposure::expose(&context.client, &objects.exposure).await.map_err(ReconcileError::Apply)?
        }
        Outcome::Refused(_) | Outcome::Prevented(_) | Outcome::Leftover { .. } | Outcome::Vanishing => {
            Exposed::default()
        }
    };
    Ok((outcome, exposed))
}

/// The submission in the status.
fn submission_of(status: &SparkApplicationStatus) -> Submission {
    Submission {
        id: status.submission_id.clone().unwrap_or_default(),
        time: status.last_submission_attempt_time.as_ref().map_or(Timestamp::UNIX_EPOCH, |time| time.0),
    }
}

/// What was made around the driver pod of the submission in the status.
fn exposure_of(
    context: &Context,
    validated: &Result<ValidatedApplication, Invalid>,
    old: &SparkApplicationStatus,
) -> Exposure {
    validated.as_ref().map_or_else(
        |_| Exposure::default(),
        |valid| crate::build::exposure(valid, &submission_of(old), &context.policy.exposure),
    )
}

/// The garbage collector deletes all once the application is gone; what holds it back (a finalizer of
/// somebody else) does not hold back the end of its driver.
async fn remove_driver_of_deleted(
    context: &Context,
    application: &SparkApplication,
) -> Result<Requeue, ReconcileError> {
    let key = ObjectKey::of(application);
    let ours = |pod: &PodFacts| pod.is_driver() && pod.owner_uid == application.metadata.uid;
    for pod in context.pods.pods_of(&key).iter().filter(|pod| ours(pod) && !pod.deleting) {
        remove(context, &key, &pod.name, &pod.uid).await?;
    }
    Ok(None)
}

async fn remove(context: &Context, key: &ObjectKey, name: &str, uid: &str) -> Result<(), ReconcileError> {
    apply::remove_driver(&context.client, &key.namespace, name, uid).await.map_err(ReconcileError::Apply)
}

async fn remove_group(
    context: &Context,
    key: &ObjectKey,
    uid: &str,
    application: &SparkApplication,
) -> Result<(), ReconcileError> {
    let batch = context.policy.batch.as_ref();
    match batch.and_then(|batch| batch.group_of(&key.name, &application.spec)) {
        Some(group) => podgroups::remove(&context.client, &key.namespace, &group, uid)
            .await
            .map_err(ReconcileError::Apply),
        None => Ok(()),
    }
}

/// Before a driver is created for a submission that an earlier pass reserved: the cache may be old, and the
/// driver may have run and gone since.
async fn reread(context: &Context, application: &SparkApplication) -> Result<Step, ReconcileError> {
    let name = application.name_any();
    let api: Api<SparkApplication> =
        Api::namespaced(context.client.clone(), &application.namespace().unwrap_or_default());
    match api.get_opt(&name).await {
        Ok(Some(live)) if live.metadata.uid == application.metadata.uid => Ok(Step::next(live)),
        Ok(_) => Ok(Step::Gone),
        Err(source) => Err(ReconcileError::Read { name, source }),
    }
}

/// The status keeps whole seconds.
fn whole_seconds(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// What the annotation says about how long the driver may take to start; an error says that it is wrong.
fn startup_timeout(application: &SparkApplication) -> Result<Option<SignedDuration>, String> {
    let key = labels::DRIVER_STARTUP_TIMEOUT;
    let Some(text) = application.annotations().get(key) else { return Ok(None) };
    let told = |problem: &str| format!("metadata.annotations[{key}] has no effect: {problem}");
    let limit = parse_duration(text).map_err(|error| told(&error.to_string()))?;
    SignedDuration::try_from(limit).map(Some).map_err(|_| told("it is too long"))
}

fn wish(
    application: &SparkApplication,
    validated: &Result<ValidatedApplication, Invalid>,
    startup: Option<SignedDuration>,
    policy: &Policy,
) -> Wish {
    let spec = &application.spec;
    let time_to_live = spec.time_to_live_seconds.map(SignedDuration::from_secs);
    Wish {
        suspend: spec.suspend == Some(true),
        restart: restart(spec.restart_policy.as_ref()),
        time_to_live: time_to_live.or(policy.default_time_to_live),
        invalid: validated.as_ref().err().map(ToString::to_string),
        startup,
    }
}

fn situation(
    wish: Wish,
    change: Change,
    old: &SparkApplicationStatus,
    observation: &Observation,
) -> Situation {
    let phase = old.application_state.state;
    let reservable = matches!(phase, Phase::New | Phase::PendingRerun | Phase::Resuming);
    // This operator writes the driver's name together with the id; Kubeflow's empties it before a rerun and
    // keeps the id of the last submission.
    let noted = old.driver_info.pod_name.is_some();
    let has_id = old.submission_id.as_deref().is_some_and(|id| !id.is_empty());
    let submitted = old.submission_attempts.unwrap_or(0) > 0;
    Situation {
        phase,
        wish,
        history: History {
            reserved: reservable && has_id && noted,
            inherited: reservable && !noted && (has_id || (phase == Phase::New && !submitted)),
            submission_attempts: old.submission_attempts.unwrap_or(0),
            execution_attempts: old.execution_attempts.unwrap_or(0),
            last_submission: old.last_submission_attempt_time.as_ref().map(|time| time.0),
            terminated: old.termination_time.as_ref().map(|time| time.0),
        },
        change,
        driver: observation.driver.clone(),
    }
}

/// Pause between attempts where the manifest names none.
const DEFAULT_RETRY_INTERVAL: SignedDuration = SignedDuration::from_secs(5);

/// The restart policy with its defaults.
fn restart(policy: Option<&RestartPolicy>) -> Restart {
    let policy = policy.cloned().unwrap_or_default();
    let interval = |seconds: Option<i64>| seconds.map_or(DEFAULT_RETRY_INTERVAL, SignedDuration::from_secs);
    Restart {
        policy: policy.policy.unwrap_or(RestartPolicyType::Never),
        submission_retries: policy.on_submission_failure_retries.unwrap_or(0),
        run_retries: policy.on_failure_retries.unwrap_or(0),
        submission_interval: interval(policy.on_submission_failure_retry_interval),
        run_interval: interval(policy.on_failure_retry_interval),
    }
}

#[cfg(test)]
mod tests;
