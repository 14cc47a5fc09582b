//! What each field of a SparkApplication does here, compared with Kubeflow's operator: the page for those who move.
//! What has no effect comes from the code that tells it; a test sees to it that no field of the schema is missing.

use std::fmt::Write as _;

use crate::SparkApplicationSpec;
use crate::engine::Engine;
use crate::validate::without_effect;

/// As in Kubeflow.
const SAME: &str = "";
/// What a driver takes while it runs.
const LIVE: &str = "A change reaches a running driver of Cerium's engine, which is not started again.";

/// A field, or a group whose fields share one fate, and what is different from Kubeflow.
pub const FIELDS: &[(&str, &str)] = &[
    (
        "spec.type",
        "SQL comes on top. Java, Scala and R run on the Spark of the image; Python on Cerium's engine, or on Spark by `sparkConf: {spark.cerium.engine: spark}` or the operator's `--default-engine=spark` (chart: `controller.defaultEngine`).",
    ),
    ("spec.sparkVersion", SAME),
    ("spec.mode", "`client` is refused; Kubeflow accepts it and does not carry it out."),
    ("spec.suspend", SAME),
    ("spec.proxyUser", SAME),
    (
        "spec.image",
        "On Cerium's engine the engine is copied into the image, and without one the operator's runtime image is used. Spark needs an image, as in Kubeflow.",
    ),
    ("spec.imagePullPolicy", SAME),
    ("spec.imagePullSecrets", SAME),
    ("spec.mainClass", SAME),
    (
        "spec.mainApplicationFile",
        "Files of the submitter's machine (`file:`) are refused on Spark: the operator has none. Cerium's engine reads programs, and data, from the image (`local:`, `file:` or a path), `s3:`, `s3a:`, `http:` and `https:`; `gs:`, `abfs:`, `abfss:`, `wasb:`, `hdfs:` and all others are refused, and need Spark's own engine.",
    ),
    ("spec.arguments", SAME),
    (
        "spec.sparkConf",
        "On Cerium's engine Spark's keys without a use are told in an event and in the condition Valid, first those that should have protected something (docs/reference/configuration.md). A volume with `claimName: OnDemand` is an ephemeral volume: its claim is named after the pod and goes with it, where Spark keeps it for the next executor (drivers on Spark, too).",
    ),
    (
        "spec.hadoopConf",
        "Cerium's engine reads the settings of S3 (`fs.s3a.*`); those of other file systems are told as `spec.sparkConf` without a use.",
    ),
    (
        "spec.sparkConfigMap",
        "Mounted. Cerium's engine also takes `spark-defaults.conf` for what the manifest does not say, when the application is submitted.",
    ),
    (
        "spec.hadoopConfigMap",
        "Mounted. Cerium's engine also takes `core-site.xml` and `hdfs-site.xml` for what the manifest does not say, when the application is submitted; of them it uses the settings of S3.",
    ),
    ("spec.volumes", SAME),
    ("spec.nodeSelector", SAME),
    ("spec.pythonVersion", SAME),
    ("spec.memoryOverheadFactor", SAME),
    ("spec.timeToLiveSeconds", SAME),
    ("spec.failureRetries", SAME),
    ("spec.retryInterval", SAME),
    ("spec.deps", SAME),
    ("spec.restartPolicy", SAME),
    (
        "spec.monitoring",
        "On Cerium's engine driver and executors serve the metrics of docs/reference/metrics.md at the exporter's port themselves; its jar is not looked for. On Spark the exporter's rules give Kubeflow's names, types and labels, and those of Spark's other sources by the same scheme, unless `prometheus.configuration` or `configFile` says others; unlike Kubeflow's they also fit the names Spark has in JMX since version 3.",
    ),
    ("spec.batchScheduler", "See docs/reference/batch-schedulers.md."),
    ("spec.batchSchedulerOptions", "See docs/reference/batch-schedulers.md."),
    (
        "spec.sparkUIOptions",
        "Names that are too long end in another hash. What is refused, for example by a quota, is an event and keeps no application from running.",
    ),
    (
        "spec.driverIngressOptions",
        "As `spec.sparkUIOptions`. The Service and Ingress of an entry that is taken away are removed.",
    ),
    ("spec.dynamicAllocation", LIVE),
    (
        "spec.driverPodDisruptionBudget",
        "Made with the submission and removed at the end. A change runs the application anew, as in Kubeflow, with the budget or without it.",
    ),
    ("spec.driver.podName", SAME),
    ("spec.driver.coreRequest", SAME),
    ("spec.driver.javaOptions", SAME),
    ("spec.driver.lifecycle", SAME),
    ("spec.driver.kubernetesMaster", SAME),
    ("spec.driver.serviceAnnotations", SAME),
    ("spec.driver.serviceLabels", SAME),
    ("spec.driver.ports", SAME),
    ("spec.driver.priorityClassName", SAME),
    ("spec.executor.instances", LIVE),
    ("spec.executor.coreRequest", SAME),
    ("spec.executor.javaOptions", SAME),
    ("spec.executor.lifecycle", "On Spark its own hook wins where decommissioning is on."),
    ("spec.executor.deleteOnTermination", SAME),
    ("spec.executor.ports", SAME),
    ("spec.executor.priorityClassName", SAME),
];

