//! The contract of Cerium with Kubernetes, shared by operator and driver: the three kinds of
//! `sparkoperator.k8s.io`, the names and labels of what is made for them, and the way from a manifest to Spark
//! properties and pod sizes.
//!
//! Nothing here talks to a cluster, reads a clock or makes up a random number.

pub mod admission;
pub mod application;
pub mod conditions;
pub mod connect;
pub mod defaults;
pub mod engine;
pub mod events;
pub mod fingerprint;
#[cfg(test)]
mod fixtures;
pub mod labels;
pub mod memory;
pub mod migration;
pub mod names;
pub mod plan;
pub mod progress;
pub mod quantity;
pub mod refusals;
pub mod scale;
pub mod scheduled;
mod schema;
pub mod spark_conf;
pub mod states;
pub mod validate;

pub use application::{SparkApplication, SparkApplicationSpec, SparkApplicationStatus};
pub use connect::{SparkConnect, SparkConnectSpec, SparkConnectStatus};
pub use engine::Engine;
pub use plan::ValidatedApplication;
pub use scheduled::{
    ScheduledSparkApplication, ScheduledSparkApplicationSpec, ScheduledSparkApplicationStatus,
};
pub use schema::{SchemaError, definitions, generated_files, generated_yaml};
pub use spark_conf::spark_conf;
pub use states::{ApplicationStateType, DriverState, ExecutorState};
pub use validate::{FieldError, Invalid, driver_pod_name, validate, validate_for};

/// API group of the three kinds.
pub const GROUP: &str = "sparkoperator.k8s.io";
