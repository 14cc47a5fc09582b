//! The plans of driver and executor pods. Pure.

use std::collections::BTreeMap;

use cerium_conf::{ByteSize, ConfKey, Key, OptionalConfKey, SizeUnit, SparkConf, env, keys, paths};
use k8s_openapi::api::core::v1::{
    ContainerPort, EnvVar, EnvVarSource, Lifecycle, PodTemplateSpec, SecretKeySelector,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde_json::Value;

use super::{Findings, entries, volumes};
use crate::application::{Port, SparkApplicationSpec, SparkPodSpec};
use crate::memory::PodMemory;
use crate::plan::{Image, Mounts, PodPlan, Resources};
use crate::{names, quantity};

/// Where the settings of one of the two kinds of pods are found.
struct Role<'a> {
    field: &'static str,
    pod: &'a SparkPodSpec,
    container: &'static str,
    cores: ConfKey<u32>,
    request_cores: OptionalConfKey<String>,
    limit_cores: OptionalConfKey<String>,
    image: OptionalConfKey<String>,
    service_account: OptionalConfKey<String>,
    scheduler: OptionalConfKey<String>,
    labels: &'static str,
    annotations: &'static str,
    env: &'static str,
    secrets: &'static str,
    secret_key_refs: &'static str,
    node_selector: &'static str,
    volumes: &'static str,
    ports: Option<&'a Vec<Port>>,
    lifecycle: Option<&'a Lifecycle>,
    priority_class: Option<&'a String>,
}

/// The plan of the driver pod.
pub(super) fn driver(
    spec: &SparkApplicationSpec,
    conf: &SparkConf,
    memory: PodMemory,
    findings: &mut Findings<'_>,
) -> PodPlan {
    let role = Role {
        field: "spec.driver",
        pod: &spec.driver.pod,
        container: names::DRIVER_CONTAINER,
        cores: keys::DRIVER_CORES,
        request_cores: keys::KUBERNETES_DRIVER_REQUEST_CORES,
        limit_cores: keys::KUBERNETES_DRIVER_LIMIT_CORES,
        image: keys::KUBERNETES_DRIVER_CONTAINER_IMAGE,
        service_account: keys::KUBERNETES_DRIVER_SERVICE_ACCOUNT,
        scheduler: keys::KUBERNETES_DRIVER_SCHEDULER_NAME,
        labels: keys::KUBERNETES_DRIVER_LABEL,
        annotations: keys::KUBERNETES_DRIVER_ANNOTATION,
        env: keys::KUBERNETES_DRIVER_ENV,
        secrets: keys::KUBERNETES_DRIVER_SECRETS,
        secret_key_refs: keys::KUBERNETES_DRIVER_SECRET_KEY_REF,
        node_selector: keys::KUBERNETES_DRIVER_NODE_SELECTOR,
        volumes: keys::KUBERNETES_DRIVER_VOLUMES,
        ports: spec.driver.ports.as_ref(),
        lifecycle: spec.driver.lifecycle.as_ref(),
        priority_class: spec.driver.priority_class_name.as_ref(),
    };
    plan(&role, spec, conf, memory, findings)
}

