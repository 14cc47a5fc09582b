//! Paths in the containers.

/// Root of the engine: its programs, their loader and C library.
pub const ENGINE: &str = "/opt/cerium";
/// Where the init container finds the volume it copies the engine to.
pub const ENGINE_INSTALL: &str = "/opt/cerium-engine";
/// The loader every program of ours is started by.
pub const LOADER: &str = "/opt/cerium/lib/ld.so";
/// The libraries the loader is pointed to.
pub const LIBRARIES: &str = "/opt/cerium/lib";
/// The driver program.
pub const DRIVER: &str = "/opt/cerium/bin/cerium-driver";
/// The executor program.
pub const EXECUTOR: &str = "/opt/cerium/bin/cerium-executor";
/// Directory of the driver's configuration.
pub const SPARK_CONF_DIR: &str = "/opt/spark/conf";
/// The properties of the application.
pub const SPARK_PROPERTIES: &str = "/opt/spark/conf/spark.properties";
/// Key of the properties in the driver's ConfigMap.
pub const SPARK_PROPERTIES_KEY: &str = "spark.properties";
/// Key of the executor pod's template in the driver's ConfigMap.
pub const EXECUTOR_POD_KEY: &str = "executor-pod.yaml";
/// Key of the executors' template in its ConfigMap, on Spark's own engine.
pub const POD_TEMPLATE_KEY: &str = "podspec-configmap-key";
/// Where Spark's own driver finds the folder of that template.
pub const POD_TEMPLATE_DIR: &str = "/opt/spark/pod-template";
/// The file of that template.
pub const POD_TEMPLATE_FILE: &str = "pod-spec-template.yml";
/// Where `spec.sparkConfigMap` is mounted.
pub const USER_SPARK_CONF_DIR: &str = "/etc/spark/conf";
/// Where `spec.hadoopConfigMap` is mounted.
pub const HADOOP_CONF_DIR: &str = "/etc/hadoop/conf";
/// Scratch directory when the manifest names none.
pub const LOCAL_DIR: &str = "/var/data/spark-local-dir-1";
