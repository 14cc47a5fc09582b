//! The objects of an application on the Spark of its own image: what Spark's submission client makes on behalf of
//! Kubeflow's operator, and what the webhook of that operator adds to the pods. Spark's driver makes its executors
//! itself, from the properties and the template given to it here. Pure.

use std::collections::BTreeMap;

use cerium_conf::{Key, SparkConf, keys, paths};
use cerium_crds::names;
use cerium_crds::plan::{SparkProgram, ValidatedApplication};
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{BuildError, Exposure, Objects, OfDriver, Submission};

mod driver;
mod executor;
mod monitoring;
mod properties;
mod service;
mod webhook;

/// One submission, with the names and settings that its objects share.
struct Spark<'a> {
    application: &'a ValidatedApplication,
    program: &'a SparkProgram,
    submission: &'a Submission,
    /// All properties of the driver.
    conf: SparkConf,
}

/// The driver pod and, owned by it, its Service, its properties and the template of its executors.
pub fn build(
    application: &ValidatedApplication,
    program: &SparkProgram,
    submission: &Submission,
) -> Result<Objects, BuildError> {
    let conf = properties::conf(application, program, submission);
    let spark = Spark { application, program, submission, conf };
    let template = serde_yaml::to_string(&executor::template(application)).map_err(BuildError)?;
    let template_map =
        spark.config_map(spark.template_map(), [(paths::POD_TEMPLATE_KEY.to_owned(), template)].into());
    let conf_map = spark.config_map(
        names::spark_conf_map(&submission.id),
        BTreeMap::from([
            // Spark writes its namespace here as well.
            (keys::KUBERNETES_NAMESPACE.name().to_owned(), application.namespace.clone()),
            (paths::SPARK_PROPERTIES_KEY.to_owned(), spark.conf.to_properties()),
        ]),
    );
    let driver_pod = driver::pod(&spark);
    let service = service::driver_service(&spark);
    let of_driver = OfDriver { services: vec![service], config_maps: vec![template_map, conf_map] };
    Ok(Objects {
        config_map: monitoring::config_map(application),
        driver_pod,
        of_driver,
        exposure: Exposure::default(),
    })
}

impl Spark<'_> {
    fn template_map(&self) -> String {
        names::spark_template_map(&self.application.name, &self.submission.id)
    }

    fn config_map(&self, name: String, data: BTreeMap<String, String>) -> ConfigMap {
        ConfigMap {
            metadata: ObjectMeta {
                name: Some(name),
                namespace: Some(self.application.namespace.clone()),
                ..ObjectMeta::default()
            },
            data: Some(data),
            immutable: Some(true),
            ..ConfigMap::default()
        }
    }
}

#[cfg(test)]
mod tests;
