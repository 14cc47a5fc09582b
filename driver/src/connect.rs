//! The Spark Connect server.

/// The service that `build.rs` writes.
pub mod service {
    #![expect(clippy::allow_attributes, reason = "generated code")]
    include!(concat!(env!("OUT_DIR"), "/spark.connect.SparkConnectService.rs"));
}
