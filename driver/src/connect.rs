//! The Spark Connect server.

/// The service that `build.rs` writes.
pub mod service {
    #![expect(clippy::allow_attributes, clippy::default_trait_access, reason = "generated code")]
    include!(concat!(env!("OUT_DIR"), "/spark.connect.SparkConnectService.rs"));
}
