//! Port numbers and names of driver and executor containers and of the Services before them.

/// The driver's port for executors (`spark.driver.port`).
pub const DRIVER_RPC: u16 = 7078;
/// The port from which shuffle data is fetched (`spark.blockManager.port`).
pub const BLOCK_MANAGER: u16 = 7079;
/// The executor's port for tasks.
pub const EXECUTOR_GRPC: u16 = 7080;
/// The driver's web UI (`spark.ui.port`).
pub const SPARK_UI: u16 = 4040;

/// The driver's Spark Connect server (`spark.connect.grpc.binding.port`).
pub const SPARK_CONNECT: u16 = 15002;

/// Name of [`DRIVER_RPC`].
pub const DRIVER_RPC_NAME: &str = "driver-rpc-port";
/// Name of [`BLOCK_MANAGER`].
pub const BLOCK_MANAGER_NAME: &str = "blockmanager";
/// Name of [`EXECUTOR_GRPC`].
pub const EXECUTOR_GRPC_NAME: &str = "executor-grpc";
/// Name of [`SPARK_UI`] on the driver container.
pub const SPARK_UI_NAME: &str = "spark-ui";
/// Name of [`SPARK_CONNECT`] on the driver container.
pub const SPARK_CONNECT_NAME: &str = "spark-connect";
