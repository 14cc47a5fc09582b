//! What the end-to-end tests stand on: a cluster, a namespace for each test, and Cerium as a user installs it.

pub mod application;
pub mod cluster;
pub mod examples;
pub mod flights;
pub mod kubeflow;
pub mod operator;
pub mod python;
pub mod s3;
pub mod scope;
pub mod tunnel;
pub mod wait;
pub mod watch;
