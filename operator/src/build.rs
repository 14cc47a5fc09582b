//! From a validated application to the objects of one submission. Pure; nothing here touches the Kubernetes
//! API.
//!
//! Two rooms, one for each engine: `native` makes pods for Cerium's own programs, `spark` makes what Spark's own
//! submission client would make for the Spark inside the user's image.

use cerium_crds::GROUP;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

use cerium_crds::plan::{Run, ValidatedApplication};

mod env;
mod exposure;
mod monitoring;
mod native;
mod policy;
mod spark;
mod storage;
mod template;

pub use exposure::{Exposure, ExposurePolicy, exposure};
pub use native::connect;

/// What the operator is set to.
#[derive(Clone, Debug, Default)]
pub struct Runtime {
    /// The image that drives and runs applications on Cerium's own engine.
    pub image: String,
    /// Its pull policy where the application names none.
    pub pull_policy: String,
    /// What is made around driver pods.
    pub exposure: ExposurePolicy,
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
    /// What the driver pod mounts and the application owns: made first.
    pub config_map: Option<ConfigMap>,
    /// The driver pod.
    pub driver_pod: Pod,
    /// What goes with the driver pod: made last, as its UID has to be known.
    pub of_driver: OfDriver,
    /// What stands around the driver pod.
    pub exposure: Exposure,
}

/// Objects that the driver pod owns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OfDriver {
    /// Services.
    pub services: Vec<Service>,
    /// What the driver pod mounts.
    pub config_maps: Vec<ConfigMap>,
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
    let mut application = application.clone();
    let mut conf = std::mem::take(&mut application.conf);
    exposure::add_proxy_base(&mut conf, &application, submission, &runtime.exposure);
    application.conf = conf;
    let mut objects = match &application.run {
        Run::Native => native::build(&application, submission, runtime),
        Run::Spark(program) => spark::build(&application, program, submission),
    }?;
    objects.exposure = exposure(&application, submission, &runtime.exposure);
    Ok(objects)
}

/// The reference by which the garbage collector knows what belongs to the application.
pub(crate) fn owner(application: &ValidatedApplication, controller: bool) -> OwnerReference {
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
