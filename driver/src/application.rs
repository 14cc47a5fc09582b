//! The application a driver runs: its configuration and its program.

use std::path::{Path, PathBuf};

use cerium_conf::{ConfError, Key, SparkConf, env, keys};
use cerium_crds::SparkApplication;
use cerium_crds::validate::validate;
use k8s_openapi::api::core::v1::EnvVar;
use serde::Deserialize;

/// Why there is nothing to run.
#[derive(Debug, thiserror::Error)]
pub enum ApplicationError {
    /// A file could not be read.
    #[error("failed to read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The manifest is not YAML, or not a SparkApplication.
    #[error("{} is not a SparkApplication manifest", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_yaml::Error,
    },
    /// The manifest must hold exactly one SparkApplication.
    #[error("{} holds {found} objects of kind SparkApplication, and exactly one is needed", path.display())]
    Count {
        /// The file.
        path: PathBuf,
        /// How many there are.
        found: usize,
    },
    /// The properties file is malformed.
    #[error("failed to read the properties in {}", path.display())]
    Properties {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: cerium_conf::PropertiesError,
    },
    /// A configuration value is malformed.
    #[error(transparent)]
    Conf(#[from] ConfError),
    /// The spec is wrong.
    #[error("{} is not a valid SparkApplication:\n  {}", path.display(), problems.join("\n  "))]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong, each with its place.
        problems: Vec<String>,
    },
}

/// What to run, and how.
#[derive(Debug)]
pub struct Application {
    /// Spark properties: the manifest's, with those of the command line over them.
    pub conf: SparkConf,
    /// The program: a path or URL of a SQL script or a Python program.
    pub main_file: String,
    /// The program's arguments.
    pub arguments: Vec<String>,
    /// Variables the program gets besides those of this process.
    pub environment: Vec<(String, String)>,
}

impl Application {
    /// Reads a SparkApplication manifest; `overrides` win over its properties.
    pub fn from_manifest(path: &Path, overrides: &[(String, String)]) -> Result<Self, ApplicationError> {
        let text = read(path)?;
        let mut manifest = parse_manifest(path, &text)?;
        let spark_conf = manifest.spec.spark_conf.get_or_insert_default();
        spark_conf.extend(overrides.iter().cloned());
        let valid = validate(&manifest).map_err(|invalid| ApplicationError::Invalid {
            path: path.to_owned(),
            problems: invalid.0.iter().map(ToString::to_string).collect(),
        })?;
        let mut conf = valid.conf;
        for (name, value) in literal(&valid.executor.env) {
            conf.set_if_missing(format!("{}{name}", keys::EXECUTOR_ENV), value);
        }
        // Also over what the spec's own fields said, such as `executor.instances`.
        conf.extend(overrides.iter().cloned());
        let malformed = keys::check(&conf);
        if !malformed.is_empty() {
            let problems = malformed.iter().map(ToString::to_string).collect();
            return Err(ApplicationError::Invalid { path: path.to_owned(), problems });
        }
        conf.set_if_missing(
            keys::APP_ID.name(),
            format!("local-{}", jiff::Timestamp::now().as_millisecond()),
        );
        let environment = literal(&valid.driver.env);
        Ok(Self { conf, main_file: valid.main_file, arguments: valid.arguments, environment })
    }

    /// Takes over what the operator wrote.
    pub fn from_properties(
        path: &Path,
        main_file: String,
        arguments: Vec<String>,
    ) -> Result<Self, ApplicationError> {
        let conf = Self::conf_from_properties(path)?;
        // The pod has its variables already.
        Ok(Self { conf, main_file, arguments, environment: Vec::new() })
    }

    /// The properties that the operator wrote for this pod.
    pub fn conf_from_properties(path: &Path) -> Result<SparkConf, ApplicationError> {
        let mut conf = SparkConf::from_properties(&read(path)?)
            .map_err(|source| ApplicationError::Properties { path: path.to_owned(), source })?;
        if let Ok(id) = std::env::var(env::SPARK_APPLICATION_ID) {
            conf.set(keys::APP_ID.name(), id);
        }
        Ok(conf)
    }

