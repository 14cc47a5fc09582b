//! Volumes and mounts of the pods: scratch space, the engine, configuration, and the user's own. Pure.

use cerium_conf::paths;
use cerium_crds::names;
use k8s_openapi::api::core::v1::{
    ConfigMapVolumeSource, Container, EmptyDirVolumeSource, KeyToPath, Volume, VolumeMount,
};

use cerium_crds::plan::{Image, Mounts, PodPlan};

/// Where programs write what they do not say where to write.
const TMP_DIR: &str = "/tmp";
const TMP_VOLUME: &str = "tmp";

/// Volumes of a pod and mounts of its Spark container, collected.
pub struct Storage {
    volumes: Vec<Volume>,
    mounts: Vec<VolumeMount>,
}

impl Storage {
    /// Begins with what the template has.
    pub fn from_template(volumes: Vec<Volume>, mounts: Vec<VolumeMount>) -> Storage {
        Storage { volumes, mounts }
    }

    /// The driver's configuration: these keys of a ConfigMap.
    pub fn add_driver_conf(&mut self, map: &str, keys: &[&str]) {
        let item =
            |key: &&str| KeyToPath { key: (*key).to_owned(), mode: Some(0o644), path: (*key).to_owned() };
        let items = keys.iter().map(item).collect();
        self.add_config_map(names::DRIVER_CONF_VOLUME, map, Some(items), paths::SPARK_CONF_DIR);
    }

    /// Files of a ConfigMap; without a list of them all.
    pub fn add_config_map(&mut self, volume: &str, map: &str, items: Option<Vec<KeyToPath>>, path: &str) {
        let source =
            ConfigMapVolumeSource { name: map.to_owned(), items, ..ConfigMapVolumeSource::default() };
        self.volumes.push(Volume { name: volume.to_owned(), config_map: Some(source), ..Volume::default() });
        self.mounts.push(mount(volume, path));
    }

    /// The engine, copied into a user's image.
    pub fn add_engine(&mut self, image: &Image) {
        if *image != Image::Runtime {
            self.volumes.push(empty_dir(names::ENGINE_CONTAINER, false));
            self.mounts
                .push(VolumeMount { read_only: Some(true), ..mount(names::ENGINE_CONTAINER, paths::ENGINE) });
        }
    }

    /// What the manifest mounts, and the volumes that any container of the pod names.
    pub fn add_users(&mut self, plan: &PodPlan, others: &[&Container]) {
        let Mounts { volumes, mounts } = &plan.by_property;
        self.add_declared(
            plan.volumes.iter().chain(volumes),
            plan.volume_mounts.iter().chain(mounts),
            others,
        );
    }

    /// Mounts, and those of the volumes that they or other containers of the pod name.
    pub fn add_declared<'a>(
        &mut self,
        volumes: impl Iterator<Item = &'a Volume>,
        mounts: impl Iterator<Item = &'a VolumeMount>,
        others: &[&Container],
    ) {
        self.mounts.extend(mounts.cloned());
        let of_others = others.iter().flat_map(|container| container.volume_mounts.iter().flatten());
        let wanted: Vec<&str> =
            self.mounts.iter().chain(of_others).map(|mount| mount.name.as_str()).collect();
        for volume in volumes {
            let known = self.volumes.iter().any(|other| other.name == volume.name);
            if !known && wanted.contains(&volume.name.as_str()) {
                self.volumes.push(volume.clone());
            }
        }
    }

    /// Scratch space: the user's mounted `spark-local-dir-*` volumes, else one of our own for each of these
    /// directories. Returns the directories, separated by commas.
    pub fn add_local_dirs(&mut self, dirs: &[&str], tmpfs: bool) -> String {
        let scratch = |mount: &&VolumeMount| mount.name.starts_with(names::LOCAL_DIR_VOLUME_PREFIX);
        let users: Vec<&str> =
            self.mounts.iter().filter(scratch).map(|mount| mount.mount_path.as_str()).collect();
        if !users.is_empty() {
            return users.join(",");
        }
        for (index, dir) in dirs.iter().enumerate() {
            let volume = format!("{}{}", names::LOCAL_DIR_VOLUME_PREFIX, index + 1);
            self.volumes.push(empty_dir(&volume, tmpfs));
            self.mounts.push(mount(&volume, dir));
        }
        dirs.join(",")
    }

    /// A place for temporary files, as the root file system cannot be written to.
    pub fn add_tmp(&mut self) {
        if self.mounts.iter().all(|mount| mount.mount_path.trim_end_matches('/') != TMP_DIR) {
            let free = |name: &str| self.volumes.iter().all(|volume| volume.name != name);
            let name = if free(TMP_VOLUME) { TMP_VOLUME } else { "cerium-tmp" };
            self.volumes.push(empty_dir(name, false));
            self.mounts.push(mount(name, TMP_DIR));
        }
    }

    /// Volumes of the pod, mounts of the Spark container.
    pub fn into_parts(self) -> (Vec<Volume>, Vec<VolumeMount>) {
        (self.volumes, self.mounts)
    }
}

/// A mount of a whole volume.
pub fn mount(volume: &str, path: &str) -> VolumeMount {
    VolumeMount { name: volume.to_owned(), mount_path: path.to_owned(), ..VolumeMount::default() }
}

fn empty_dir(name: &str, tmpfs: bool) -> Volume {
    let medium = tmpfs.then(|| "Memory".to_owned());
    Volume {
        name: name.to_owned(),
        empty_dir: Some(EmptyDirVolumeSource { medium, size_limit: None }),
        ..Volume::default()
    }
}
