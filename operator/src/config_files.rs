//! Settings in the ConfigMaps that a manifest names, `spark-defaults.conf`, `core-site.xml` and `hdfs-site.xml`, for
//! Cerium's own engine. Spark reads such files itself where they are mounted.

use std::collections::BTreeMap;

use cerium_conf::{Effect, SparkConf, hadoop_properties, keys};
use cerium_crds::plan::{Run, ValidatedApplication};
use cerium_crds::validate::is_denied;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, Client};

use crate::apply::{ApplyError, refusal};
use crate::error::chain;

/// Spark's own file of settings.
const SPARK_DEFAULTS: &str = "spark-defaults.conf";
/// Hadoop's files, the one that counts first.
const HADOOP_FILES: [&str; 2] = ["hdfs-site.xml", "core-site.xml"];

type Files = BTreeMap<String, String>;

/// The application with the settings of its files, where it does not say otherwise itself; or why they cannot be
/// had.
///
/// # Errors
/// A ConfigMap could not be read, maybe only for the moment.
pub async fn completed(
    client: &Client,
    application: &ValidatedApplication,
) -> Result<Result<ValidatedApplication, String>, ApplyError> {
    let mut application = application.clone();
    if application.run != Run::Native {
        return Ok(Ok(application));
    }
    let maps = [
        ("spec.sparkConfigMap", application.spec.spark_config_map.clone(), add_spark as Add),
        ("spec.hadoopConfigMap", application.spec.hadoop_config_map.clone(), add_hadoop),
    ];
    for (field, name, add) in maps {
        let Some(name) = name else { continue };
        let files = match files(client, &application.namespace, &name).await? {
            Ok(files) => files,
            Err(text) => return Ok(Err(format!("{field}: {text}"))),
        };
        if let Err((file, text)) = add(&mut application.conf, &files) {
            return Ok(Err(format!("{field}: {file} of ConfigMap {name}: {text}")));
        }
    }
    Ok(Ok(application))
}

type Add = fn(&mut SparkConf, &Files) -> Result<(), (&'static str, String)>;

async fn files(client: &Client, namespace: &str, name: &str) -> Result<Result<Files, String>, ApplyError> {
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    match api.get_opt(name).await {
        Ok(Some(map)) => Ok(Ok(map.data.unwrap_or_default())),
        Ok(None) => Ok(Err(format!("there is no ConfigMap \"{name}\" in the namespace \"{namespace}\""))),
        Err(error) => refusal(error).map(Err).map_err(|source| ApplyError::Read {
            kind: "ConfigMap",
            name: name.to_owned(),
            source,
        }),
    }
}

fn add_spark(conf: &mut SparkConf, files: &Files) -> Result<(), (&'static str, String)> {
    let Some(text) = files.get(SPARK_DEFAULTS) else { return Ok(()) };
    let defaults = SparkConf::from_properties(text).map_err(|error| (SPARK_DEFAULTS, chain(&error)))?;
    for (key, value) in defaults.iter().filter(|(key, _)| key.starts_with("spark.") && !is_settled(key)) {
        conf.set_if_missing(key, value);
    }
    Ok(())
}

/// Whether the pods were made by it already, or it is not for programs to say.
fn is_settled(key: &str) -> bool {
    is_denied(key) || keys::info(key).is_some_and(|info| info.effect == Effect::Submission)
}

fn add_hadoop(conf: &mut SparkConf, files: &Files) -> Result<(), (&'static str, String)> {
    for file in HADOOP_FILES {
        let Some(text) = files.get(file) else { continue };
        for (key, value) in hadoop_properties(text).map_err(|error| (file, chain(&error)))? {
            conf.set_if_missing(format!("{}{key}", keys::HADOOP), value);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(name: &str, text: &str) -> Files {
        [(name.to_owned(), text.to_owned())].into()
    }

    #[test]
    fn files_give_what_the_manifest_does_not_say() {
        let mut conf: SparkConf = [("spark.hadoop.fs.s3a.endpoint", "http://own")].into_iter().collect();
        let defaults = "# Cluster\nspark.sql.shuffle.partitions  7\nspark.master local\nother 1\n\
                        spark.executor.memory 9g\nspark.hadoop.fs.s3a.path.style.access true\n";
        add_spark(&mut conf, &files(SPARK_DEFAULTS, defaults)).unwrap();
        let site = "<configuration>
            <property><name>fs.s3a.endpoint</name><value>http://site</value></property>
            <property><name>fs.s3a.path.style.access</name><value>false</value></property>
            <property><name>fs.s3a.connection.ssl.enabled</name><value>false</value></property>
            </configuration>";
        add_hadoop(&mut conf, &files("core-site.xml", site)).unwrap();
        let all: Vec<_> = conf.iter().collect();
        assert_eq!(
            all,
            [
                ("spark.hadoop.fs.s3a.connection.ssl.enabled", "false"),
                ("spark.hadoop.fs.s3a.endpoint", "http://own"),
                ("spark.hadoop.fs.s3a.path.style.access", "true"),
                ("spark.sql.shuffle.partitions", "7"),
            ]
        );
    }

    #[test]
    fn a_broken_file_is_named() {
        let mut conf = SparkConf::new();
        let (file, text) = add_hadoop(&mut conf, &files("core-site.xml", "<property>")).unwrap_err();
        assert_eq!((file, text.as_str()), ("core-site.xml", "line 1: <property> is not closed"));
    }
}
