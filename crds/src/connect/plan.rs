//! Whether a SparkConnect can be run, and what its pods are: those of an application whose program is the server.
//! Pure.

use std::collections::BTreeMap;

use cerium_conf::{Key, keys};
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::SparkConnect;
use super::refused::refused;
use crate::application::{
    ApplicationType, DriverSpec, DynamicAllocation, ExecutorSpec, SparkApplicationSpec, SparkPodSpec,
};
use crate::engine::Engine;
use crate::plan::ValidatedApplication;
use crate::scale::scale_keys;
use crate::validate::{FieldError, Invalid, validate};
use crate::{SparkApplication, names};

/// Executors where nothing says how many, as in Spark.
const INSTANCES: i32 = 2;

/// Properties that follow from the server's pod, whatever the manifest says.
const FIXED: [&str; 3] =
    ["spark.kubernetes.driver.pod.name", "spark.driver.bindAddress", "spark.driver.host"];

/// A SparkConnect that can be run.
#[derive(Clone, Debug)]
pub struct ValidatedConnect {
    /// The server as a driver, and its executors.
    pub application: ValidatedApplication,
    /// What the manifest says of the Service; its name is set.
    pub service: Service,
    /// The name of the ConfigMap.
    pub config_map: String,
    /// Changes with everything of the specification that the pods depend on.
    pub fingerprint: String,
}

/// Checks a manifest and resolves it.
///
/// # Errors
/// [`Invalid`] with everything that is wrong, at least one thing.
pub fn validate_connect(connect: &SparkConnect) -> Result<ValidatedConnect, Invalid> {
    let name = connect.metadata.name.clone().unwrap_or_default();
    let mut errors = refused(connect);
    let service = service(connect);
    let service_name = service.metadata.name.clone().unwrap_or_default();
    if !names::is_dns_1035_label(&service_name) && service_name != names::connect_server(&name) {
        errors.push(FieldError {
            field: "spec.server.service.metadata.name".to_owned(),
            problem: format!(
                "\"{service_name}\" is not valid: expected at most 63 lower case letters, digits and dashes, with a \
                 letter first and no dash last"
            ),
        });
    }
    errors.extend(other_engine(connect));
    let fingerprint = fingerprint(connect).unwrap_or_else(|error| {
        errors.push(FieldError {
            field: "spec".to_owned(),
            problem: format!("cannot be written as JSON: {error}"),
        });
        String::new()
    });
    match validate(&as_application(connect)) {
        Ok(mut application) if errors.is_empty() => {
            let fixed =
                connect.spec.spark_conf.iter().flatten().filter(|(key, _)| FIXED.contains(&key.as_str()));
            application.ignored.extend(fixed.map(|(key, _)| {
                format!("spec.sparkConf[{key}] has no effect: it follows from the server's pod")
            }));
            Ok(ValidatedConnect { application, service, config_map: names::connect_conf(&name), fingerprint })
        }
        Ok(_) => Err(Invalid(errors)),
        Err(Invalid(found)) => {
            let found = found.into_iter().map(|error| FieldError {
                field: error.field.replacen("spec.driver", "spec.server", 1),
                problem: error.problem,
            });
            // What is refused in Kubeflow's words is not told in others.
            let found: Vec<_> =
                found.filter(|new| errors.iter().all(|known| known.field != new.field)).collect();
            errors.extend(found);
            Err(Invalid(errors))
        }
    }
}

/// What is wrong with a wish for another engine: the operator starts servers of Cerium's own alone.
fn other_engine(connect: &SparkConnect) -> Option<FieldError> {
    let key = keys::CERIUM_ENGINE.name();
    let wish = connect.spec.spark_conf.as_ref()?.get(key)?;
    (Engine::parse(wish) != Some(Engine::Native)).then(|| FieldError {
        field: format!("spec.sparkConf[{key}]"),
        problem: format!(
            "\"{wish}\" is not valid: a Spark Connect server runs on Cerium's engine; leave the key out, or run Apache \
             Spark's own server as a SparkApplication (docs/reference/connect-servers.md)"
        ),
    })
}

