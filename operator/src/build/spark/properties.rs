//! The properties a driver of Spark's own engine starts with. Pure.

use cerium_conf::{Key, SparkConf, env, keys, paths, ports};
use cerium_crds::plan::{Image, Language, PodPlan, SparkProgram, ValidatedApplication};
use cerium_crds::{labels, names};

use super::monitoring;
use crate::build::Submission;

/// The port of driver and executors for each other.
pub const DRIVER_PORT: &str = "spark.driver.port";
/// The port from which the driver's blocks are fetched.
pub const BLOCK_MANAGER_PORT: &str = "spark.driver.blockManager.port";

/// What Kubeflow's operator hands to `spark-submit`, and what that adds.
pub fn conf(
    application: &ValidatedApplication,
    program: &SparkProgram,
    submission: &Submission,
) -> SparkConf {
    let mut conf = application.conf.clone();
    add_pods(&mut conf, application, submission);
    add_program(&mut conf, application, program);
    monitoring::add_properties(&mut conf, application);

    let service = names::spark_driver_service(&application.name, &submission.id);
    let fixed = [
        ("spark.app.id", names::application_id(&submission.id)),
        ("spark.app.submitTime", submission.time.as_millisecond().to_string()),
        ("spark.master", "k8s://https://kubernetes.default.svc".to_owned()),
        ("spark.submit.deployMode", "cluster".to_owned()),
        ("spark.driver.host", format!("{service}.{}.svc", application.namespace)),
        ("spark.kubernetes.namespace", application.namespace.clone()),
        ("spark.kubernetes.driver.pod.name", application.driver_pod.clone()),
        ("spark.kubernetes.submitInDriver", "true".to_owned()),
        (
            "spark.kubernetes.executor.podTemplateFile",
            format!("{}/{}", paths::POD_TEMPLATE_DIR, paths::POD_TEMPLATE_FILE),
        ),
        ("spark.kubernetes.executor.podTemplateContainerName", names::EXECUTOR_CONTAINER.to_owned()),
    ];
    for (key, value) in fixed {
        conf.set(key, value);
    }
    conf.set_if_missing(DRIVER_PORT, ports::DRIVER_RPC.to_string());
    conf.set_if_missing(BLOCK_MANAGER_PORT, ports::BLOCK_MANAGER.to_string());
    conf
}

/// Labels and images of the pods, and what can be said of executors by properties alone.
fn add_pods(conf: &mut SparkConf, application: &ValidatedApplication, submission: &Submission) {
    let spec = &application.spec;
    for (prefix, has_template) in [
        (keys::KUBERNETES_DRIVER_LABEL, spec.driver.pod.template.is_some()),
        (keys::KUBERNETES_EXECUTOR_LABEL, spec.executor.pod.template.is_some()),
    ] {
        for (key, value) in &application.labels {
            conf.set_if_missing(format!("{prefix}{key}"), value);
        }
        conf.set(format!("{prefix}{}", labels::APP_NAME), &application.name);
        conf.set(format!("{prefix}{}", labels::LAUNCHED_BY_SPARK_OPERATOR), labels::TRUE);
        conf.set(format!("{prefix}{}", labels::SUBMISSION_ID), &submission.id);
        if !has_template {
            conf.set(format!("{prefix}{}", labels::MUTATED_BY_SPARK_OPERATOR), labels::TRUE);
        }
    }
    let image = |plan: &PodPlan| match &plan.image {
        Image::User(image) => Some(image.clone()),
        Image::Runtime => None,
    };
    for (key, plan) in [
        (keys::KUBERNETES_DRIVER_CONTAINER_IMAGE.name(), &application.driver),
        (keys::KUBERNETES_EXECUTOR_CONTAINER_IMAGE.name(), &application.executor),
    ] {
        if let Some(image) = image(plan) {
            conf.set(key, image);
        }
    }
    if let Some(seconds) = spec.executor.pod.termination_grace_period_seconds {
        // Spark overwrites what the template says.
        conf.set(keys::KUBERNETES_EXECUTOR_TERMINATION_GRACE_PERIOD.name(), format!("{seconds}s"));
    }
    if spec.spark_config_map.is_some() {
        // Behind Spark's own variable of this name, unlike one of the template.
        conf.set(format!("{}{}", keys::EXECUTOR_ENV, env::SPARK_CONF_DIR), paths::USER_SPARK_CONF_DIR);
    }
}

/// What `spark-submit` adds for the program.
fn add_program(conf: &mut SparkConf, application: &ValidatedApplication, program: &SparkProgram) {
    let language = match program.language {
        Language::Java => {
            let jars = conf.get_str("spark.jars").filter(|jars| !jars.is_empty());
            let all = jars.map(|jars| format!("{jars},{}", application.main_file));
            conf.set("spark.jars", all.unwrap_or_else(|| application.main_file.clone()));
            "java"
        }
        Language::Python => "python",
        Language::R => "r",
    };
    conf.set("spark.kubernetes.resource.type", language);
    conf.set_if_missing(keys::SUBMIT_PY_FILES.name(), "");
    if let Some(version) = application.spec.python_version {
        conf.set("spark.kubernetes.pyspark.pythonVersion", version.as_str());
    }
}
