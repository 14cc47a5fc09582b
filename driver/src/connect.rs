//! The Spark Connect server.

/// The service that `build.rs` writes.
pub mod service {
    #![expect(missing_docs, clippy::pedantic, reason = "generated code")]
    include!(concat!(env!("OUT_DIR"), "/spark.connect.SparkConnectService.rs"));
}
