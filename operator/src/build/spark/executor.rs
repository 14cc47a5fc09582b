//! The template from which Spark's driver makes executor pods: what no property says. Pure.

use cerium_conf::{env as variables, paths};
use cerium_crds::plan::ValidatedApplication;
use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{monitoring, webhook};
use crate::build::storage::Storage;
use crate::build::template::{container_name, not_yet_present, take_spark_container};
use crate::build::{Role, env, policy};

/// The template of the executor pods.
pub fn template(application: &ValidatedApplication) -> Pod {
    let (plan, fields) = (&application.executor, &application.spec.executor.pod);
    let PodTemplateSpec { metadata, spec } = plan.template.clone();
    let mut spec = spec.unwrap_or_default();
    let (mut container, others) = take_spark_container(&mut spec, Role::Executor);
    container_name(Role::Executor).clone_into(&mut container.name);

    let mut environment = container.env.take().unwrap_or_default();
    environment.extend(fields.env.iter().flatten().cloned());
    if application.spec.hadoop_config_map.is_some() {
        environment.push(env::value(variables::HADOOP_CONF_DIR, paths::HADOOP_CONF_DIR));
    }
    container.env = (!environment.is_empty()).then(|| env::last_of_each(environment));
    webhook::add_to_container(&mut container, plan);
    let init = webhook::init_containers(spec.init_containers.take().unwrap_or_default(), plan);
    let sidecars = not_yet_present(&plan.sidecars, &others);

    let mut storage = Storage::from_template(
        spec.volumes.take().unwrap_or_default(),
        container.volume_mounts.take().unwrap_or_default(),
    );
    let beside: Vec<_> = others.iter().chain(&sidecars).chain(&init).collect();
    // Scratch space is declared by properties.
    let mounts = plan.volume_mounts.iter().filter(|mount| !webhook::is_scratch(&mount.name));
    let volumes = plan.volumes.iter().filter(|volume| !webhook::is_scratch(&volume.name));
    storage.add_declared(volumes, mounts, &beside);
    monitoring::mount(application, Role::Executor, &mut container, &mut storage);
    let (volumes, mounts) = storage.into_parts();
    container.volume_mounts = (!mounts.is_empty()).then_some(mounts);
    spec.volumes = (!volumes.is_empty()).then_some(volumes);

    // Spark takes its container out of the template and puts it behind the others.
    spec.containers = others.into_iter().chain([container]).chain(sidecars).collect();
    spec.init_containers = (!init.is_empty()).then_some(init);
    policy::apply(&mut spec, plan);
    let metadata = metadata.unwrap_or_default();
    Pod {
        metadata: ObjectMeta {
            labels: metadata.labels,
            annotations: metadata.annotations,
            finalizers: metadata.finalizers,
            // Spark adds the driver pod, their controller. The application is no second owner: it would keep
            // executors that have not started when their driver is gone. Kueue finds it through the driver pod.
            owner_references: metadata.owner_references,
            ..ObjectMeta::default()
        },
        spec: Some(spec),
        status: None,
    }
}
