//! Volumes and mounts of a pod, from fields and properties. Pure.

use std::collections::BTreeMap;

use cerium_conf::{SparkConf, paths};
use k8s_openapi::api::core::v1::{
    ConfigMapVolumeSource, EmptyDirVolumeSource, EphemeralVolumeSource, HostPathVolumeSource,
    NFSVolumeSource, PersistentVolumeClaimSpec, PersistentVolumeClaimTemplate,
    PersistentVolumeClaimVolumeSource, SecretVolumeSource, Volume, VolumeMount, VolumeResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::Findings;
use crate::application::{SparkApplicationSpec, SparkPodSpec};
use crate::names::{LOCAL_DIR_VOLUME_PREFIX, volume_name};
use crate::plan::Mounts;
use crate::quantity;

/// Name of a claim that is made for each pod.
const ON_DEMAND: &str = "OnDemand";

/// What the fields of the spec say.
pub(super) fn of_fields(
    spec: &SparkApplicationSpec,
    pod: &SparkPodSpec,
    role: &str,
    template_volumes: &[Volume],
    findings: &mut Findings<'_>,
) -> Mounts {
    let mut storage = Mounts { volumes: spec.volumes.clone().unwrap_or_default(), mounts: Vec::new() };
    for (index, mount) in pod.volume_mounts.iter().flatten().enumerate() {
        let field = format!("{role}.volumeMounts[{index}]");
        let known = storage.volumes.iter().chain(template_volumes).find(|volume| volume.name == mount.name);
        let Some(volume) = known else {
            // As in Kubeflow, whose webhook mounts only what spec.volumes has: others may bring the rest.
            findings.ignored.push(format!("{field} has no effect: spec.volumes has no \"{}\"", mount.name));
            continue;
        };
        if volume.name.starts_with(LOCAL_DIR_VOLUME_PREFIX) && !is_scratch_type(volume) {
            findings.invalid(
                format!("{field}.name"),
                &mount.name,
                "unsupported volume type for scratch space: use emptyDir, hostPath, nfs or persistentVolumeClaim",
            );
        } else {
            check_path(&format!("{field}.mountPath"), &mount.mount_path, findings);
        }
        storage.mounts.push(mount.clone());
    }
    for (index, source) in pod.config_maps.iter().flatten().enumerate() {
        check_path(&format!("{role}.configMaps[{index}].path"), &source.path, findings);
        add_read_only(
            &mut storage,
            config_map(volume_name(&source.name, "-vol"), &source.name),
            &source.path,
        );
    }
    if let Some(name) = &spec.spark_config_map {
        add_read_only(
            &mut storage,
            config_map("spark-configmap-volume".to_owned(), name),
            paths::USER_SPARK_CONF_DIR,
        );
    }
    if let Some(name) = &spec.hadoop_config_map {
        add_read_only(
            &mut storage,
            config_map("hadoop-configmap-volume".to_owned(), name),
            paths::HADOOP_CONF_DIR,
        );
    }
    storage
}

/// Adds secrets to mount: name and directory of each.
pub(super) fn add_secrets(
    storage: &mut Mounts,
    role: &str,
    secrets: &BTreeMap<String, String>,
    findings: &mut Findings<'_>,
) {
    for (name, path) in secrets {
        check_path(&format!("{role}.secrets[{name}].path"), path, findings);
        let source = SecretVolumeSource { secret_name: Some(name.clone()), ..SecretVolumeSource::default() };
        let volume = Volume { name: volume_name(name, "-volume"), secret: Some(source), ..Volume::default() };
        add(storage, volume, path);
    }
}

/// Adds the volumes declared by properties, `<prefix><type>.<name>.<setting>`, that are not fields as well.
pub(super) fn add_properties(
    storage: &mut Mounts,
    spec: &SparkApplicationSpec,
    conf: &SparkConf,
    prefix: &str,
    findings: &mut Findings<'_>,
) {
    let mut declared: BTreeMap<(&str, &str), BTreeMap<&str, &str>> = BTreeMap::new();
    for (key, value) in conf.iter_prefix(prefix) {
        let mut parts = key.splitn(3, '.');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(kind), Some(name), Some(setting)) => {
                declared.entry((kind, name)).or_default().insert(setting, value);
            }
            _ => findings.problem(
                format!("spec.sparkConf[{prefix}{key}]"),
                "expected <type>.<name>.<setting> at the end",
            ),
        }
    }
    let fields = spec.volumes.as_deref().unwrap_or_default();
    for ((kind, name), settings) in declared {
        if fields.iter().any(|volume| volume.name == name) {
            continue;
        }
        let field = format!("spec.sparkConf[{prefix}{kind}.{name}.");
        let Some(path) = settings.get("mount.path") else {
            findings.problem(
                format!("{field}mount.path]"),
                "is missing: a volume needs a place to be mounted at",
            );
            continue;
        };
        check_path(&format!("{field}mount.path]"), path, findings);
        let Some(volume) = declared_volume(kind, name, &settings, &field, findings) else { continue };
        storage.volumes.push(volume);
        storage.mounts.push(VolumeMount {
            name: name.to_owned(),
            mount_path: (*path).to_owned(),
            sub_path: settings.get("mount.subPath").map(ToString::to_string),
            sub_path_expr: settings.get("mount.subPathExpr").map(ToString::to_string),
            read_only: settings.get("mount.readOnly").map(|value| *value == "true"),
            ..VolumeMount::default()
        });
    }
}

