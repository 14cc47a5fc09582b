//! Keys of the Spark Connect server.

use crate::size::ByteSize;
use crate::time::SparkDuration;

keys! {
    "Spark Connect";

    /// Port of the Spark Connect server; 0: any free port.
    CONNECT_PORT: u16 = PORT, "spark.connect.grpc.binding.port", "15002", "3.4.0", Start;
    /// Address the Spark Connect server listens at. Default: 127.0.0.1 beside a program, else all addresses.
    CONNECT_ADDRESS: String = NAME, "spark.connect.grpc.binding.address", none, "4.0.0", Start;
    /// Largest message taken from a client.
    CONNECT_MAX_INBOUND_MESSAGE_SIZE: ByteSize = BYTES, "spark.connect.grpc.maxInboundMessageSize", "128m", "3.4.0", Start;
    /// Largest plan once unpacked.
    CONNECT_MAX_PLAN_SIZE: ByteSize = BYTES, "spark.connect.maxPlanSize", "512m", "4.1.0", Start;
    /// Time without a request after which a session ends; `-1`: never.
    CONNECT_SESSION_TIMEOUT: Option<SparkDuration> = TIMEOUT, "spark.connect.session.manager.defaultSessionTimeout", "60m", "4.0.0", Start;
    /// Time after which an execution ends that no client reads from; `-1`: never.
    CONNECT_EXECUTE_DETACHED_TIMEOUT: Option<SparkDuration> = TIMEOUT, "spark.connect.execute.manager.detachedTimeout", "5m", "3.5.0", Start;
    /// Bytes of responses already sent that are kept for a client that comes back.
    CONNECT_RETRY_BUFFER_SIZE: ByteSize = BYTES, "spark.connect.execute.reattachable.observerRetryBufferSize", "10m", "3.5.0", Start;
    /// Time between two reports of a query's progress; 0: none are made.
    CONNECT_PROGRESS_REPORT_INTERVAL: SparkDuration = MILLIS, "spark.connect.progress.reportInterval", "2s", "4.0.0", Start;
}
