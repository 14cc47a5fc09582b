//! Names, types and labels worked out by hand from the rules of Kubeflow's operator (`DefaultPrometheusConfiguration`).

use super::DEFAULT_EXPORTER;
use regex::Regex;
use serde_json::Value;

/// Name, type and labels.
type Metric = (String, String, Vec<(String, String)>);

/// What the exporter makes of an attribute of a bean. As its README describes: a pattern
/// fits anywhere, the first rule counts, what no name of Prometheus may hold becomes an underscore.
fn exported(attribute: &str) -> Option<Metric> {
    let config: Value = serde_yaml::from_str(DEFAULT_EXPORTER).unwrap();
    assert_eq!(config["lowercaseOutputName"], true);
    config["rules"].as_array().unwrap().iter().find_map(|rule| {
        let pattern = Regex::new(&format!("^.*(?:{}).*$", rule["pattern"].as_str().unwrap())).unwrap();
        let found = pattern.captures(attribute)?;
        let filled = |template: &Value| {
            let groups = (1..found.len()).rev().fold(template.as_str().unwrap().to_owned(), |text, group| {
                text.replace(&format!("${group}"), &found[group])
            });
            assert!(!groups.contains('$'), "{groups} names a group that is not there");
            groups
        };
        let name = Regex::new("[^a-z0-9_:]+").unwrap();
        let name = name.replace_all(&filled(&rule["name"]).to_lowercase(), "_").into_owned();
        let labels = rule["labels"].as_object().unwrap().iter();
        let labels = labels.map(|(label, value)| (label.clone(), filled(value))).collect();
        Some((name, rule["type"].as_str().unwrap().to_owned(), labels))
    })
}

const APPLICATION: [(&str, &str); 2] = [("app_id", "pi"), ("app_namespace", "analytics")];

#[test]
fn names_and_types_are_kubeflows_with_every_version_of_spark() {
    for (bean, kind, attribute, name, more) in [
        (
            "driver.DAGScheduler.stage.failedStages",
            "gauges",
            "Value",
            "driver_dagscheduler_stage_failedstages",
            None,
        ),
        (
            "driver.BlockManager.memory.memUsed_MB",
            "gauges",
            "Value",
            "driver_blockmanager_memory_memused_mb",
            None,
        ),
        ("driver.jvm.heap.used", "gauges", "Value", "driver_jvm_heap_used", None),
        (
            "driver.LiveListenerBus.queue.shared.size",
            "gauges",
            "Value",
            "driver_livelistenerbus_queue_shared_size",
            None,
        ),
        (
            "driver.LiveListenerBus.numEventsPosted",
            "counters",
            "Count",
            "driver_livelistenerbus_numeventsposted_count",
            None,
        ),
        (
            "driver.DAGScheduler.messageProcessingTime",
            "timers",
            "Count",
            "driver_dagscheduler_messageprocessingtime_count",
            None,
        ),
        (
            "driver.HiveExternalCatalog.fileCacheHits",
            "counters",
            "Count",
            "driver_hiveexternalcatalog_filecachehits_count",
            None,
        ),
        (
            "driver.CodeGenerator.compilationTime",
            "histograms",
            "Count",
            "driver_codegenerator_compilationtime_count",
            None,
        ),
        (
            "driver.org.example.Words.StreamingMetrics.streaming.lastCompletedBatch_schedulingDelay",
            "gauges",
            "Value",
            "streaming_driver_lastcompletedbatch_schedulingdelay",
            None,
        ),
        (
            "driver.spark.streaming.late.orders.inputRate-total",
            "gauges",
            "Value",
            "structured_streaming_driver_inputrate_total",
            Some(("query_name", "late.orders")),
        ),
        (
            "1.executor.threadpool.activeTasks",
            "gauges",
            "Value",
            "executor_threadpool_activetasks",
            Some(("executor_id", "1")),
        ),
        (
            "12.executor.bytesRead",
            "counters",
            "Count",
            "executor_bytesread_count",
            Some(("executor_id", "12")),
        ),
        (
            "12.jvm.pools.Metaspace.used",
            "gauges",
            "Value",
            "executor_jvm_pools_metaspace_used",
            Some(("executor_id", "12")),
        ),
        (
            "1.NettyBlockTransfer.shuffle-client.usedDirectMemory",
            "gauges",
            "Value",
            "executor_nettyblocktransfer_shuffle_client_useddirectmemory",
            Some(("executor_id", "1")),
        ),
        (
            "1.HiveExternalCatalog.partitionsFetched",
            "counters",
            "Count",
            "executor_hiveexternalcatalog_partitionsfetched_count",
            Some(("executor_id", "1")),
        ),
        (
            "1.CodeGenerator.generatedMethodSize",
            "histograms",
            "Count",
            "executor_codegenerator_generatedmethodsize_count",
            Some(("executor_id", "1")),
        ),
    ] {
        let type_ = if attribute == "Count" { "COUNTER" } else { "GAUGE" };
        let mut labels: Vec<(String, String)> = APPLICATION
            .iter()
            .copied()
            .chain(more)
            .map(|(label, value)| (label.into(), value.into()))
            .collect();
        labels.sort();
        // Spark 2 had no type in the bean's name.
        for behind in [format!(", type={kind}"), String::new()] {
            let bean = format!("metrics<name=analytics.pi.{bean}{behind}><>{attribute}: 7");
            let mut found = exported(&bean).unwrap_or_else(|| panic!("no rule fits {bean}"));
            found.2.sort();
            assert_eq!(found, (format!("spark_{name}"), type_.to_owned(), labels.clone()), "{bean}");
        }
    }
}

#[test]
fn what_kubeflow_does_not_export_of_timers_and_of_others_beans_is_not_exported() {
    for bean in [
        "metrics<name=analytics.pi.driver.DAGScheduler.messageProcessingTime, type=timers><>Mean: 7",
        "metrics<name=analytics.pi.1.CodeGenerator.compilationTime, type=histograms><>99thPercentile: 7",
        "java.lang<type=Memory><HeapMemoryUsage>used: 7",
    ] {
        assert_eq!(exported(bean), None, "{bean}");
    }
}
