//! Applications that cannot even be read, such as those written before the definition was installed: they are
//! failed with a reason instead of stopping the watch.

use cerium_crds::{ApplicationStateType as Phase, SparkApplication, events as reasons};
use jiff::Timestamp;
use kube::api::{ApiResource, DynamicObject, PostParams};
use kube::core::error_boundary::InvalidObject;
use kube::{Api, Client};
use serde_json::json;

use crate::error::{ApiFailure, Problem};
use crate::events::{self, Note};

/// The status of a malformed application could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("failed to tell malformed SparkApplication {name} what is wrong with it")]
pub struct MalformedError {
    name: String,
    #[source]
    source: kube::Error,
}

impl Problem for MalformedError {
    fn category(&self) -> &'static str {
        "malformed"
    }

    fn failure(&self) -> ApiFailure {
        ApiFailure::of(&self.source)
    }
}

/// Fails an application that was not submitted yet; one that runs is left alone and only told about.
pub async fn fail(client: &Client, broken: &InvalidObject, now: Timestamp) -> Result<(), MalformedError> {
    let name = broken.metadata.name.clone().unwrap_or_default();
    let namespace = broken.metadata.namespace.clone().unwrap_or_default();
    let message =
        format!("failed to run spark-submit: the SparkApplication cannot be read: {}", broken.error);
    tracing::warn!(namespace, application = name, error = broken.error, "malformed SparkApplication");
    let resource = ApiResource::erase::<SparkApplication>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), &namespace, &resource);
    let error = |source| MalformedError { name: name.clone(), source };
    let Some(mut object) = api.get_opt(&name).await.map_err(error)? else { return Ok(()) };
    let Some(status) = failed_status(&object.data["status"], &message, now) else { return Ok(()) };
    object.data["status"] = status;
    let reference = kube::Resource::object_ref(&object, &resource);
    api.replace_status(&name, &PostParams::default(), &object).await.map_err(error)?;
    let note = Note::new(reasons::APPLICATION_FAILED, format!("SparkApplication {name} failed: {message}"));
    events::publish_about(client, &reference, &[note], now).await;
    Ok(())
}

/// The status to write, if the application is not beyond it.
fn failed_status(old: &serde_json::Value, message: &str, now: Timestamp) -> Option<serde_json::Value> {
    let state = old["applicationState"]["state"].as_str().unwrap_or_default();
    (state == Phase::New.as_str()).then(|| {
        let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
        json!({
            "applicationState": {"state": Phase::Failed.as_str(), "errorMessage": message},
            "driverInfo": {},
            "terminationTime": now.to_string(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_application_that_was_never_submitted_is_failed() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let status = failed_status(&serde_json::Value::Null, "wrong", now).unwrap();
        assert_eq!(status["applicationState"], json!({"state": "FAILED", "errorMessage": "wrong"}));
        assert_eq!(status["terminationTime"], "2027-01-15T08:00:00Z");
        for state in ["RUNNING", "FAILED"] {
            assert_eq!(failed_status(&json!({"applicationState": {"state": state}}), "wrong", now), None);
        }
    }
}
