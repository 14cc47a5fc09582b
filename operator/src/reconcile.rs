//! One pass over an application: observe, validate, decide, build, apply, status.

use std::sync::Arc;
use std::time::Duration;

use cerium_crds::fingerprint::{Change, change, fingerprint};
use cerium_crds::plan::Run;
use cerium_crds::scale::{SCALE_ANNOTATION, Scale};
use cerium_crds::validate::{driver_pod_name, validate_for};
use cerium_crds::{ApplicationStateType as Phase, SparkApplication};
use futures::future::BoxFuture;
use jiff::Timestamp;
use kube::{Api, Client, ResourceExt};

use crate::apply::annotate::{Told, annotate};
use crate::apply::{self, Outcome};
use crate::apply::{exposure, outdated};
use crate::batch;
use crate::build::Exposure;
use crate::cli::Policy;
use crate::decide::{Decision, Driver, decide};
use crate::events;
use crate::kind::written::Written;
use crate::kind::{ObjectKey, Requeue};
use crate::metrics::Metrics;
use crate::observe::{Subject, observe};
use crate::podgroups;
use crate::pods::{PodCache, PodFacts};
use crate::status::Basis;
use crate::unapplied::unapplied;

mod error;
mod submission;
mod wish;
mod work;

pub use error::ReconcileError;
use submission::{exposure_of, submit};
use wish::{situation, startup_timeout, wish};
use work::Work;

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
    /// Statuses written that the watch has not shown yet.
    pub written: Written,
    /// The time.
    pub clock: fn() -> Timestamp,
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
                    work.tell(&notes);
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
            let text = scale.to_string();
            let annotation = (SCALE_ANNOTATION, text.as_str());
            let told = annotate(&context.client, &key.namespace, &pod.name, &pod.uid, annotation).await;
            let note = match told.map_err(ReconcileError::Apply)? {
                Told::Done => events::scaled(&key.name, &scale),
                Told::Refused(why) => events::not_scaled(&key.name, &why),
                Told::Gone => return Ok(Step::Done(Some(LEFTOVER_CHECK))),
            };
            // Before it is written: what is written is not told again.
            work.tell(&[note]);
            Box::pin(context.events.deliver()).await;
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
            if old.application_state.state == Phase::Invalidating {
                let made = exposure_of(context, &validated, &old);
                remove_outdated(context, &key, &uid, application, &driver_pod, &made).await?;
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

/// What the specification before this one had made around its driver.
async fn remove_outdated(
    context: &Context,
    key: &ObjectKey,
    uid: &str,
    application: &SparkApplication,
    driver_pod: &str,
    keep: &Exposure,
) -> Result<(), ReconcileError> {
    let of = outdated::Of {
        namespace: &key.namespace,
        name: &key.name,
        uid,
        driver_pod: context.policy.exposure.budgets.then_some(driver_pod),
    };
    outdated::remove_outdated(&context.client, of, keep).await.map_err(ReconcileError::Apply)?;
    for group in
        context.policy.batch.iter().flat_map(|batch| batch.outdated_groups(&key.name, &application.spec))
    {
        podgroups::remove(&context.client, &key.namespace, &group, uid)
            .await
            .map_err(ReconcileError::Apply)?;
    }
    Ok(())
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

#[cfg(test)]
mod tests;
