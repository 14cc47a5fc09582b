//! The session that driver and executors agree on: functions, settings and the Spark configuration.

use std::path::Path;
use std::sync::Arc;

use ballista_core::config::BALLISTA_SHUFFLE_COMPRESSION_CODEC;
use ballista_core::extension::SessionConfigExt;
use ballista_core::optimizer::ballista_default_optimizer_rules;
use ballista_core::registry::BallistaFunctionRegistry;
use cerium_conf::{ConfError, Key, SparkConf, keys};
use cerium_spark::functions;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::functions::datetime;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::prelude::SessionConfig;
use datafusion_proto::logical_plan::LogicalExtensionCodec;
use datafusion_proto::physical_plan::PhysicalExtensionCodec;
use datafusion_spark::SessionStateBuilderSpark;

use crate::codec::{CeriumLogicalCodec, CeriumPhysicalCodec};
use crate::layout::joins::SparkJoins;
use crate::layout::keep::KeepSorts;
use crate::layout::rule::PlaceLayouts;
use crate::layout::semi::PushSemiJoins;
use crate::object_stores::ObjectStores;
use crate::partition::ExtractPartitionFunctions;
use crate::planner::CeriumQueryPlanner;
use crate::python::{ExtractPythonFunctions, PrunePythonFunctions};
use crate::repartition::rule::PlaceShuffles;
use crate::stage::is_for_executors;
use cerium_spark::spark_options::SparkOptions;

/// Largest gRPC message between driver and executors, in bytes: Spark's `spark.rpc.message.maxSize`.
pub const MAX_MESSAGE_SIZE: u32 = 128 * 1024 * 1024;

/// Brings what the engine reads of a session's conf into the options that its plans are made with.
pub fn reconfigure(
    config: &mut SessionConfig,
    conf: &SparkConf,
    parallelism: usize,
) -> std::result::Result<(), ConfError> {
    let changed = std::mem::take(config).with_target_partitions(parallelism.max(1));
    *config = with_join_thresholds(changed, conf)?;
    Ok(())
}

/// Builds the session state of the driver. `parallelism` is the number of partitions of scans
/// and shuffles, at least 1; `stores` is where it reads and writes.
pub fn new_session_state(
    conf: &SparkConf,
    parallelism: usize,
    stores: Arc<ObjectStores>,
) -> Result<SessionState> {
    let runtime = new_runtime_env(stores, None)?;
    let mut builder = SessionStateBuilder::new().with_default_features().with_spark_features();
    // Of two functions of one name the later counts.
    builder.scalar_functions().get_or_insert_default().extend(functions::all_scalar());
    builder.aggregate_functions().get_or_insert_default().extend(functions::all_aggregate());
    Ok(builder
        .with_config(
            session_config(conf, parallelism).map_err(|error| DataFusionError::External(Box::new(error)))?,
        )
        .with_runtime_env(Arc::new(runtime))
        // Before Python functions, whose arguments may be numbers of rows.
        .with_analyzer_rule(Arc::new(ExtractPartitionFunctions))
        .with_analyzer_rule(Arc::new(ExtractPythonFunctions))
        .with_optimizer_rules(ballista_default_optimizer_rules())
        .with_optimizer_rule(Arc::new(PrunePythonFunctions))
        .with_query_planner(Arc::new(CeriumQueryPlanner))
        .with_physical_optimizer_rules(physical_rules())
        .build())
}

/// DataFusion's rules, with Spark's choice of joins in place of its own, and what comes before and after them.
fn physical_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let joins: Arc<dyn PhysicalOptimizerRule + Send + Sync> = Arc::new(SparkJoins);
    let mut rules = PhysicalOptimizer::new().rules;
    rules.retain(|rule| !is_for_executors(rule.as_ref()));
    for rule in rules.iter_mut().filter(|rule| rule.name() == joins.name()) {
        *rule = Arc::clone(&joins);
    }
    let selection = rules.iter().position(|rule| rule.name() == joins.name()).unwrap_or_default();
    rules.insert(selection, Arc::new(PushSemiJoins));
    rules.insert(0, Arc::new(KeepSorts));
    rules.push(Arc::new(PlaceShuffles));
    rules.push(Arc::new(PlaceLayouts));
    rules
}

/// Settings of every session. They travel with each task, so the executor runs under those of the driver.
pub fn session_config(conf: &SparkConf, parallelism: usize) -> std::result::Result<SessionConfig, ConfError> {
    // Ballista's base switches off what does not survive being cut into stages: round-robin
    // repartition, physical scalar subqueries, view types, and dynamic filters, which are added within
    // stages instead (`crate::stage`).
    let config = SessionConfig::new_with_ballista()
        .with_target_partitions(parallelism.max(1))
        .set_bool("datafusion.optimizer.enable_dynamic_filter_pushdown", true)
        // A stage whose shuffle was lost is not computed again under Ballista's adaptive
        // planner; the job would hang.
        .with_ballista_adaptive_query_planner(false)
        // A task is a partition, as in Spark; also what the backlog is counted in.
        .set_usize("ballista.scheduler.max_partitions_per_task", 1)
        // Without adaptive planning a sort-merge join would be the only join there is.
        .set_bool("datafusion.optimizer.prefer_hash_join", true)
        .set_str("datafusion.sql_parser.default_null_ordering", "nulls_min")
        .set_usize("ballista.client.grpc_max_message_size", MAX_MESSAGE_SIZE as usize)
        // An executor that is gone is reported by its provider; waiting longer only delays recovery.
        .set_usize("ballista.client.grpc_connect_timeout_seconds", 5)
        .set_usize("ballista.client.io_retry_wait_time_ms", 500)
        .with_option_extension(SparkOptions::new(conf.clone()));
    with_join_thresholds(with_shuffle_compression(config, conf)?, conf)
}

