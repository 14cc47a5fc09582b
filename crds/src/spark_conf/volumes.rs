//! Scratch volumes of a manifest as Spark properties. Pure.

use cerium_conf::SparkConf;
use k8s_openapi::api::core::v1::Volume;

use crate::application::SparkPodSpec;
use crate::names::LOCAL_DIR_VOLUME_PREFIX;

/// Sets the properties of the volumes named `spark-local-dir-*` that the pod mounts. Volumes of other types
/// than Spark's four are left out; validation refuses them.
pub(super) fn add_local_dirs(conf: &mut SparkConf, prefix: &str, volumes: &[Volume], pod: &SparkPodSpec) {
    let local = volumes.iter().filter(|volume| volume.name.starts_with(LOCAL_DIR_VOLUME_PREFIX));
    for volume in local {
        let Some((kind, options)) = options(volume) else { continue };
        for mount in pod.volume_mounts.iter().flatten().filter(|mount| mount.name == volume.name) {
            let mut set = |setting: &str, value: &str| {
                conf.set(format!("{prefix}{kind}.{}.{setting}", volume.name), value);
            };
            set("mount.path", &mount.mount_path);
            if let Some(path) = &mount.sub_path {
                set("mount.subPath", path);
            }
            if let Some(read_only) = mount.read_only {
                set("mount.readOnly", if read_only { "true" } else { "false" });
            }
            for (option, value) in &options {
                set(&format!("options.{option}"), value);
            }
        }
    }
}

/// Spark's name of the volume's type, and its options.
fn options(volume: &Volume) -> Option<(&'static str, Vec<(&'static str, String)>)> {
    if let Some(source) = &volume.empty_dir {
        let size = source.size_limit.as_ref().map(|size| ("sizeLimit", size.0.clone()));
        let medium = source.medium.clone().map(|medium| ("medium", medium));
        return Some(("emptyDir", size.into_iter().chain(medium).collect()));
    }
    if let Some(source) = &volume.host_path {
        let kind = source.type_.clone().map(|kind| ("type", kind));
        return Some(("hostPath", [("path", source.path.clone())].into_iter().chain(kind).collect()));
    }
    if let Some(source) = &volume.nfs {
        return Some(("nfs", vec![("path", source.path.clone()), ("server", source.server.clone())]));
    }
    let source = volume.persistent_volume_claim.as_ref()?;
    Some(("persistentVolumeClaim", vec![("claimName", source.claim_name.clone())]))
}
