//! One pass over a schedule: look at its runs, decide, create and delete runs, write the status.

use std::time::Duration;

use cerium_crds::scheduled::{ScheduledSparkApplicationStatus, admit};
use cerium_crds::states::ScheduleState;
use cerium_crds::{ScheduledSparkApplication, SparkApplication, events as reasons, labels, names};
use futures::future::BoxFuture;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::{Api, Resource, ResourceExt};

use super::Schedules;
use super::child::{run, run_name};
use super::cron::{LOCAL, Schedule};
use super::decide::{Concurrency, Decision, History, Memory, Situation, Wish, decide, history, until};
use super::runs::{Child, Run};
use super::zone;
use crate::apply::only_this;
use crate::error::{ApiFailure, Problem};
use crate::events::{self, Note};
use crate::kind::{Kind, ObjectKey, Requeue};

/// A pass that could not be finished.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    /// Reading failed.
    #[error("failed to read {what}")]
    Read {
        /// What.
        what: String,
        /// Why.
        #[source]
        source: kube::Error,
    },
    /// Creating a run failed.
    #[error("failed to create SparkApplication {name}")]
    Create {
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: kube::Error,
    },
    /// Deleting a run failed.
    #[error("failed to delete SparkApplication {name}")]
    Delete {
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: kube::Error,
    },
    /// Writing the status failed.
    #[error("failed to write the status of ScheduledSparkApplication {name}")]
    Status {
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: kube::Error,
    },
}

impl Problem for ScheduleError {
    fn category(&self) -> &'static str {
        match self {
            ScheduleError::Read { .. } => "read",
            ScheduleError::Create { .. } | ScheduleError::Delete { .. } => "apply",
            ScheduleError::Status { .. } => "status",
        }
    }

    fn failure(&self) -> ApiFailure {
        match self {
            ScheduleError::Read { source, .. }
            | ScheduleError::Create { source, .. }
            | ScheduleError::Delete { source, .. }
            | ScheduleError::Status { source, .. } => ApiFailure::of(source),
        }
    }
}

enum Step {
    /// Nothing more to do now.
    Done(Requeue),
    /// A run is about to start, and the object may be an old copy.
    Reread,
}

/// What came of creating a run.
enum Created {
    Yes,
    /// Somebody else's application has the name.
    Taken,
}

