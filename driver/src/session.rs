//! What lies below a session of the application: partitions, join thresholds and file systems, as its
//! conf says them.

use std::sync::Arc;

use cerium_conf::SparkConf;
use cerium_engine::object_stores::ObjectStores;
use cerium_engine::{python, session};
use cerium_spark::error::SparkError;
use cerium_spark::python::analyze::{AnalyzeCall, Analyzed};
use cerium_spark::session::{Engine, bad_conf};
use cerium_spark::spark_options::SparkOptions;
use datafusion::execution::SessionState;
use datafusion::prelude::SessionConfig;
use tokio::runtime::{Handle, RuntimeFlavor};

use crate::parallelism::parallelism;
use crate::settings;

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

    fn is_final(&self, key: &str) -> bool {
        settings::is_final(key)
    }

    fn analyze(&self, state: &SessionState, call: &AnalyzeCall<'_>) -> Result<Analyzed, SparkError> {
        let conf = SparkOptions::of(state.config());
        // Planning waits on this thread, be it one of a runtime or not; what it waits for has a runtime
        // of its own, which nothing else that waits can hold up.
        let asked = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.map_err(SparkError::internal)?.block_on(python::analyze(&conf, call))
        };
        let wait = || std::thread::scope(|scope| scope.spawn(asked).join());
        // It waits for files that this runtime serves: a thread that just waits may be the one that watches
        // the runtime's connections, and no other would do so in its place.
        let answer = match Handle::try_current().map(|handle| handle.runtime_flavor()) {
            Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(wait),
            _ => wait(),
        };
        answer.unwrap_or_else(|_| Err(SparkError::internal("asking a table function panicked")))
    }
}
