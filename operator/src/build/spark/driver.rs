//! The driver pod as Spark's submission client makes it and Kubeflow's webhook completes it. Pure.

use std::collections::BTreeMap;

use cerium_conf::{Key, env as variables, keys, paths, ports};
use cerium_crds::plan::{Image, Language};
use cerium_crds::{labels, names};
use k8s_openapi::api::core::v1::{Container, ContainerPort, EnvVar, KeyToPath, Pod, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::properties::{BLOCK_MANAGER_PORT, DRIVER_PORT};
use super::{Spark, monitoring, webhook};
use crate::build::storage::Storage;
use crate::build::template::{container_name, not_yet_present, take_spark_container};
use crate::build::{Role, env, owner, policy};

/// The user the program runs as, as far as Spark's API tells: the one of Kubeflow's image.
const SPARK_USER: &str = "spark";
/// The folder of an existing ConfigMap of Hadoop files, and the volume that brings it.
const HADOOP_DIR: &str = "/opt/hadoop/conf";
const HADOOP_VOLUME: &str = "hadoop-properties";
const HADOOP_MAP: &str = "spark.kubernetes.hadoop.configMapName";

/// The driver pod.
pub fn pod(spark: &Spark<'_>) -> Pod {
    let application = spark.application;
    let plan = &application.driver;
    let PodTemplateSpec { metadata, spec } = plan.template.clone();
    let mut spec = spec.unwrap_or_default();
    let (mut container, others) = take_spark_container(&mut spec, Role::Driver);
    complete(&mut container, spark);
    let init = webhook::init_containers(spec.init_containers.take().unwrap_or_default(), plan);
    let sidecars = not_yet_present(&plan.sidecars, &others);

    let mut storage = Storage::from_template(
        spec.volumes.take().unwrap_or_default(),
        container.volume_mounts.take().unwrap_or_default(),
    );
    let beside: Vec<&Container> = others.iter().chain(&sidecars).chain(&init).collect();
    storage.add_users(plan, &beside);
    let template = KeyToPath {
        key: paths::POD_TEMPLATE_KEY.to_owned(),
        mode: None,
        path: paths::POD_TEMPLATE_FILE.to_owned(),
    };
    let map = spark.template_map();
    storage.add_config_map(names::POD_TEMPLATE_VOLUME, &map, Some(vec![template]), paths::POD_TEMPLATE_DIR);
    if let Some(map) = spark.conf.get_str(HADOOP_MAP) {
        storage.add_config_map(HADOOP_VOLUME, map, None, HADOOP_DIR);
    }
    let own_dir = format!("/var/data/spark-{}", spark.submission.id);
    let dirs: Vec<&str> = spark.conf.get_str("spark.local.dir").unwrap_or(&own_dir).split(',').collect();
    let local_dirs = storage.add_local_dirs(&dirs, plan.local_dirs_tmpfs);
    storage.add_driver_conf(&names::spark_conf_map(&spark.submission.id), &[paths::SPARK_PROPERTIES_KEY]);
    monitoring::mount(application, Role::Driver, &mut container, &mut storage);
    let (volumes, mounts) = storage.into_parts();
    container.volume_mounts = Some(mounts);
    container.env = Some(environment(spark, container.env.take().unwrap_or_default(), &local_dirs));

    spec.containers = others.into_iter().chain([container]).chain(sidecars).collect();
    spec.init_containers = (!init.is_empty()).then_some(init);
    spec.volumes = Some(volumes);
    policy::apply(&mut spec, plan);
    policy::add_pull_secrets(&mut spec, &plan.image_pull_secrets);
    // Spark sets both of them.
    spec.service_account.clone_from(&spec.service_account_name);
    Pod { metadata: metadata_of(spark, metadata.unwrap_or_default()), spec: Some(spec), status: None }
}

/// Everything of the Spark container but its environment and mounts.
fn complete(container: &mut Container, spark: &Spark<'_>) {
    let plan = &spark.application.driver;
    container_name(Role::Driver).clone_into(&mut container.name);
    if let Image::User(image) = &plan.image {
        container.image = Some(image.clone());
    }
    container.image_pull_policy = spark.conf.get(&keys::KUBERNETES_CONTAINER_IMAGE_PULL_POLICY).ok();
    container.args = Some(args(spark));
    container.ports.get_or_insert_default().extend(named_ports(spark).map(|(name, port)| ContainerPort {
        name: Some(name.to_owned()),
        container_port: i32::from(port),
        protocol: Some("TCP".to_owned()),
        ..ContainerPort::default()
    }));
    let mut resources = plan.resources.on(container.resources.take());
    resources.limits.get_or_insert_default().extend(requested_resources(spark));
    container.resources = Some(resources);
    webhook::add_to_container(container, plan);
}

/// The ports of the driver, by name.
pub fn named_ports(spark: &Spark<'_>) -> impl Iterator<Item = (&'static str, u16)> {
    // Validation has refused what is no port.
    let port = |key: &str, default: u16| {
        spark.conf.get_str(key).and_then(|text| text.trim().parse().ok()).unwrap_or(default)
    };
    [
        (ports::DRIVER_RPC_NAME, port(DRIVER_PORT, ports::DRIVER_RPC)),
        (ports::BLOCK_MANAGER_NAME, port(BLOCK_MANAGER_PORT, ports::BLOCK_MANAGER)),
        (ports::SPARK_UI_NAME, port("spark.ui.port", ports::SPARK_UI)),
        (ports::SPARK_CONNECT_NAME, port("spark.connect.grpc.binding.port", ports::SPARK_CONNECT)),
    ]
    .into_iter()
}

/// What the image's entry point is told.
fn args(spark: &Spark<'_>) -> Vec<String> {
    let mut args = vec!["driver".to_owned()];
    if let Some(user) = &spark.program.proxy_user {
        args.extend(["--proxy-user".to_owned(), user.clone()]);
    }
    args.extend(["--properties-file", paths::SPARK_PROPERTIES, "--class"].map(ToOwned::to_owned));
    args.push(spark.program.main_class.clone());
    args.push(spark.application.main_file.clone());
    args.extend(spark.application.arguments.iter().cloned());
    args
}

/// `spark.driver.resource.<name>.amount` of a vendor as an extended resource.
fn requested_resources(spark: &Spark<'_>) -> BTreeMap<String, Quantity> {
    const PREFIX: &str = "spark.driver.resource.";
    let amounts = spark.conf.iter_prefix(PREFIX).filter_map(|(key, amount)| {
        let name = key.strip_suffix(".amount")?;
        let vendor = spark.conf.get_str(&format!("{PREFIX}{name}.vendor"))?;
        Some((format!("{vendor}/{name}"), Quantity(amount.to_owned())))
    });
    amounts.collect()
}

/// The environment in Spark's order, and behind it what the webhook adds.
fn environment(spark: &Spark<'_>, template: Vec<EnvVar>, local_dirs: &str) -> Vec<EnvVar> {
    let (conf, spec) = (&spark.conf, &spark.application.spec);
    let mut all = template;
    all.push(env::value(variables::SPARK_USER, SPARK_USER));
    all.push(env::value(variables::SPARK_APPLICATION_ID, &names::application_id(&spark.submission.id)));
    all.extend(conf.iter_prefix(keys::KUBERNETES_DRIVER_ENV).map(|(name, value)| env::value(name, value)));
    all.push(env::field(variables::SPARK_DRIVER_BIND_ADDRESS, "status.podIP"));
    let secrets = conf.iter_prefix(keys::KUBERNETES_DRIVER_SECRET_KEY_REF);
    all.extend(secrets.filter_map(|(name, source)| {
        let (secret, key) = source.split_once(':')?;
        Some(env::secret(name, secret, key))
    }));
    if conf.contains(HADOOP_MAP) {
        all.push(env::value(variables::HADOOP_CONF_DIR, HADOOP_DIR));
    }
    if spark.program.language == Language::Python {
        let python = conf.get_str(keys::PYSPARK_PYTHON.name());
        let of_driver = conf.get_str(keys::PYSPARK_DRIVER_PYTHON.name()).or(python);
        all.extend(python.map(|python| env::value(variables::PYSPARK_PYTHON, python)));
        all.extend(of_driver.map(|python| env::value(variables::PYSPARK_DRIVER_PYTHON, python)));
    }
    all.push(env::value(variables::SPARK_LOCAL_DIRS, local_dirs));
    all.push(env::value(variables::SPARK_CONF_DIR, paths::SPARK_CONF_DIR));

    all.extend(spec.driver.pod.env.iter().flatten().cloned());
    if spec.hadoop_config_map.is_some() {
        all.push(env::value(variables::HADOOP_CONF_DIR, paths::HADOOP_CONF_DIR));
    }
    if spec.spark_config_map.is_some() {
        all.push(env::value(variables::SPARK_CONF_DIR, paths::USER_SPARK_CONF_DIR));
    }
    env::last_of_each(all)
}

fn metadata_of(spark: &Spark<'_>, template: ObjectMeta) -> ObjectMeta {
    let application = spark.application;
    let id = names::application_id(&spark.submission.id);
    let mut all: BTreeMap<String, String> = template.labels.unwrap_or_default();
    all.extend(own_labels(spark));
    let mut annotations = template.annotations.unwrap_or_default();
    let of_properties = spark.conf.iter_prefix(keys::KUBERNETES_DRIVER_ANNOTATION);
    annotations.extend(of_properties.map(|(key, value)| (key.to_owned(), substituted(value, &id))));
    let mut owners = template.owner_references.unwrap_or_default();
    owners.push(owner(application, true));
    ObjectMeta {
        name: Some(application.driver_pod.clone()),
        namespace: Some(application.namespace.clone()),
        labels: Some(all),
        annotations: (!annotations.is_empty()).then_some(annotations),
        owner_references: Some(owners),
        finalizers: template.finalizers,
        ..ObjectMeta::default()
    }
}

/// The labels of the driver that its template does not bring; its Service selects by them.
pub fn own_labels(spark: &Spark<'_>) -> BTreeMap<String, String> {
    let application = spark.application;
    let id = names::application_id(&spark.submission.id);
    let of_properties = spark.conf.iter_prefix(keys::KUBERNETES_DRIVER_LABEL);
    let mut all: BTreeMap<String, String> =
        of_properties.map(|(key, value)| (key.to_owned(), substituted(value, &id))).collect();
    let fixed = [
        (labels::SPARK_VERSION, application.spark_version.clone()),
        (labels::SPARK_APP_NAME, names::app_name_label(&application.name)),
        (labels::SPARK_ROLE, labels::ROLE_DRIVER.to_owned()),
        (labels::SPARK_APP_SELECTOR, id),
    ];
    all.extend(fixed.map(|(key, value)| (key.to_owned(), value)));
    all
}

/// The value of a label or an annotation, with Spark's placeholders filled in.
fn substituted(value: &str, application_id: &str) -> String {
    value.replace("{{APP_ID}}", application_id).replace("{{EXECUTOR_ID}}", "")
}
