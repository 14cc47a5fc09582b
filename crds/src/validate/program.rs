//! Whether the program is one that can be run. Pure.

use super::Findings;
use crate::application::{ApplicationType, DeployMode, SparkApplicationSpec};

/// Schemes a program can be read by; none stands for a path in the container.
const SCHEMES: [&str; 6] = ["local", "file", "s3", "s3a", "http", "https"];

pub(super) fn check(spec: &SparkApplicationSpec, findings: &mut Findings<'_>) {
    if spec.mode == Some(DeployMode::Client) {
        findings.invalid(
            "spec.mode",
            "client",
            "the driver always runs in the cluster; set it to cluster or leave it out",
        );
    }
    match spec.application_type {
        kind @ (ApplicationType::Java | ApplicationType::Scala | ApplicationType::R) => findings.problem(
            "spec.type",
            format!(
                "\"{}\" is not supported: programs run without a JVM, so type SQL and type Python are. Write the \
                 program as SQL or Python, or leave this application to an operator that runs Apache Spark",
                kind.as_str()
            ),
        ),
        ApplicationType::Sql => check_file(spec, ".sql", findings),
        ApplicationType::Python => check_file(spec, ".py", findings),
    }
}

fn check_file(spec: &SparkApplicationSpec, extension: &str, findings: &mut Findings<'_>) {
    const FIELD: &str = "spec.mainApplicationFile";
    let file = &spec.main_application_file;
    if file.trim().is_empty() {
        findings.invalid(FIELD, file, "name the program, such as local:///opt/app/report.sql");
        return;
    }
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
