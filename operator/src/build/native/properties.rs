//! The file `spark.properties` of a submission. Pure.

use cerium_conf::ports;
use cerium_crds::names;

use crate::build::Submission;
use cerium_crds::plan::ValidatedApplication;

/// The properties of the manifest, and those that only the submission knows.
pub fn properties(application: &ValidatedApplication, submission: &Submission) -> String {
    let mut conf = application.conf.clone();
    let prefix = application
        .executor_prefix
        .clone()
        .unwrap_or_else(|| names::executor_prefix(&application.name, &submission.id));
    let fixed = [
        ("spark.app.id", names::application_id(&submission.id)),
        ("spark.app.submitTime", submission.time.as_millisecond().to_string()),
        ("spark.submit.deployMode", "cluster".to_owned()),
        ("spark.kubernetes.namespace", application.namespace.clone()),
        ("spark.kubernetes.driver.pod.name", application.driver_pod.clone()),
        ("spark.kubernetes.executor.podNamePrefix", prefix),
        ("spark.kubernetes.submitInDriver", "true".to_owned()),
        ("spark.driver.port", ports::DRIVER_RPC.to_string()),
        ("spark.driver.blockManager.port", ports::BLOCK_MANAGER.to_string()),
    ];
    for (key, value) in fixed {
        conf.set(key, value);
    }
    let usual = [
        ("spark.app.name", application.name.clone()),
        ("spark.master", "k8s://https://kubernetes.default.svc".to_owned()),
    ];
    for (key, value) in usual {
        conf.set_if_missing(key, value);
    }
    conf.to_properties()
}