    /// `spark.log.level`, by default INFO.
    pub fn log_level(&self) -> String {
        self.conf.get(&keys::LOG_LEVEL).ok().flatten().unwrap_or_else(|| "INFO".to_owned())
    }
}

/// The variables that need no cluster to be known.
fn literal(variables: &[EnvVar]) -> Vec<(String, String)> {
    variables.iter().filter_map(|variable| Some((variable.name.clone(), variable.value.clone()?))).collect()
}

fn read(path: &Path) -> Result<String, ApplicationError> {
    std::fs::read_to_string(path).map_err(|source| ApplicationError::Read { path: path.to_owned(), source })
}

/// The one SparkApplication among the documents of a manifest.
fn parse_manifest(path: &Path, text: &str) -> Result<SparkApplication, ApplicationError> {
    let malformed = |source| ApplicationError::Parse { path: path.to_owned(), source };
    let mut found = Vec::new();
    for document in serde_yaml::Deserializer::from_str(text) {
        let value = serde_yaml::Value::deserialize(document).map_err(malformed)?;
        if value.get("kind").and_then(serde_yaml::Value::as_str) == Some("SparkApplication") {
            found.push(value);
        }
    }
    match <[_; 1]>::try_from(found) {
        Ok([value]) => serde_yaml::from_value(value).map_err(malformed),
        Err(found) => Err(ApplicationError::Count { path: path.to_owned(), found: found.len() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: &str = "
apiVersion: sparkoperator.k8s.io/v1beta2
kind: SparkApplication
metadata: {name: count}
spec:
  type: SQL
  sparkVersion: 4.1.1
  mainApplicationFile: count.sql
  sparkConf: {spark.executor.cores: '2'}
  driver: {}
  executor: {instances: 3}
";

    fn manifest(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    #[test]
    fn the_command_line_wins_over_the_manifest() {
        let file = manifest(SPEC);
        let overrides = [("spark.executor.instances".to_owned(), "5".to_owned())];
        let application = Application::from_manifest(file.path(), &overrides).unwrap();
        assert_eq!(application.main_file, "count.sql");
        assert_eq!(application.conf.get_str("spark.executor.instances"), Some("5"));
        assert_eq!(application.conf.get_str("spark.app.name"), Some("count"));
    }

    #[test]
    fn arguments_and_variables_reach_the_program() {
        let file = manifest(
            &SPEC
                .replace("type: SQL", "type: Python\n  arguments: [--day, '7']")
                .replace("count.sql", "count.py")
                .replace("driver: {}", "driver: {env: [{name: MODE, value: fast}], envVars: {REGION: eu}}")
                .replace("executor: {", "executor: {env: [{name: LEVEL, value: '3'}], "),
        );
        let application = Application::from_manifest(file.path(), &[]).unwrap();
        assert_eq!(application.arguments, ["--day", "7"]);
        for (name, value) in [("MODE", "fast"), ("REGION", "eu")] {
            assert!(application.environment.contains(&(name.to_owned(), value.to_owned())), "{name}");
        }
        assert_eq!(application.conf.get_str("spark.executorEnv.LEVEL"), Some("3"));
    }

    #[test]
    fn other_documents_are_passed_over() {
        let file = manifest(&format!("kind: Secret\n---{SPEC}"));
        assert!(Application::from_manifest(file.path(), &[]).is_ok());
    }

    #[test]
    fn what_is_no_manifest_is_told() {
        let told =
            |text: &str| Application::from_manifest(manifest(text).path(), &[]).unwrap_err().to_string();
        assert!(told("kind: Pod").contains("holds 0 objects of kind SparkApplication"));
        assert!(told(&format!("{SPEC}---{SPEC}")).contains("holds 2 objects"));
        assert!(told(": [").contains("is not a SparkApplication manifest"));
        assert!(
            told(&SPEC.replace("type: SQL", "type: Cobol")).contains("is not a SparkApplication manifest")
        );
        let invalid = told(&SPEC.replace("instances: 3", "instances: 3, memory: lots"));
        assert!(invalid.contains("spec.executor.memory") && invalid.contains("lots"), "{invalid}");
    }
}