/// The plan of the executor pods. Where nothing names their service account they share the driver's.
pub(super) fn executor(
    spec: &SparkApplicationSpec,
    conf: &SparkConf,
    memory: PodMemory,
    driver: &PodPlan,
    findings: &mut Findings<'_>,
) -> PodPlan {
    let role = Role {
        field: "spec.executor",
        pod: &spec.executor.pod,
        container: names::EXECUTOR_CONTAINER,
        cores: keys::EXECUTOR_CORES,
        request_cores: keys::KUBERNETES_EXECUTOR_REQUEST_CORES,
        limit_cores: keys::KUBERNETES_EXECUTOR_LIMIT_CORES,
        image: keys::KUBERNETES_EXECUTOR_CONTAINER_IMAGE,
        service_account: keys::KUBERNETES_EXECUTOR_SERVICE_ACCOUNT,
        scheduler: keys::KUBERNETES_EXECUTOR_SCHEDULER_NAME,
        labels: keys::KUBERNETES_EXECUTOR_LABEL,
        annotations: keys::KUBERNETES_EXECUTOR_ANNOTATION,
        env: keys::EXECUTOR_ENV,
        secrets: keys::KUBERNETES_EXECUTOR_SECRETS,
        secret_key_refs: keys::KUBERNETES_EXECUTOR_SECRET_KEY_REF,
        node_selector: keys::KUBERNETES_EXECUTOR_NODE_SELECTOR,
        volumes: keys::KUBERNETES_EXECUTOR_VOLUMES,
        ports: spec.executor.ports.as_ref(),
        lifecycle: spec.executor.lifecycle.as_ref(),
        priority_class: spec.executor.priority_class_name.as_ref(),
    };
    let mut plan = plan(&role, spec, conf, memory, findings);
    if plan.service_account.is_none() && template_account(&plan).is_none() {
        plan.service_account = driver.service_account.clone().or_else(|| template_account(driver).cloned());
    }
    let grace = keys::KUBERNETES_EXECUTOR_TERMINATION_GRACE_PERIOD;
    if plan.termination_grace_period_seconds.is_none() && conf.contains(grace.name()) {
        let seconds = findings.kept(conf.get(&grace)).map(|grace| grace.as_duration().as_secs());
        plan.termination_grace_period_seconds = seconds.and_then(|seconds| i64::try_from(seconds).ok());
    }
    plan
}

fn template_account(plan: &PodPlan) -> Option<&String> {
    plan.template.spec.as_ref()?.service_account_name.as_ref()
}

fn plan(
    role: &Role<'_>,
    spec: &SparkApplicationSpec,
    conf: &SparkConf,
    memory: PodMemory,
    findings: &mut Findings<'_>,
) -> PodPlan {
    let pod = role.pod;
    let template = template(role, findings);
    let template_volumes =
        template.spec.as_ref().and_then(|spec| spec.volumes.as_deref()).unwrap_or_default();
    let storage = volumes::of_fields(spec, pod, role.field, template_volumes, findings);
    let mut by_property = Mounts::default();
    volumes::add_secrets(&mut by_property, role.field, &entries(conf, role.secrets), findings);
    volumes::add_properties(&mut by_property, spec, conf, role.volumes, findings);

    let labels = entries(conf, role.labels);
    for (key, value) in &labels {
        if !names::is_label_key(key) || !names::is_label_value(value) {
            findings.invalid(
                format!("{}.labels[{key}]", role.field),
                value,
                "a label has at most 63 letters, digits, dashes, underscores and dots, with a letter or digit at both ends",
            );
        }
    }
    let annotations = entries(conf, role.annotations);
    for (key, value) in annotations.iter().filter(|(key, _)| !names::is_label_key(key)) {
        let field = format!("{}.annotations[{key}]", role.field);
        findings.invalid(field, value, "its key is not one an annotation can have");
    }
    let mut node_selector = entries(conf, keys::KUBERNETES_NODE_SELECTOR);
    node_selector.extend(entries(conf, role.node_selector));
    let scheduler = findings.kept(conf.get(&role.scheduler)).flatten();
    let common_scheduler = findings.kept(conf.get(&keys::KUBERNETES_SCHEDULER_NAME)).flatten();

    PodPlan {
        image: image(role, spec, conf, &template, findings),
        image_pull_policy: conf
            .get_str(keys::KUBERNETES_CONTAINER_IMAGE_PULL_POLICY.name())
            .map(str::to_owned),
        image_pull_secrets: findings
            .kept(conf.get(&keys::KUBERNETES_CONTAINER_IMAGE_PULL_SECRETS))
            .unwrap_or_default(),
        resources: resources(role, conf, memory, findings),
        labels,
        annotations,
        env: environment(role, spec, conf, findings),
        env_from: pod.env_from.clone().unwrap_or_default(),
        volumes: storage.volumes,
        volume_mounts: storage.mounts,
        by_property,
        ports: ports(role, findings),
        lifecycle: role.lifecycle.cloned(),
        security_context: pod.security_context.clone(),
        pod_security_context: pod.pod_security_context.clone(),
        init_containers: pod.init_containers.clone().unwrap_or_default(),
        sidecars: pod.sidecars.clone().unwrap_or_default(),
        node_selector,
        affinity: pod.affinity.clone(),
        tolerations: pod.tolerations.clone().unwrap_or_default(),
        scheduler_name: pod.scheduler_name.clone().or(scheduler).or(common_scheduler),
        priority_class_name: role.priority_class.cloned(),
        service_account: findings.kept(conf.get(&role.service_account)).flatten(),
        host_network: pod.host_network,
        dns_config: pod.dns_config.clone(),
        host_aliases: pod.host_aliases.clone().unwrap_or_default(),
        termination_grace_period_seconds: pod.termination_grace_period_seconds,
        share_process_namespace: pod.share_process_namespace,
        local_dirs_tmpfs: findings.kept(conf.get(&keys::KUBERNETES_LOCAL_DIRS_TMPFS)).unwrap_or_default(),
        template,
    }
}