fn with_shuffle_compression(
    config: SessionConfig,
    conf: &SparkConf,
) -> std::result::Result<SessionConfig, ConfError> {
    let compressed = conf.get(&keys::SHUFFLE_COMPRESS)?.unwrap_or(true);
    let codec = conf.get(&keys::IO_COMPRESSION_CODEC)?.name();
    Ok(config.set_str(BALLISTA_SHUFFLE_COMPRESSION_CODEC, if compressed { codec } else { "none" }))
}

fn with_join_thresholds(
    config: SessionConfig,
    conf: &SparkConf,
) -> std::result::Result<SessionConfig, ConfError> {
    // Where the user says nothing, Ballista's larger threshold stays: tables are broadcast by shuffle
    // files, not through the driver's memory.
    if !conf.contains(keys::SQL_AUTO_BROADCAST_JOIN_THRESHOLD.name()) {
        return Ok(config);
    }
    let threshold = conf.get(&keys::SQL_AUTO_BROADCAST_JOIN_THRESHOLD)?.bytes().max(0) as usize;
    Ok(config
        // Without broadcasts an input that a hint calls small still is; it says that it has one byte.
        .with_ballista_broadcast_join_threshold_bytes(threshold.max(2))
        .set_usize("datafusion.optimizer.hash_join_single_partition_threshold", threshold)
        .set_usize("datafusion.optimizer.hash_join_single_partition_threshold_rows", 0))
}

/// The environment of sessions and tasks. Spill files go to `local_dirs`, or to the system's
/// temporary directory where none is given.
pub fn new_runtime_env(stores: Arc<ObjectStores>, local_dirs: Option<&[&Path]>) -> Result<RuntimeEnv> {
    let disk = DiskManagerBuilder::default().with_mode(match local_dirs {
        Some(dirs) => DiskManagerMode::Directories(dirs.iter().map(|dir| dir.to_path_buf()).collect()),
        None => DiskManagerMode::OsTmpDirectory,
    });
    RuntimeEnvBuilder::new().with_disk_manager_builder(disk).with_object_store_registry(stores).build()
}

/// The functions an executor can run: exactly those the driver plans with.
///
/// Ballista's own default registry lacks the nested functions (`array_*`, `map_*`).
pub fn function_registry(state: &SessionState) -> BallistaFunctionRegistry {
    let mut registry = BallistaFunctionRegistry::from(state);
    // Tasks name functions, and planning has made DataFusion's functions of Spark's of the same name,
    // which cannot be run themselves.
    for function in [datetime::date_part(), datetime::date_trunc()] {
        registry.scalar_functions.insert(function.name().to_owned(), function);
    }
    registry
}

/// How logical and physical plans cross the wire.
pub fn codecs() -> (Arc<dyn LogicalExtensionCodec>, Arc<dyn PhysicalExtensionCodec>) {
    (Arc::new(CeriumLogicalCodec::default()), Arc::new(CeriumPhysicalCodec::default()))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::AsArray;
    use datafusion::arrow::datatypes::Int64Type;
    use datafusion::execution::FunctionRegistry;
    use datafusion::prelude::SessionContext;

    use super::*;

    #[test]
    fn executors_know_every_function_of_the_driver() {
        let state = new_session_state(&SparkConf::new(), 2, Arc::default()).unwrap();
        let registry = function_registry(&state);
        // One each of DataFusion's own, its nested ones and Spark's.
        for name in ["sqrt", "array_distinct", "shiftleft"] {
            assert!(registry.udf(name).is_ok(), "{name}");
        }
        assert_eq!(registry.udfs(), state.scalar_functions().keys().cloned().collect());
    }

    #[test]
    fn executors_run_what_planning_makes_of_functions_of_the_same_name() {
        let state = new_session_state(&SparkConf::new(), 2, Arc::default()).unwrap();
        let registry = function_registry(&state);
        assert_eq!(registry.udf("date_part").unwrap(), datetime::date_part());
        assert_eq!(registry.udf("date_trunc").unwrap(), datetime::date_trunc());
    }

    #[test]
    fn broadcasts_can_be_switched_off() {
        let conf: SparkConf = [("spark.sql.autoBroadcastJoinThreshold", "-1")].into_iter().collect();
        let config = session_config(&conf, 2).unwrap();
        assert_eq!(config.ballista_broadcast_join_threshold_bytes(), 2);
        assert_eq!(config.options().optimizer.hash_join_single_partition_threshold, 0);
    }

    #[tokio::test]
    async fn nulls_come_first_ascending_and_last_descending() {
        let context =
            SessionContext::new_with_state(new_session_state(&SparkConf::new(), 2, Arc::default()).unwrap());
        for (order, expected) in [("asc", [None, Some(1), Some(2)]), ("desc", [Some(2), Some(1), None])] {
            let sql = format!("select a from (values (2), (null), (1)) t(a) order by a {order}");
            let batches = context.sql(&sql).await.unwrap().collect().await.unwrap();
            let column = batches[0].column(0).as_primitive::<Int64Type>();
            assert_eq!(column.iter().collect::<Vec<_>>(), expected, "{order}");
        }
    }
}
