//! From a validated application to the objects of one submission. Pure and infallible; nothing here touches
//! the Kubernetes API.

use std::collections::BTreeMap;

use cerium_conf::paths;
use cerium_crds::{GROUP, labels, names};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use cerium_crds::plan::ValidatedApplication;

mod containers;
mod environment;
mod pod;
mod properties;
mod security;
mod storage;

/// Which image drives and runs applications.
#[derive(Clone, Debug)]
pub struct Runtime {
    /// The image.
    pub image: String,
    /// Its pull policy where the application names none.
    pub pull_policy: String,
}

/// One submission of an application.
#[derive(Clone, Debug)]
pub struct Submission {
    /// `status.submissionID`.
    pub id: String,
    /// When it was reserved.
    pub time: Timestamp,
}

/// The objects of one submission.
#[derive(Clone, Debug, PartialEq)]
pub struct Objects {
    /// The properties of the driver and the template of the executors.
    pub config_map: ConfigMap,
    /// The driver pod.
    pub driver_pod: Pod,
}

/// The two kinds of pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Driver,
    Executor,
}

/// The executor pod could not be written as YAML. It holds nothing that has no form in YAML, so this is a
/// fault of the operator.
#[derive(Debug, thiserror::Error)]
#[error("internal: failed to write the executor pod as YAML")]
pub struct BuildError(#[source] serde_yaml::Error);

/// Builds the objects of a submission.
pub fn build(
    application: &ValidatedApplication,
    submission: &Submission,
    runtime: &Runtime,
) -> Result<Objects, BuildError> {
    let executor_pod = pod::executor_template(application, submission, runtime);
    let data = BTreeMap::from([
        (paths::SPARK_PROPERTIES_KEY.to_owned(), properties::properties(application, submission)),
        (paths::EXECUTOR_POD_KEY.to_owned(), serde_yaml::to_string(&executor_pod).map_err(BuildError)?),
    ]);
    let config_map = ConfigMap {
        metadata: ObjectMeta {
            name: Some(names::conf_map_name(&application.driver_pod)),
            namespace: Some(application.namespace.clone()),
            labels: Some(BTreeMap::from([
                (labels::APP_NAME.to_owned(), application.name.clone()),
                (labels::SUBMISSION_ID.to_owned(), submission.id.clone()),
                (labels::CREATED_BY_SPARK_OPERATOR.to_owned(), labels::TRUE.to_owned()),
            ])),
            owner_references: Some(vec![owner(application, true)]),
            ..ObjectMeta::default()
        },
        data: Some(data),
        ..ConfigMap::default()
    };
    Ok(Objects { config_map, driver_pod: pod::driver_pod(application, submission, runtime) })
}

/// The reference by which the garbage collector knows what belongs to the application.
fn owner(application: &ValidatedApplication, controller: bool) -> OwnerReference {
    OwnerReference {
        api_version: format!("{GROUP}/v1beta2"),
        kind: "SparkApplication".to_owned(),
        name: application.name.clone(),
        uid: application.uid.clone(),
        controller: controller.then_some(true),
        block_owner_deletion: controller.then_some(true),
    }
}

#[cfg(test)]
mod tests;