fn template(role: &Role<'_>, findings: &mut Findings<'_>) -> PodTemplateSpec {
    let Some(template) = &role.pod.template else { return PodTemplateSpec::default() };
    match serde_json::from_value(Value::Object(template.clone())) {
        Ok(template) => template,
        Err(error) => {
            findings.problem(format!("{}.template", role.field), format!("is not a pod template: {error}"));
            PodTemplateSpec::default()
        }
    }
}

fn image(
    role: &Role<'_>,
    spec: &SparkApplicationSpec,
    conf: &SparkConf,
    template: &PodTemplateSpec,
    findings: &mut Findings<'_>,
) -> Image {
    let own = findings.kept(conf.get(&role.image)).flatten();
    let common = findings.kept(conf.get(&keys::KUBERNETES_CONTAINER_IMAGE)).flatten();
    let containers = template.spec.as_ref().map(|spec| spec.containers.as_slice()).unwrap_or_default();
    let container = containers.iter().find(|c| c.name == role.container).or(containers.first());
    match own.or(common).or_else(|| container.and_then(|container| container.image.clone())) {
        Some(image) => Image::User(image.replace("{{SPARK_VERSION}}", &spec.spark_version)),
        None => Image::Runtime,
    }
}

fn resources(role: &Role<'_>, conf: &SparkConf, memory: PodMemory, findings: &mut Findings<'_>) -> Resources {
    let cores = findings.kept(conf.get(&role.cores)).unwrap_or_default().to_string();
    let request = findings.kept(conf.get(&role.request_cores)).flatten().unwrap_or(cores);
    let limit = findings.kept(conf.get(&role.limit_cores)).flatten();
    let mut amount = |key: &str, text: &str| {
        let value = quantity::parse(text).filter(|value| *value > 0.0);
        if value.is_none() && text != "0" {
            let field = findings.field_of(key);
            findings.invalid(field, text, "expected a Kubernetes quantity above 0, such as 500m or 2");
        }
        value
    };
    let requested = amount(role.request_cores.name(), &request);
    let limited = limit.as_deref().and_then(|limit| amount(role.limit_cores.name(), limit));
    if let (Some(requested), Some(limited), Some(text)) = (requested, limited, limit.as_deref())
        && requested > limited
    {
        let field = findings.field_of(role.limit_cores.name());
        findings.invalid(field, text, &format!("must not be below the CPU request, which is {request}"));
    }
    let memory_mib = memory.total_mib();
    Resources {
        cpu_request: Quantity(request),
        cpu_limit: limit.map(Quantity),
        memory_mib,
        memory_limit_mib: memory_limit(role, memory_mib, findings),
        extended: role
            .pod
            .gpu
            .iter()
            .map(|gpu| (gpu.name.clone(), Quantity(gpu.quantity.to_string())))
            .collect(),
    }
}