impl Schedules {
    /// Takes a schedule as far as it goes now. Boxed here once, as its states hold several copies of it.
    pub(super) fn take_steps<'a>(
        &'a self,
        object: &'a ScheduledSparkApplication,
        fresh: bool,
    ) -> BoxFuture<'a, Result<Requeue, ScheduleError>> {
        Box::pin(self.step_or_reread(object, fresh))
    }

    async fn step_or_reread(
        &self,
        object: &ScheduledSparkApplication,
        fresh: bool,
    ) -> Result<Requeue, ScheduleError> {
        match Box::pin(self.step(object, fresh)).await? {
            Step::Done(requeue) => Ok(requeue),
            Step::Reread => match self.reread(object).await? {
                Some(live) => match Box::pin(self.step(&live, true)).await? {
                    Step::Done(requeue) => Ok(requeue),
                    // A fresh object is not read again.
                    Step::Reread => Ok(Some(Duration::from_secs(1))),
                },
                None => Ok(None),
            },
        }
    }

    async fn step(&self, object: &ScheduledSparkApplication, fresh: bool) -> Result<Step, ScheduleError> {
        if object.metadata.deletion_timestamp.is_some() {
            // The garbage collector does the rest.
            return Ok(Step::Done(None));
        }
        let now = (self.clock)();
        let key = ObjectKey::of(object);
        let runs = self.runs.runs_of(&key, &object.uid().unwrap_or_default());
        let mut situation = self.situation(object, runs);
        let mut decision = decide(&situation, now);
        if matches!(decision, Decision::Start { .. } | Decision::Skip { .. }) {
            // Caches may be behind, and a run must start once.
            if !fresh {
                return Ok(Step::Reread);
            }
            situation.runs = self.list_runs(object).await?;
            decision = decide(&situation, now);
        }
        let history = self.forget_expired(object, &situation.runs).await?;
        let mut next = object.status.clone().unwrap_or_default();
        next.past_successful_run_names = named(history.successful);
        next.past_failed_run_names = named(history.failed);
        let mut note = None;
        match &decision {
            Decision::Wait { .. } => {}
            Decision::Refuse { reason } => {
                next.schedule_state = Some(ScheduleState::FailedValidation);
                next.next_run = None;
                next.reason = Some(reason.clone());
                note = Some(Note::new(
                    reasons::SCHEDULED_INVALID,
                    format!("ScheduledSparkApplication {} cannot be followed: {reason}", key.name),
                ));
            }
            Decision::Plan { next_run } => {
                next.next_run = Some(Time(*next_run));
                next.reason = None;
            }
            Decision::Start { next_run, replaced, .. } => {
                let name = situation.memory.next_run_name;
                for run in replaced {
                    self.delete(&key.namespace, run).await?;
                }
                next.next_run = Some(Time(*next_run));
                next.reason = None;
                match self.create(object, &name).await {
                    Ok(Created::Yes) => {
                        note = Some(Note::new(
                            reasons::SCHEDULED_RUN_STARTED,
                            format!("started SparkApplication {name}"),
                        ));
                        next.last_run = Some(Time(whole_seconds(now)));
                        next.last_run_name = Some(name);
                        self.metrics.scheduled_run("started");
                    }
                    Ok(Created::Taken) => {
                        let reason = format!("SparkApplication {name} already exists and is no run of it");
                        note = Some(skipped(&reason));
                        self.metrics.scheduled_run("skipped");
                    }
                    Err(error) => return self.tell_refusal(object, next, error, now).await,
                }
            }
            Decision::Skip { next_run, reason } => {
                next.next_run = Some(Time(*next_run));
                note = Some(skipped(reason));
                self.metrics.scheduled_run("skipped");
            }
        }
        if matches!(decision, Decision::Plan { .. } | Decision::Start { .. } | Decision::Skip { .. }) {
            next.schedule_state = Some(ScheduleState::Scheduled);
            next.observed_schedule = Some(effective(object));
        }
        self.write(object, next, note, now).await?;
        Ok(Step::Done(match decision {
            Decision::Wait { requeue } => requeue,
            Decision::Refuse { .. } => None,
            Decision::Plan { next_run }
            | Decision::Start { next_run, .. }
            | Decision::Skip { next_run, .. } => Some(until(next_run, now)),
        }))
    }

    fn situation(&self, object: &ScheduledSparkApplication, runs: Vec<Run>) -> Situation {
        let status = object.status.clone().unwrap_or_default();
        let next_run = status.next_run.map(|time| time.0);
        let due_name = |due| run_name(&object.name_any(), due, self.precision);
        Situation {
            wish: self.wish(object),
            suspend: object.spec.suspend == Some(true),
            memory: Memory {
                scheduled: status.schedule_state == Some(ScheduleState::Scheduled),
                // Not known of a status that another operator wrote.
                edited: status.observed_schedule.is_some_and(|observed| observed != effective(object)),
                next_run_name: next_run.map(due_name).unwrap_or_default(),
                next_run,
                last_run_name: status.last_run_name,
            },
            runs,
        }
    }

    /// What the manifest asks for, or why that cannot be; the texts are Kubeflow's where it has them.
    fn wish(&self, object: &ScheduledSparkApplication) -> Result<Wish, String> {
        let spec = &object.spec;
        let zone = |name: &str| zone::find(name, &self.local);
        if let Some(name) = spec.time_zone.as_deref().filter(|name| !name.is_empty() && zone(name).is_none())
        {
            return Err(format!("Invalid timezone: unknown time zone {name}"));
        }
        let schedule = Schedule::parse(&effective(object), zone).map_err(|error| error.to_string())?;
        let policy = spec.concurrency_policy.as_deref();
        let concurrency = Concurrency::parse(policy).ok_or_else(|| {
            let policy = policy.unwrap_or_default();
            format!("spec.concurrencyPolicy: \"{policy}\" is not valid: expected Allow, Forbid or Replace")
        })?;
        admit(object)?;
        Ok(Wish { schedule, concurrency })
    }

    /// The object as it is now, unless it is gone.
    async fn reread(
        &self,
        object: &ScheduledSparkApplication,
    ) -> Result<Option<ScheduledSparkApplication>, ScheduleError> {
        let ObjectKey { namespace, name } = ObjectKey::of(object);
        let api: Api<ScheduledSparkApplication> = Api::namespaced(self.client.clone(), &namespace);
        match api.get_opt(&name).await {
            Ok(live) => Ok(live.filter(|live| live.metadata.uid == object.metadata.uid)),
            Err(source) => {
                Err(ScheduleError::Read { what: format!("ScheduledSparkApplication {name}"), source })
            }
        }
    }

    async fn list_runs(&self, object: &ScheduledSparkApplication) -> Result<Vec<Run>, ScheduleError> {
        let ObjectKey { namespace, name } = ObjectKey::of(object);
        let api: Api<Child> = Api::namespaced(self.client.clone(), &namespace);
        let own_label = object.labels().get(labels::SCHEDULED_APP_NAME).cloned();
        let label = own_label.unwrap_or_else(|| names::schedule_label(&name));
        let selector = ListParams::default().labels(&format!("{}={label}", labels::SCHEDULED_APP_NAME));
        let list = api
            .list(&selector)
            .await
            .map_err(|source| ScheduleError::Read { what: format!("the runs of {name}"), source })?;
        let uid = object.uid().unwrap_or_default();
        Ok(list.iter().filter_map(Run::of).map(|(_, run)| run).filter(|run| run.owner == uid).collect())
    }

    /// Deletes the runs beyond the limits and returns the others.
    async fn forget_expired(
        &self,
        object: &ScheduledSparkApplication,
        runs: &[Run],
    ) -> Result<History, ScheduleError> {
        let limit = |limit: Option<i32>| limit.unwrap_or(1);
        let spec = &object.spec;
        let history =
            history(runs, limit(spec.successful_run_history_limit), limit(spec.failed_run_history_limit));
        for run in &history.expired {
            self.delete(&object.namespace().unwrap_or_default(), run).await?;
        }
        Ok(history)
    }

    async fn delete(&self, namespace: &str, run: &Run) -> Result<(), ScheduleError> {
        let api: Api<SparkApplication> = Api::namespaced(self.client.clone(), namespace);
        let params = DeleteParams::background().preconditions(only_this(Some(run.uid.clone())));
        match api.delete(&run.name, &params).await {
            Ok(_) => Ok(()),
            // Gone already, or another one by now.
            Err(error) if matches!(ApiFailure::of(&error), ApiFailure::NotFound | ApiFailure::Conflict) => {
                Ok(())
            }
            Err(source) => Err(ScheduleError::Delete { name: run.name.clone(), source }),
        }
    }

    async fn create(&self, object: &ScheduledSparkApplication, name: &str) -> Result<Created, ScheduleError> {
        let api: Api<SparkApplication> =
            Api::namespaced(self.client.clone(), &object.namespace().unwrap_or_default());
        match api.create(&PostParams::default(), &run(object, name)).await {
            Ok(_) => return Ok(Created::Yes),
            Err(kube::Error::Api(status)) if status.is_already_exists() => {}
            Err(source) => return Err(ScheduleError::Create { name: name.to_owned(), source }),
        }
        let found = api
            .get_metadata_opt(name)
            .await
            .map_err(|source| ScheduleError::Read { what: format!("SparkApplication {name}"), source })?;
        let owners = found.iter().flat_map(|found| found.owner_references());
        let is_ours = owners.into_iter().any(|owner| Some(&owner.uid) == object.metadata.uid.as_ref());
        Ok(if is_ours { Created::Yes } else { Created::Taken })
    }

    /// The run could not be created: says so in the status; it is tried again.
    async fn tell_refusal(
        &self,
        object: &ScheduledSparkApplication,
        mut next: ScheduledSparkApplicationStatus,
        error: ScheduleError,
        now: Timestamp,
    ) -> Result<Step, ScheduleError> {
        if !matches!(error.failure(), ApiFailure::Refused | ApiFailure::NotFound) {
            return Err(error);
        }
        let reason = crate::error::chain(&error);
        let note = Note::new(reasons::SCHEDULED_RUN_REFUSED, reason.clone());
        let old = object.status.clone().unwrap_or_default();
        next.next_run = old.next_run;
        next.reason = Some(reason);
        self.write(object, next, Some(note), now).await?;
        Err(error)
    }

    /// Writes the status if it changed, and tells the note then.
    async fn write(
        &self,
        object: &ScheduledSparkApplication,
        mut next: ScheduledSparkApplicationStatus,
        note: Option<Note>,
        now: Timestamp,
    ) -> Result<(), ScheduleError> {
        next.observed_generation = object.metadata.generation;
        if object.status.as_ref() == Some(&next) {
            return Ok(());
        }
        let ObjectKey { namespace, name } = ObjectKey::of(object);
        let api: Api<ScheduledSparkApplication> = Api::namespaced(self.client.clone(), &namespace);
        let changed = ScheduledSparkApplication { status: Some(next), ..object.clone() };
        api.replace_status(&name, &PostParams::default(), &changed)
            .await
            .map_err(|source| ScheduleError::Status { name: name.clone(), source })?;
        if let Some(note) = note {
            tracing::info!(namespace, schedule = name, reason = note.reason, "{}", note.message);
            events::publish(&self.client, Self::CONTROLLER, &object.object_ref(&()), &[note], now).await;
        }
        Ok(())
    }
}

/// No name is no field.
fn named(names: Vec<String>) -> Option<Vec<String>> {
    (!names.is_empty()).then_some(names)
}

fn skipped(reason: &str) -> Note {
    Note::new(reasons::SCHEDULED_RUN_SKIPPED, format!("left a run out: {reason}"))
}

/// The schedule with its time zone. One that brings its own keeps it.
fn effective(object: &ScheduledSparkApplication) -> String {
    let schedule = &object.spec.schedule;
    if schedule.starts_with("CRON_TZ=") || schedule.starts_with("TZ=") {
        return schedule.clone();
    }
    let zone = object.spec.time_zone.as_deref().filter(|zone| !zone.is_empty()).unwrap_or(LOCAL);
    format!("CRON_TZ={zone} {schedule}")
}

/// The status keeps whole seconds.
fn whole_seconds(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

#[cfg(test)]
mod tests;
