//! The objects of an application on Cerium's own engine. Pure.

use std::collections::BTreeMap;

use cerium_conf::paths;
use cerium_crds::plan::ValidatedApplication;
use cerium_crds::{labels, names};
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{BuildError, Exposure, Objects, OfDriver, Runtime, Submission, owner};

pub mod connect;
mod containers;
mod environment;
mod pod;
mod properties;
mod security;

/// The driver pod, and the ConfigMap with its properties and the executors' template.
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
    Ok(Objects {
        config_map: Some(config_map),
        driver_pod: pod::driver_pod(application, submission, runtime),
        of_driver: OfDriver::default(),
        exposure: Exposure::default(),
    })
}
