//! Whether a manifest can be run: the way from a SparkApplication to a [`ValidatedApplication`], or to all
//! that is wrong with it. Pure.

use std::collections::BTreeMap;
use std::fmt;

use cerium_conf::{ConfError, Key, SparkConf, keys};

use crate::SparkApplication;
use crate::application::SparkApplicationSpec;
use crate::defaults::{NAMESPACE, with_defaults};
use crate::engine::Engine;
use crate::memory::{driver_memory, executor_memory};
use crate::plan::{Run, ValidatedApplication};
use crate::spark_conf::spark_conf;
use crate::{labels, names, refusals};

mod fields;
mod ignored;
mod pods;
mod program;
mod settings;
mod volumes;

pub use ignored::without_effect;
pub use settings::is_denied;

/// One thing that is wrong with a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// Where it is, such as `spec.driver.memory`.
    pub field: String,
    /// The value, why it is wrong and what to do.
    pub problem: String,
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.problem)
    }
}

/// All that is wrong with a manifest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct Invalid(pub Vec<FieldError>);

/// [`validate_for`] with Cerium's own engine as the default.
///
/// # Errors
/// [`Invalid`] with everything that is wrong, at least one thing.
pub fn validate(application: &SparkApplication) -> Result<ValidatedApplication, Invalid> {
    validate_for(application, Engine::default())
}

/// Checks a manifest and resolves it: engine, defaults, properties, sizes, names, pods.
///
/// # Errors
/// [`Invalid`] with everything that is wrong, at least one thing.
pub fn validate_for(
    application: &SparkApplication,
    default: Engine,
) -> Result<ValidatedApplication, Invalid> {
    let mut findings = Findings::new(&application.spec);
    let engine = Engine::of(&application.spec, default).unwrap_or_else(|expected| {
        let key = keys::CERIUM_ENGINE.name();
        let value = application.spec.spark_conf.as_ref().and_then(|conf| conf.get(key));
        let field = findings.field_of(key);
        findings.invalid(field, value.map_or("", String::as_str), &expected);
        default
    });
    let application = &program::by_its_file(application, engine);
    let spec = with_defaults(&application.spec);
    let conf = spark_conf(application);

    check_name(application, &mut findings);
    let run = program::check(&spec, engine, &mut findings);
    settings::check(application, &conf, engine, &mut findings);
    let driver_memory = findings.kept(driver_memory(&conf, spec.application_type));
    let executor_memory = findings.kept(executor_memory(&conf, spec.application_type));
    let executor_cores = findings.kept(conf.get(&keys::EXECUTOR_CORES));
    let executor_prefix = findings.kept(conf.get(&keys::KUBERNETES_EXECUTOR_POD_NAME_PREFIX));
    let driver = pods::driver(&spec, &conf, driver_memory.unwrap_or_default(), &mut findings);
    let executor = pods::executor(&spec, &conf, executor_memory.unwrap_or_default(), &driver, &mut findings);

    if engine == Engine::Spark {
        program::check_images(&spec, &driver.image, &executor.image, &mut findings);
    }

    if !findings.errors.is_empty() {
        return Err(Invalid(findings.errors));
    }
    let metadata = &application.metadata;
    Ok(ValidatedApplication {
        name: metadata.name.clone().unwrap_or_default(),
        namespace: metadata.namespace.clone().unwrap_or_else(|| NAMESPACE.to_owned()),
        uid: metadata.uid.clone().unwrap_or_default(),
        labels: pod_labels(metadata.labels.as_ref()),
        spark_version: spec.spark_version.clone(),
        driver_pod: driver_pod_name(application),
        executor_prefix: executor_prefix.flatten(),
        main_file: spec.main_application_file.clone(),
        arguments: spec.arguments.clone().unwrap_or_default(),
        executor_memory_mib: executor_memory.unwrap_or_default().engine_mib,
        executor_cores: executor_cores.unwrap_or_default(),
        ignored: [without_effect(&application.spec, engine), findings.ignored].concat(),
        run: run.unwrap_or(Run::Native),
        spec,
        conf,
        driver,
        executor,
    })
}

/// The name of the driver pod: the manifest's, by field or property, else `<application>-driver`.
pub fn driver_pod_name(application: &SparkApplication) -> String {
    let spec = &application.spec;
    let by_property =
        || spec.spark_conf.as_ref().and_then(|conf| conf.get(keys::KUBERNETES_DRIVER_POD_NAME.name()));
    spec.driver
        .pod_name
        .as_ref()
        .or_else(by_property)
        .cloned()
        .unwrap_or_else(|| names::driver_pod_name(application.metadata.name.as_deref().unwrap_or_default()))
}

/// The labels of the application that its pods get. Kueue's stay off: it would queue each pod on its own.
fn pod_labels(labels: Option<&BTreeMap<String, String>>) -> BTreeMap<String, String> {
    let mut labels = labels.cloned().unwrap_or_default();
    labels.retain(|key, _| !key.starts_with(labels::KUEUE_PREFIX));
    labels
}

fn check_name(application: &SparkApplication, findings: &mut Findings<'_>) {
    let name = application.metadata.name.as_deref().unwrap_or_default();
    if let Some(refusal) = refusals::name("SparkApplication", name) {
        findings.problem("metadata.name", refusal);
    }
    let pod = driver_pod_name(application);
    if !names::is_dns_1123_subdomain(&pod) && (name.is_empty() || pod != names::driver_pod_name(name)) {
        findings.invalid(
            findings.field_of(keys::KUBERNETES_DRIVER_POD_NAME.name()),
            &pod,
            "expected lower case letters, digits, dashes and dots",
        );
    }
}

/// What was found so far.
struct Findings<'a> {
    spec: &'a SparkApplicationSpec,
    errors: Vec<FieldError>,
    /// What has no effect as other parts of the manifest do not go with it.
    ignored: Vec<String>,
}

impl<'a> Findings<'a> {
    fn new(spec: &'a SparkApplicationSpec) -> Self {
        Self { spec, errors: Vec::new(), ignored: Vec::new() }
    }

    /// Something is wrong with a field. The same thing twice counts once.
    fn problem(&mut self, field: impl Into<String>, problem: impl Into<String>) {
        let error = FieldError { field: field.into(), problem: problem.into() };
        if !self.errors.contains(&error) {
            self.errors.push(error);
        }
    }

    /// A value is not what is expected.
    fn invalid(&mut self, field: impl Into<String>, value: &str, expected: &str) {
        self.problem(field, format!("\"{value}\" is not valid: {expected}"));
    }

    /// A property is not what is expected: says so of the field it came from.
    fn property(&mut self, error: &ConfError) {
        let field = self.field_of(&error.key);
        self.invalid(field, &error.value, &error.expected);
    }

    /// The value, or nothing and what is wrong with it on the list.
    fn kept<T>(&mut self, result: Result<T, ConfError>) -> Option<T> {
        result.inspect_err(|error| self.property(error)).ok()
    }

    /// The field a property came from.
    fn field_of(&self, key: &str) -> String {
        fields::field_of(self.spec, key)
    }
}

/// The entries of a group of properties that end in a name, and that name's field.
fn entries<'a>(conf: &'a SparkConf, prefix: &'a str) -> BTreeMap<String, String> {
    conf.iter_prefix(prefix).map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

#[cfg(test)]
mod tests;
