//! What lies below a session of the application: partitions, join thresholds and file systems, as its
//! conf says them.

use std::sync::Arc;

use cerium_conf::SparkConf;
use cerium_engine::object_stores::ObjectStores;
use cerium_engine::session;
use cerium_spark::error::SparkError;
use cerium_spark::session::{Engine, bad_conf};
use datafusion::prelude::SessionConfig;

use crate::parallelism::parallelism;

/// The engine as one session sees it.
#[derive(Debug)]
pub struct SessionEngine {
    stores: Arc<ObjectStores>,
}

impl SessionEngine {
    /// With the stores that the session's plans read in the driver.
    pub fn new(stores: Arc<ObjectStores>) -> Self {
        Self { stores }
    }
}

impl Engine for SessionEngine {
    fn configure(&self, conf: &SparkConf, config: &mut SessionConfig) -> Result<(), SparkError> {
        self.stores.reconfigure(conf);
        session::reconfigure(config, conf, parallelism(conf).map_err(bad_conf)?).map_err(bad_conf)
    }
}
