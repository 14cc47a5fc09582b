//! Metrics of the executors in Prometheus' text format, named as Spark names them.
//!
//! Source: Spark's monitoring guide, "Executor Metrics" and the endpoint `/metrics/executors/prometheus`.

use std::fmt::Write;

use cerium_conf::SPARK_VERSION;

use crate::scheduler::{ClusterLoad, ExecutorRecord, Report};

/// One line for each metric of each executor that is there.
pub fn executors(id: &str, name: &str, report: &Report, load: &ClusterLoad) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "spark_info{{version=\"{}\", revision=\"{}\"}} 1.0",
        SPARK_VERSION,
        env!("CARGO_PKG_VERSION")
    );
    for executor in report.executors.iter().filter(|executor| executor.removed.is_none()) {
        let labels = format!(
            "{{application_id=\"{}\", application_name=\"{}\", executor_id=\"{}\"}}",
            escaped(id),
            escaped(name),
            escaped(&executor.id)
        );
        for (metric, value) in of(executor, load.running_tasks_of(&executor.id)) {
            let _ = writeln!(text, "metrics_executor_{metric}{labels} {value}");
        }
    }
    text
}

fn of(executor: &ExecutorRecord, active: usize) -> [(&'static str, String); 7] {
    let work = &executor.work;
    [
        ("totalCores", executor.slots.to_string()),
        ("maxTasks", executor.slots.to_string()),
        ("activeTasks", active.to_string()),
        ("completedTasks_total", work.tasks.to_string()),
        ("totalDuration_seconds_total", (work.run_ms as f64 / 1000.0).to_string()),
        ("totalShuffleWrite_bytes_total", work.written_bytes.to_string()),
        ("ProcessTreeOtherRSSMemory_bytes", executor.peak_memory.to_string()),
    ]
}

/// A label's value: backslashes, quotes and line ends escaped.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::scheduler::{ExecutorLoad, ExecutorWork};

    #[test]
    fn each_executor_that_is_there_has_its_lines() {
        let executor = |id: &str, removed| ExecutorRecord {
            id: id.into(),
            address: "10.0.0.1:7079".into(),
            slots: 2,
            added: Timestamp::UNIX_EPOCH,
            removed,
            peak_memory: 1024,
            work: ExecutorWork { tasks: 3, run_ms: 1500, written_bytes: 7 },
        };
        let executors_of = vec![executor("1", Some(Timestamp::UNIX_EPOCH)), executor("2", None)];
        let report = Report { executors: executors_of, ..Report::default() };
        let running = ExecutorLoad { id: "2".into(), slots: 2, running_tasks: 1, holds_shuffle: false };
        let load = ClusterLoad { executors: vec![running], ..ClusterLoad::default() };
        let text = executors("spark-1", "a \"b\"", &report, &load);
        let labels = r#"{application_id="spark-1", application_name="a \"b\"", executor_id="2"}"#;
        for line in ["activeTasks", "completedTasks_total", "totalDuration_seconds_total"]
            .into_iter()
            .zip(["1", "3", "1.5"])
        {
            let line = format!("metrics_executor_{}{labels} {}", line.0, line.1);
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert!(!text.contains("executor_id=\"1\""));
    }
}
