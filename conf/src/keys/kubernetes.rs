//! Keys of the pods.

use crate::time::SparkDuration;

keys! {
    "Kubernetes";

    /// Namespace of the pods; that of the SparkApplication.
    KUBERNETES_NAMESPACE: String = NAME, "spark.kubernetes.namespace", "default", "2.3.0", Submission;
    /// Image of driver and executors. Set by `spec.image`.
    KUBERNETES_CONTAINER_IMAGE: String = NAME, "spark.kubernetes.container.image", none, "2.3.0", Submission;
    /// Image of the driver. Set by `spec.driver.image`.
    KUBERNETES_DRIVER_CONTAINER_IMAGE: String = NAME, "spark.kubernetes.driver.container.image", none, "2.3.0", Submission;
    /// Image of the executors. Set by `spec.executor.image`.
    KUBERNETES_EXECUTOR_CONTAINER_IMAGE: String = NAME, "spark.kubernetes.executor.container.image", none, "2.3.0", Submission;
    /// Pull policy of the images: Always, IfNotPresent or Never.
    KUBERNETES_CONTAINER_IMAGE_PULL_POLICY: String = NAME, "spark.kubernetes.container.image.pullPolicy", "IfNotPresent", "2.3.0", Submission;
    /// Names of the secrets with which images are pulled, separated by commas.
    KUBERNETES_CONTAINER_IMAGE_PULL_SECRETS: Vec<String> = LIST, "spark.kubernetes.container.image.pullSecrets", "", "2.4.0", Submission;
    /// Name of the driver pod.
    KUBERNETES_DRIVER_POD_NAME: String = NAME, "spark.kubernetes.driver.pod.name", none, "2.3.0", Submission;
    /// What the names of executor pods start with. Default: the application's name and a number that
    /// differs from run to run.
    KUBERNETES_EXECUTOR_POD_NAME_PREFIX: String = NAME, "spark.kubernetes.executor.podNamePrefix", none, "2.3.0", Submission;
    /// CPU request of the driver, a Kubernetes quantity. Default: `spark.driver.cores`.
    KUBERNETES_DRIVER_REQUEST_CORES: String = NAME, "spark.kubernetes.driver.request.cores", none, "3.0.0", Submission;
    /// CPU limit of the driver, a Kubernetes quantity. Default: none.
    KUBERNETES_DRIVER_LIMIT_CORES: String = NAME, "spark.kubernetes.driver.limit.cores", none, "2.3.0", Submission;
    /// CPU request of an executor, a Kubernetes quantity. Default: `spark.executor.cores`.
    KUBERNETES_EXECUTOR_REQUEST_CORES: String = NAME, "spark.kubernetes.executor.request.cores", none, "2.4.0", Submission;
    /// CPU limit of an executor, a Kubernetes quantity. Default: none.
    KUBERNETES_EXECUTOR_LIMIT_CORES: String = NAME, "spark.kubernetes.executor.limit.cores", none, "2.3.0", Submission;
    /// Share of the memory added to each pod as overhead. Default: 0.4 for Python and R programs, 0.1 for
    /// others; SQL programs run on the native engine alone and count among the others.
    KUBERNETES_MEMORY_OVERHEAD_FACTOR: f64 = FACTOR, "spark.kubernetes.memoryOverheadFactor", none, "2.4.0", Submission;
    /// Service account of the driver. Set by `spec.driver.serviceAccount`.
    KUBERNETES_DRIVER_SERVICE_ACCOUNT: String = NAME, "spark.kubernetes.authenticate.driver.serviceAccountName", none, "2.3.0", Submission;
    /// Service account of the executors. Default: the driver's. Set by `spec.executor.serviceAccount`.
    KUBERNETES_EXECUTOR_SERVICE_ACCOUNT: String = NAME, "spark.kubernetes.authenticate.executor.serviceAccountName", none, "3.1.0", Submission;
    /// Scheduler of driver and executor pods.
    KUBERNETES_SCHEDULER_NAME: String = NAME, "spark.kubernetes.scheduler.name", none, "3.3.0", Submission;
    /// Scheduler of the driver pod.
    KUBERNETES_DRIVER_SCHEDULER_NAME: String = NAME, "spark.kubernetes.driver.scheduler.name", none, "3.3.0", Submission;
    /// Scheduler of executor pods.
    KUBERNETES_EXECUTOR_SCHEDULER_NAME: String = NAME, "spark.kubernetes.executor.scheduler.name", none, "3.0.0", Submission;
    /// Whether executor pods are deleted when they end.
    KUBERNETES_EXECUTOR_DELETE_ON_TERMINATION: bool = BOOL, "spark.kubernetes.executor.deleteOnTermination", "true", "3.0.0", Start;
    /// Time an executor pod gets to end by itself when it is deleted.
    KUBERNETES_EXECUTOR_TERMINATION_GRACE_PERIOD: SparkDuration = SECONDS, "spark.kubernetes.executor.terminationGracePeriodSeconds", "30s", "4.1.0", Submission;
    /// Whether scratch volumes are kept in memory.
    KUBERNETES_LOCAL_DIRS_TMPFS: bool = BOOL, "spark.kubernetes.local.dirs.tmpfs", "false", "2.4.0", Submission;
    /// Number of executor pods requested at once.
    KUBERNETES_ALLOCATION_BATCH_SIZE: u32 = POSITIVE, "spark.kubernetes.allocation.batch.size", "10", "2.3.0", Start;
    /// Time between two requests for executor pods.
    KUBERNETES_ALLOCATION_BATCH_DELAY: SparkDuration = MILLIS, "spark.kubernetes.allocation.batch.delay", "1s", "2.3.0", Start;
    /// Time after which an executor pod that was requested and not seen is requested again.
    KUBERNETES_ALLOCATION_EXECUTOR_TIMEOUT: SparkDuration = MILLIS, "spark.kubernetes.allocation.executor.timeout", "600s", "3.1.0", NotYet;

    prefixes
    /// Label of the driver pod.
    KUBERNETES_DRIVER_LABEL = "spark.kubernetes.driver.label.", "2.3.0", Submission;
    /// Annotation of the driver pod.
    KUBERNETES_DRIVER_ANNOTATION = "spark.kubernetes.driver.annotation.", "2.3.0", Submission;
    /// Label of executor pods.
    KUBERNETES_EXECUTOR_LABEL = "spark.kubernetes.executor.label.", "2.3.0", Submission;
    /// Annotation of executor pods.
    KUBERNETES_EXECUTOR_ANNOTATION = "spark.kubernetes.executor.annotation.", "2.3.0", Submission;
    /// Environment variable of the driver.
    KUBERNETES_DRIVER_ENV = "spark.kubernetes.driverEnv.", "2.3.0", Submission;
    /// Secret mounted into the driver: `<secret>=<directory>`.
    KUBERNETES_DRIVER_SECRETS = "spark.kubernetes.driver.secrets.", "2.3.0", Submission;
    /// Secret mounted into the executors: `<secret>=<directory>`.
    KUBERNETES_EXECUTOR_SECRETS = "spark.kubernetes.executor.secrets.", "2.3.0", Submission;
    /// Environment variable of the driver from a Secret: `<variable>=<secret>:<key>`.
    KUBERNETES_DRIVER_SECRET_KEY_REF = "spark.kubernetes.driver.secretKeyRef.", "2.4.0", Submission;
    /// Environment variable of the executors from a Secret: `<variable>=<secret>:<key>`.
    KUBERNETES_EXECUTOR_SECRET_KEY_REF = "spark.kubernetes.executor.secretKeyRef.", "2.4.0", Submission;
    /// Volume of the driver pod: `<type>.<name>.mount.path`, `.mount.subPath`, `.mount.readOnly` and
    /// `.options.<option>`. Types are emptyDir, hostPath, nfs and persistentVolumeClaim; with the claim name
    /// `OnDemand` each pod gets a claim of its own, of `storageClass` and `sizeLimit`, that goes with the pod.
    KUBERNETES_DRIVER_VOLUMES = "spark.kubernetes.driver.volumes.", "2.4.0", Submission;
    /// Volume of the executor pods, said in the same way.
    KUBERNETES_EXECUTOR_VOLUMES = "spark.kubernetes.executor.volumes.", "2.4.0", Submission;
    /// Node label that driver and executor pods require.
    KUBERNETES_NODE_SELECTOR = "spark.kubernetes.node.selector.", "2.3.0", Submission;
    /// Node label that the driver pod requires.
    KUBERNETES_DRIVER_NODE_SELECTOR = "spark.kubernetes.driver.node.selector.", "3.3.0", Submission;
    /// Node label that executor pods require.
    KUBERNETES_EXECUTOR_NODE_SELECTOR = "spark.kubernetes.executor.node.selector.", "3.3.0", Submission;
}
