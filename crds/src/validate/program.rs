//! Whether the program is one that can be run. Pure.

use std::borrow::Cow;

use super::Findings;
use crate::SparkApplication;
use crate::application::{ApplicationType, DeployMode, SparkApplicationSpec};
use crate::engine::Engine;
use crate::plan::{Image, Language, Run, SparkProgram};

const FIELD: &str = "spec.mainApplicationFile";

/// Schemes Cerium's own engine reads programs by; none stands for a path in the container.
const SCHEMES: [&str; 6] = ["local", "file", "s3", "s3a", "http", "https"];

/// The class by which Spark runs a Python program.
const PYTHON_RUNNER: &str = "org.apache.spark.deploy.PythonRunner";
/// The class by which Spark runs an R program.
const R_RUNNER: &str = "org.apache.spark.deploy.RRunner";

/// The application with the type its program has for Spark, which goes by the name of the file whatever
/// `spec.type` says.
pub(super) fn by_its_file(application: &SparkApplication, engine: Engine) -> Cow<'_, SparkApplication> {
    let spec = &application.spec;
    let kind = match (engine, language(&spec.main_application_file), spec.application_type) {
        (Engine::Native, _, kind)
        | (Engine::Spark, Language::Java, kind @ (ApplicationType::Java | ApplicationType::Scala)) => kind,
        (Engine::Spark, Language::Java, _) => ApplicationType::Java,
        (Engine::Spark, Language::Python, _) => ApplicationType::Python,
        (Engine::Spark, Language::R, _) => ApplicationType::R,
    };
    if kind == spec.application_type {
        return Cow::Borrowed(application);
    }
    let mut application = application.clone();
    application.spec.application_type = kind;
    Cow::Owned(application)
}

/// The language of a program's file, as `spark-submit` tells it.
fn language(file: &str) -> Language {
    match file.rsplit_once('.').map(|(_, extension)| extension) {
        Some("py") => Language::Python,
        Some("R" | "r") => Language::R,
        _ => Language::Java,
    }
}

/// How the program is run; nothing if it cannot be, and why on the list.
pub(super) fn check(spec: &SparkApplicationSpec, engine: Engine, findings: &mut Findings<'_>) -> Option<Run> {
    if spec.mode == Some(DeployMode::Client) {
        findings.invalid(
            "spec.mode",
            "client",
            "the driver always runs in the cluster; set it to cluster or leave it out",
        );
    }
    if spec.main_application_file.trim().is_empty() {
        findings.invalid(
            FIELD,
            &spec.main_application_file,
            "name the program, such as local:///opt/app/report.sql",
        );
        return None;
    }
    match engine {
        Engine::Native => {
            let extension = if spec.application_type == ApplicationType::Sql { ".sql" } else { ".py" };
            check_file(spec, extension, findings);
            Some(Run::Native)
        }
        Engine::Spark => check_for_spark(spec, findings).map(Run::Spark),
    }
}

fn check_for_spark(spec: &SparkApplicationSpec, findings: &mut Findings<'_>) -> Option<SparkProgram> {
    let file = &spec.main_application_file;
    // spark-submit would upload them from the machine it runs on.
    if scheme(file).is_none_or(|scheme| scheme.eq_ignore_ascii_case("file")) {
        findings.invalid(
            FIELD,
            file,
            "there is no such file where the application is submitted; name one in the image by local:///path",
        );
    }
    let language = language(file);
    let main_class = match language {
        Language::Python => PYTHON_RUNNER,
        Language::R => R_RUNNER,
        Language::Java => match spec.main_class.as_deref() {
            Some(class) if !class.trim().is_empty() => class,
            _ => {
                findings.problem("spec.mainClass", "is missing: name the class of the jar file to run");
                return None;
            }
        },
    };
    let proxy_user = spec.proxy_user.clone().filter(|user| !user.is_empty());
    Some(SparkProgram { main_class: main_class.to_owned(), proxy_user, language })
}

/// Pods that run the Spark of an image need one.
pub(super) fn check_images(
    spec: &SparkApplicationSpec,
    driver: &Image,
    executor: &Image,
    findings: &mut Findings<'_>,
) {
    if [driver, executor].contains(&&Image::Runtime) {
        findings.problem(
            "spec.image",
            format!(
                "is missing: this program of type {} runs on the Apache Spark of the image it names, such as \
                 apache/spark:{}",
                spec.application_type.as_str(),
                spec.spark_version
            ),
        );
    }
}

fn check_file(spec: &SparkApplicationSpec, extension: &str, findings: &mut Findings<'_>) {
    let file = &spec.main_application_file;
    if let Some(scheme) =
        scheme(file).filter(|scheme| !SCHEMES.contains(&scheme.to_ascii_lowercase().as_str()))
    {
        findings.invalid(
            FIELD,
            file,
            &format!(
                "programs are not read by {scheme}; put it into the image (local:///path), on S3 \
                 (s3a://bucket/key) or on a web server (https://host/path)"
            ),
        );
        return;
    }
    let path = file.split(['?', '#']).next().unwrap_or(file);
    if !path.ends_with(extension) {
        findings.invalid(
            FIELD,
            file,
            &format!(
                "the program of an application of type {} is a {extension} file",
                spec.application_type.as_str()
            ),
        );
    }
}

/// The scheme of a URI; nothing for a path.
fn scheme(uri: &str) -> Option<&str> {
    let (scheme, _) = uri.split_once(':')?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    is_scheme.then_some(scheme)
}