/// Fields that driver and executor have in common.
pub const POD_FIELDS: &[(&str, &str)] = &[
    ("template", "One that is no pod template is refused; Kubeflow drops what it does not understand."),
    ("cores", SAME),
    ("coreLimit", SAME),
    ("memory", SAME),
    (
        "memoryLimit",
        "One below the request is refused. A size as Java writes it, or a Kubernetes quantity, as in Kubeflow.",
    ),
    ("memoryOverhead", SAME),
    ("gpu", SAME),
    ("image", SAME),
    ("configMaps", SAME),
    (
        "secrets",
        "Mounted, with their variables, as in Kubeflow. Cerium's engine itself does not use the key of a `GCPServiceAccount` or a `HadoopDelegationToken`: it reads neither gs: nor hdfs:; the program can.",
    ),
    ("env", "On Cerium's engine, and in executors of Spark, a variable that the engine sets itself wins."),
    ("envVars", SAME),
    ("envFrom", SAME),
    ("envSecretKeyRefs", SAME),
    ("labels", SAME),
    ("annotations", SAME),
    (
        "volumeMounts",
        "As in Kubeflow one without a volume of its name in `spec.volumes` is left out; here the event says so.",
    ),
    ("affinity", SAME),
    ("tolerations", SAME),
    (
        "podSecurityContext",
        "On Cerium's engine what it leaves open gets the safest value (user 185, not root, RuntimeDefault).",
    ),
    (
        "securityContext",
        "On Cerium's engine what it leaves open gets the safest value (no capabilities, root file system read only).",
    ),
    ("schedulerName", SAME),
    ("sidecars", "One of the name of another container is left out; Kubeflow compares the image as well."),
    ("initContainers", SAME),
    ("hostNetwork", SAME),
    ("nodeSelector", SAME),
    ("dnsConfig", SAME),
    ("terminationGracePeriodSeconds", SAME),
    (
        "serviceAccount",
        "Executors of Cerium's engine whose service account the manifest does not name get the driver's, without its token.",
    ),
    ("hostAliases", SAME),
    ("shareProcessNamespace", SAME),
];

/// All fields with their notes, those of driver and executor each.
pub fn fields() -> Vec<(String, &'static str)> {
    let pods = ["spec.driver", "spec.executor"]
        .into_iter()
        .flat_map(|role| POD_FIELDS.iter().map(move |(field, note)| (format!("{role}.{field}"), *note)));
    let mut all: Vec<_> = FIELDS.iter().map(|(field, note)| ((*field).to_owned(), *note)).collect();
    all.extend(pods);
    all.sort();
    all
}

/// The page. `everything` is a Python application that sets every field: what of it has no effect is told by the
/// code that would tell a user.
pub fn markdown(everything: &SparkApplicationSpec) -> String {
    let told = [
        ("Cerium's engine", without_effect(everything, Engine::Native)),
        ("Spark", without_effect(everything, Engine::Spark)),
    ];
    let mut page = String::from(
        "# Fields of a SparkApplication, for those who come from Kubeflow's operator\n\n\
         Generated from `crds/src/migration.rs`; do not edit. Everything is as in Kubeflow's operator but for what is \
         noted. A field that a manifest sets and that has no effect is told by an event\n\
         `SparkApplicationFieldsIgnored` and by the condition `Valid` with the reason `FieldsIgnored`.\n\n\
         | field | effect |\n|---|---|\n",
    );
    for (field, note) in fields() {
        let mut effect = if note == SAME { "as in Kubeflow".to_owned() } else { note.to_owned() };
        for (engine, lines) in &told {
            for line in lines {
                let Some((path, reason)) = line.split_once(" has no effect: ") else { continue };
                if path == field {
                    let _ = write!(effect, "; none on {engine}: {reason}");
                } else if let Some(part) = path.strip_prefix(&format!("{field}.")) {
                    let _ = write!(effect, "; `{part}` none on {engine}: {reason}");
                }
            }
        }
        let _ = writeln!(page, "| `{field}` | {effect} |");
    }
    page
}
