//! The environment of the Spark containers. Pure.

use cerium_conf::{env, paths};
use cerium_crds::names;
use k8s_openapi::api::core::v1::EnvVar;

use crate::build::env::{field, last_of_each, value};
use crate::build::monitoring::exporter;
use crate::build::{Role, Submission};
use cerium_crds::plan::ValidatedApplication;

/// The user the program runs as, as far as Spark's API tells.
const SPARK_USER: &str = "spark";

/// Where a program finds files of Spark's configuration: those of `spec.sparkConfigMap`, as in Kubeflow.
fn user_conf_dir(application: &ValidatedApplication) -> &'static str {
    match application.spec.spark_config_map {
        Some(_) => paths::USER_SPARK_CONF_DIR,
        None => paths::SPARK_CONF_DIR,
    }
}

/// The environment: what the template and the manifest say, then what the engine relies on.
pub fn environment(
    application: &ValidatedApplication,
    submission: &Submission,
    role: Role,
    template: Vec<EnvVar>,
    local_dirs: &str,
) -> Vec<EnvVar> {
    let plan = match role {
        Role::Driver => &application.driver,
        Role::Executor => &application.executor,
    };
    let mut all = vec![value(env::SPARK_USER, SPARK_USER)];
    all.extend(template);
    all.extend(plan.env.iter().cloned());
    all.push(value(env::SPARK_APPLICATION_ID, &names::application_id(&submission.id)));
    all.push(value(env::SPARK_LOCAL_DIRS, local_dirs));
    if let Some(exporter) = exporter(application).filter(|exporter| exporter.exposes(role)) {
        let namespace = format!("{}.{}", application.namespace, application.name);
        all.push(value(env::CERIUM_METRICS_PORT, &exporter.port().to_string()));
        all.push(value(env::CERIUM_METRICS_NAMESPACE, &namespace));
    }
    match role {
        Role::Driver => all.extend([
            field(env::SPARK_DRIVER_BIND_ADDRESS, "status.podIP"),
            field(env::SPARK_DRIVER_POD_NAME, "metadata.name"),
            field(env::SPARK_DRIVER_POD_UID, "metadata.uid"),
            field(env::SPARK_DRIVER_NAMESPACE, "metadata.namespace"),
            value(env::SPARK_CONF_DIR, user_conf_dir(application)),
            value(env::CERIUM_CONF_DIR, paths::SPARK_CONF_DIR),
        ]),
        Role::Executor => all.extend([
            value(env::SPARK_EXECUTOR_CORES, &application.executor_cores.to_string()),
            value(env::SPARK_EXECUTOR_MEMORY, &format!("{}m", application.executor_memory_mib)),
            field(env::SPARK_EXECUTOR_POD_IP, "status.podIP"),
            field(env::SPARK_EXECUTOR_POD_NAME, "metadata.name"),
        ]),
    }
    last_of_each(all)
}