fn declared_volume(
    kind: &str,
    name: &str,
    settings: &BTreeMap<&str, &str>,
    field: &str,
    findings: &mut Findings<'_>,
) -> Option<Volume> {
    let option = |name: &str| settings.get(format!("options.{name}").as_str()).map(ToString::to_string);
    let mut required = |name: &str| {
        let value = option(name);
        if value.is_none() {
            findings
                .problem(format!("{field}options.{name}]"), format!("is missing: a {kind} volume needs it"));
        }
        value
    };
    let mut volume = Volume { name: name.to_owned(), ..Volume::default() };
    match kind {
        "emptyDir" => {
            let size = option("sizeLimit");
            if let Some(size) = &size {
                check_size(field, size, findings);
            }
            volume.empty_dir =
                Some(EmptyDirVolumeSource { medium: option("medium"), size_limit: size.map(Quantity) });
        }
        "hostPath" => {
            volume.host_path = Some(HostPathVolumeSource { path: required("path")?, type_: option("type") });
        }
        "nfs" => {
            let (path, server) = (required("path"), required("server"));
            volume.nfs = Some(NFSVolumeSource { path: path?, server: server?, read_only: None });
        }
        "persistentVolumeClaim" => {
            let claim_name = required("claimName")?;
            if claim_name.contains(ON_DEMAND) {
                volume.ephemeral = Some(claim_on_demand(settings, field, findings)?);
                return Some(volume);
            }
            volume.persistent_volume_claim =
                Some(PersistentVolumeClaimVolumeSource { claim_name, read_only: None });
        }
        other => {
            findings.problem(
                format!("{field}mount.path]"),
                format!("unsupported volume type \"{other}\": use emptyDir, hostPath, nfs or persistentVolumeClaim"),
            );
            return None;
        }
    }
    Some(volume)
}

/// A claim that is made for each pod and goes with it. Spark's client and driver make such claims themselves; as an
/// ephemeral volume Kubernetes makes them, and nobody has to clean up.
fn claim_on_demand(
    settings: &BTreeMap<&str, &str>,
    field: &str,
    findings: &mut Findings<'_>,
) -> Option<EphemeralVolumeSource> {
    let Some(size) = settings.get("options.sizeLimit") else {
        findings.problem(
            format!("{field}options.sizeLimit]"),
            "is missing: a volume claim that is made on demand needs it",
        );
        return None;
    };
    check_size(field, size, findings);
    let of = |start: &str| -> Option<BTreeMap<String, String>> {
        let all = settings.iter().filter_map(|(key, value)| Some((key.strip_prefix(start)?, *value)));
        let all: BTreeMap<_, _> = all.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        (!all.is_empty()).then_some(all)
    };
    let spec = PersistentVolumeClaimSpec {
        access_modes: Some(vec!["ReadWriteOncePod".to_owned()]),
        resources: Some(VolumeResourceRequirements {
            requests: Some([("storage".to_owned(), Quantity((*size).to_owned()))].into()),
            ..VolumeResourceRequirements::default()
        }),
        storage_class_name: settings.get("options.storageClass").map(ToString::to_string),
        ..PersistentVolumeClaimSpec::default()
    };
    let metadata =
        ObjectMeta { labels: of("label."), annotations: of("annotation."), ..ObjectMeta::default() };
    let template = PersistentVolumeClaimTemplate { metadata: Some(metadata), spec };
    Some(EphemeralVolumeSource { volume_claim_template: Some(template) })
}

fn check_size(field: &str, size: &str, findings: &mut Findings<'_>) {
    if quantity::parse(size).is_none() {
        let expected = "expected a Kubernetes quantity, such as 10Gi";
        findings.invalid(format!("{field}options.sizeLimit]"), size, expected);
    }
}

/// A ConfigMap, mounted as a whole.
fn add_read_only(storage: &mut Mounts, volume: Volume, path: &str) {
    add(storage, volume, path);
    if let Some(mount) = storage.mounts.last_mut() {
        mount.read_only = Some(true);
    }
}

/// A volume, mounted as a whole.
fn add(storage: &mut Mounts, volume: Volume, path: &str) {
    storage.mounts.push(VolumeMount {
        name: volume.name.clone(),
        mount_path: path.to_owned(),
        ..VolumeMount::default()
    });
    storage.volumes.push(volume);
}

fn is_scratch_type(volume: &Volume) -> bool {
    volume.empty_dir.is_some()
        || volume.host_path.is_some()
        || volume.nfs.is_some()
        || volume.persistent_volume_claim.is_some()
}

fn check_path(field: &str, path: &str, findings: &mut Findings<'_>) {
    if !path.starts_with('/') || path.contains(':') {
        findings.invalid(field, path, "expected an absolute path in the container, without a colon");
    }
}

fn config_map(volume: String, name: &str) -> Volume {
    let source = ConfigMapVolumeSource { name: name.to_owned(), ..ConfigMapVolumeSource::default() };
    Volume { name: volume, config_map: Some(source), ..Volume::default() }
}