/// The Service as far as the manifest says it, with a name.
fn service(connect: &SparkConnect) -> Service {
    let mut service = connect.spec.server.service.clone().unwrap_or_default();
    let default = || names::connect_server(connect.metadata.name.as_deref().unwrap_or_default());
    service.metadata.name =
        Some(service.metadata.name.take().filter(|name| !name.is_empty()).unwrap_or_else(default));
    service.status = None;
    service
}

/// The application whose driver pod is the server. Its type is that of programs without Python beside them: a
/// server plans, and the Python functions of its clients run in the executors, whose memory Spark counts so too.
fn as_application(connect: &SparkConnect) -> SparkApplication {
    let spec = &connect.spec;
    let mut conf = spec.spark_conf.clone().unwrap_or_default();
    conf.retain(|key, _| !FIXED.contains(&key.as_str()));
    let dynamic = spec.dynamic_allocation.as_ref().is_some_and(|allocation| allocation.enabled == Some(true));
    let dynamic = dynamic
        || conf
            .get(keys::DYNAMIC_ALLOCATION_ENABLED.name())
            .is_some_and(|value| value.trim().eq_ignore_ascii_case("true"));
    let instances_by_conf = conf.contains_key(keys::EXECUTOR_INSTANCES.name());
    let instances = spec.executor.instances.or((!dynamic && !instances_by_conf).then_some(INSTANCES));
    // With or without the prefix.
    let hadoop = spec
        .hadoop_conf
        .iter()
        .flatten()
        .map(|(key, value)| (key.strip_prefix(keys::HADOOP).unwrap_or(key).to_owned(), value.clone()));
    let name = connect.metadata.name.clone().unwrap_or_default();
    let pod = |cores, memory: &Option<String>, template: &Option<_>| SparkPodSpec {
        cores,
        memory: memory.clone().filter(|memory| !memory.is_empty()),
        template: template.clone(),
        ..SparkPodSpec::default()
    };
    SparkApplication {
        metadata: ObjectMeta {
            name: connect.metadata.name.clone(),
            namespace: connect.metadata.namespace.clone(),
            uid: connect.metadata.uid.clone(),
            labels: connect.metadata.labels.clone(),
            ..ObjectMeta::default()
        },
        spec: SparkApplicationSpec {
            application_type: ApplicationType::Sql,
            spark_version: spec.spark_version.clone(),
            image: spec.image.clone().filter(|image| !image.is_empty()),
            main_application_file: "local:///server.sql".to_owned(),
            spark_conf: Some(conf),
            hadoop_conf: spec.hadoop_conf.as_ref().map(|_| hadoop.collect::<BTreeMap<_, _>>()),
            driver: DriverSpec {
                pod: pod(spec.server.cores, &spec.server.memory, &spec.server.template),
                pod_name: Some(names::connect_server(&name)),
                ..DriverSpec::default()
            },
            executor: ExecutorSpec {
                pod: pod(spec.executor.cores, &spec.executor.memory, &spec.executor.template),
                instances,
                ..ExecutorSpec::default()
            },
            dynamic_allocation: spec.dynamic_allocation.clone(),
            ..SparkApplicationSpec::default()
        },
        status: None,
    }
}

/// A hash of the specification without what the Service is made of, and without how many executors there may
/// be: a server is told that while it runs.
fn fingerprint(connect: &SparkConnect) -> Result<String, serde_json::Error> {
    let mut spec = connect.spec.clone();
    spec.server.service = None;
    spec.executor.instances = None;
    if let Some(allocation) = &mut spec.dynamic_allocation {
        allocation.initial_executors = None;
        allocation.min_executors = None;
        allocation.max_executors = None;
    }
    if let Some(conf) = &mut spec.spark_conf {
        conf.retain(|key, _| !scale_keys().contains(&key.as_str()));
    }
    spec.dynamic_allocation = spec.dynamic_allocation.filter(|rest| *rest != DynamicAllocation::default());
    spec.spark_conf = spec.spark_conf.filter(|rest| !rest.is_empty());
    Ok(names::fingerprint(&serde_json::to_string(&spec)?))
}

#[cfg(test)]
mod tests;