fn memory_limit(role: &Role<'_>, request_mib: u64, findings: &mut Findings<'_>) -> Option<u64> {
    let text = role.pod.memory_limit.as_deref()?;
    let field = format!("{}.memoryLimit", role.field);
    let Some(limit) = limit_mib(text) else {
        findings.invalid(field, text, "expected a size such as 2g, or a Kubernetes quantity such as 2Gi");
        return None;
    };
    if limit < request_mib {
        let expected =
            format!("must not be below the memory request, which is {request_mib}m with the overhead");
        findings.invalid(field, text, &expected);
    }
    Some(limit)
}

/// A limit in Java's units, else a quantity of Kubernetes; a number alone counts bytes, as in Kubeflow.
fn limit_mib(text: &str) -> Option<u64> {
    let size = ByteSize::parse(text, SizeUnit::Bytes).ok();
    let mib = size.and_then(|size| u64::try_from(size.mebibytes()).ok());
    mib.or_else(|| quantity::mebibytes(text))
}

fn environment(
    role: &Role<'_>,
    spec: &SparkApplicationSpec,
    conf: &SparkConf,
    findings: &mut Findings<'_>,
) -> Vec<EnvVar> {
    let mut variables: BTreeMap<String, String> = BTreeMap::new();
    if spec.spark_config_map.is_some() {
        variables.insert(env::SPARK_CONF_DIR.to_owned(), paths::USER_SPARK_CONF_DIR.to_owned());
    }
    if spec.hadoop_config_map.is_some() {
        variables.insert(env::HADOOP_CONF_DIR.to_owned(), paths::HADOOP_CONF_DIR.to_owned());
    }
    variables.extend(entries(conf, role.env));
    let plain = variables
        .into_iter()
        .map(|(name, value)| EnvVar { name, value: Some(value), value_from: None })
        .collect::<Vec<_>>();
    let mut from_secrets = Vec::new();
    for (name, source) in entries(conf, role.secret_key_refs) {
        match source.split_once(':') {
            Some((secret, key)) if !secret.is_empty() && !key.is_empty() => {
                let selector = SecretKeySelector {
                    name: secret.to_owned(),
                    key: key.to_owned(),
                    ..SecretKeySelector::default()
                };
                let value_from =
                    Some(EnvVarSource { secret_key_ref: Some(selector), ..EnvVarSource::default() });
                from_secrets.push(EnvVar { name, value: None, value_from });
            }
            _ => findings.invalid(
                format!("spec.sparkConf[{}{name}]", role.secret_key_refs),
                &source,
                "expected <secret>:<key>",
            ),
        }
    }
    let all: Vec<EnvVar> =
        plain.into_iter().chain(from_secrets).chain(role.pod.env.clone().unwrap_or_default()).collect();
    for variable in all.iter().filter(|variable| variable.name.is_empty() || variable.name.contains('=')) {
        findings.invalid(
            format!("{}.env", role.field),
            &variable.name,
            "not the name of an environment variable",
        );
    }
    all
}

fn ports(role: &Role<'_>, findings: &mut Findings<'_>) -> Vec<ContainerPort> {
    let ports = role.ports.into_iter().flatten().enumerate();
    ports
        .map(|(index, port)| {
            let field = format!("{}.ports[{index}]", role.field);
            if !(1..=65535).contains(&port.container_port) {
                let number = port.container_port.to_string();
                findings.invalid(
                    format!("{field}.containerPort"),
                    &number,
                    "expected a port between 1 and 65535",
                );
            }
            if !["TCP", "UDP", "SCTP"].contains(&port.protocol.as_str()) {
                findings.invalid(format!("{field}.protocol"), &port.protocol, "expected TCP, UDP or SCTP");
            }
            ContainerPort {
                name: Some(port.name.clone()),
                container_port: port.container_port,
                protocol: Some(port.protocol.clone()),
                ..ContainerPort::default()
            }
        })
        .collect()
}
