//! Makes all of one submission, in order, and knows what was made around its driver.

use cerium_crds::SparkApplication;
use cerium_crds::application::SparkApplicationStatus;
use cerium_crds::plan::ValidatedApplication;
use cerium_crds::validate::Invalid;
use jiff::Timestamp;

use super::{Context, ReconcileError};
use crate::apply::exposure::{self, Exposed};
use crate::apply::{self, Outcome};
use crate::build::{Exposure, Runtime, Submission, build};
use crate::demand::Demand;
use crate::error::chain;
use crate::{batch, config_files, podgroups, quota};

/// Makes pod group, ConfigMap, driver pod and what stands around it; or says what is in the way.
pub(super) async fn submit(
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
pub(super) fn exposure_of(
    context: &Context,
    validated: &Result<ValidatedApplication, Invalid>,
    old: &SparkApplicationStatus,
) -> Exposure {
    validated.as_ref().map_or_else(
        |_| Exposure::default(),
        |valid| crate::build::exposure(valid, &submission_of(old), &context.policy.exposure),
    )
}
