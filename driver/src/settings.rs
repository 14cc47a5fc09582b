//! Settings of the application that a program may still give in its session's builder, as Spark's own
//! programs do: they hold from the start of the context, which here is the first job.

use cerium_conf::{Key, keys};

/// What executors are made with.
const OF_EXECUTORS: [&str; 6] = [
    "spark.executor.",
    keys::EXECUTOR_ENV,
    "spark.dynamicAllocation.",
    "spark.kubernetes.executor.",
    "spark.kubernetes.memoryOverheadFactor",
    "spark.memory.offHeap.",
];

/// What Spark lets every session set, though only some of it changes anything in an application that runs.
/// The rest of what Spark's core reads is refused (`spark.conf.set` of each key, tried on Spark 4.1.1).
const OF_SESSIONS: &[&str] = &[
    "spark.sql.",
    "spark.connect.",
    "spark.cerium.",
    "spark.app.",
    keys::HADOOP,
    keys::EXECUTOR_ENV,
    "spark.default.parallelism",
    "spark.local.dir",
    "spark.port.maxRetries",
    "spark.driver.defaultJavaOptions",
    "spark.executor.defaultJavaOptions",
    "spark.jars.",
    "spark.kryo",
    "spark.shuffle.push.",
    "spark.shuffle.service.",
    "spark.kerberos.",
    "spark.scheduler.pool",
    "spark.ssl.",
    "spark.security.credentials.",
    "spark.streaming.",
    "spark.graphx.",
    "spark.files.overwrite",
    "spark.logConf",
    "spark.closure.serializer",
    "spark.appStatusStore.",
    "spark.blacklist.",
    "spark.driver.resource.",
    "spark.r.",
    "spark.repl.",
    "spark.yarn.",
    "spark.mesos.",
    "spark.deploy.",
    "spark.worker.",
];

/// Whether executors are made with this setting.
pub fn is_of_executors(key: &str) -> bool {
    OF_EXECUTORS.iter().any(|prefix| key.starts_with(prefix))
}

/// Whether it is one of the application's that the first session may replace.
pub fn is_of_application(key: &str) -> bool {
    is_final(key)
        || is_of_executors(key)
        || key.starts_with(keys::HADOOP)
        || key == keys::DEFAULT_PARALLELISM.name()
}

/// Whether it is final once the application runs: `spark.conf.set` refuses it then, as Spark does.
pub fn is_final(key: &str) -> bool {
    let known = keys::info(key).is_some() || keys::ignored_reason(key).is_some();
    known && !OF_SESSIONS.iter().any(|open| key.starts_with(open))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_application_was_started_with_is_final() {
        // As Spark 4.1.1 answers `spark.conf.set`.
        for key in ["spark.driver.memory", "spark.task.cpus", "spark.python.worker.reuse", "spark.serializer"]
        {
            assert!(is_final(key), "{key}");
        }
        for key in
            ["spark.eventLog.enabled", "spark.authenticate", "spark.scheduler.mode", "spark.locality.wait"]
        {
            assert!(is_final(key), "{key}");
        }
        for key in [
            "spark.sql.shuffle.partitions",
            "spark.default.parallelism",
            "spark.jars.packages",
            "my.key",
            "spark.scheduler.pool",
            "spark.ssl.enabled",
            "spark.streaming.backpressure.enabled",
            "spark.yarn.queue",
        ] {
            assert!(!is_final(key), "{key}");
        }
        assert!(is_of_application("spark.default.parallelism") && is_of_application("spark.executorEnv.A"));
    }
}
