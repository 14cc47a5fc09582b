//! Keys of labels and annotations: Kubeflow's on everything the operator makes, Spark's own on pods.

/// Name of the SparkApplication an object belongs to.
pub const APP_NAME: &str = "sparkoperator.k8s.io/app-name";
/// `"true"` on pods started for an application; the pod watch selects by it.
pub const LAUNCHED_BY_SPARK_OPERATOR: &str = "sparkoperator.k8s.io/launched-by-spark-operator";
/// `"true"` on pods of applications without a pod template, as Kubeflow's webhook wants it.
pub const MUTATED_BY_SPARK_OPERATOR: &str = "sparkoperator.k8s.io/mutated-by-spark-operator";
/// Submission the object was made for.
pub const SUBMISSION_ID: &str = "sparkoperator.k8s.io/submission-id";
/// `"true"` on ConfigMaps and Services the operator makes.
pub const CREATED_BY_SPARK_OPERATOR: &str = "sparkoperator.k8s.io/created-by-spark-operator";
/// Name of the ScheduledSparkApplication an application is a run of.
pub const SCHEDULED_APP_NAME: &str = "sparkoperator.k8s.io/scheduled-app-name";
/// Name of the SparkConnect an object belongs to.
pub const CONNECT_NAME: &str = "sparkoperator.k8s.io/connect-name";
/// Annotation of a server pod: what of the specification it was made from.
pub const CONNECT_FINGERPRINT: &str = "cerium.dev/specification";

/// [`ROLE_DRIVER`] or [`ROLE_EXECUTOR`].
pub const SPARK_ROLE: &str = "spark-role";
/// Value of [`SPARK_ROLE`] on the driver pod.
pub const ROLE_DRIVER: &str = "driver";
/// Value of [`SPARK_ROLE`] on executor pods.
pub const ROLE_EXECUTOR: &str = "executor";
/// Value of [`SPARK_ROLE`] on the server pod of a SparkConnect.
pub const ROLE_CONNECT_SERVER: &str = "connect-server";
/// Spark's application id (`spark.app.id`).
pub const SPARK_APP_SELECTOR: &str = "spark-app-selector";
/// Name of the application, made fit for a label.
pub const SPARK_APP_NAME: &str = "spark-app-name";
/// Number of the executor, counted from 1.
pub const SPARK_EXEC_ID: &str = "spark-exec-id";
/// Version of Spark the manifest names.
pub const SPARK_VERSION: &str = "spark-version";
/// `"true"` on executor pods that ended and were kept.
pub const SPARK_EXEC_INACTIVE: &str = "spark-exec-inactive";

/// Labels of the application that start so are not copied to its pods: Kueue would queue them twice.
pub const KUEUE_PREFIX: &str = "kueue.x-k8s.io/";

/// Number of the resource profile of an executor.
pub const SPARK_EXEC_RESOURCE_PROFILE: &str = "spark-exec-resourceprofile-id";

/// Labels that Spark gives to its pods itself and refuses from users.
pub const RESERVED_BY_SPARK: [&str; 6] = [
    SPARK_APP_SELECTOR,
    SPARK_APP_NAME,
    SPARK_ROLE,
    SPARK_VERSION,
    SPARK_EXEC_ID,
    SPARK_EXEC_RESOURCE_PROFILE,
];

/// Value of the labels that are switches.
pub const TRUE: &str = "true";

/// Annotation of an application: how long its driver may take to start, such as `15m`.
pub const DRIVER_STARTUP_TIMEOUT: &str = "sparkoperator.k8s.io/driver-startup-timeout";
