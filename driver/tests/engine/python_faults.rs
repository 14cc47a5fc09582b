//! Python functions that break their worker: the task fails and says why, the executor goes on.

use tempfile::TempDir;

use crate::python::{printed, run_text};

/// A program that prints how a function fails, and that the executor is still there.
fn failure(function: &str, conf: &str) -> String {
    let folder = TempDir::new().unwrap();
    let program = format!(
        "
import os, time
from pyspark.sql import SparkSession
from pyspark.sql.functions import udf
spark = SparkSession.builder.getOrCreate()
@udf('long')
def broken(x):
    {function}
try:
    spark.range(1).select(broken('id')).collect()
    print('no error')
except Exception as error:
    print(type(error).__name__, str(error))
print('after:', spark.range(3).select(udf(lambda x: x + 1, 'long')('id')).collect()[2][0])
"
    );
    let output = run_text(&folder, &program, &format!("  sparkConf: {{{conf}}}"));
    printed(&output)
}

#[test]
fn a_worker_that_ends_fails_its_task_alone() {
    let told = failure("os._exit(3)", "");
    assert!(told.starts_with("SparkException "), "{told}");
    assert!(told.contains("Python worker exited unexpectedly (crashed). Consider setting"), "{told}");
    assert!(told.ends_with("after: 3\n"), "{told}");
}

#[test]
fn a_crash_leaves_a_traceback_where_it_is_asked_for() {
    let conf = "spark.python.worker.faulthandler.enabled: 'true'";
    let told = failure("import ctypes; return ctypes.string_at(0)", conf);
    assert!(told.contains("Python worker exited unexpectedly (crashed): Fatal Python error"), "{told}");
    assert!(told.contains("Segmentation fault"), "{told}");
    assert!(told.ends_with("after: 3\n"), "{told}");
}

#[test]
fn a_worker_without_an_end_is_killed_in_time() {
    let conf = "spark.python.worker.idleTimeoutSeconds: 1s, spark.python.worker.killOnIdleTimeout: 'true'";
    let told = failure("while True: time.sleep(0.1)", conf);
    let words = "Python worker process terminated due to idle timeout (timeout: 1 seconds)";
    assert!(told.contains(words), "{told}");
    assert!(told.ends_with("after: 3\n"), "{told}");
}

#[test]
fn memory_above_the_limit_is_an_error_of_the_function() {
    let told = failure("return len(bytearray(3 << 30))", "spark.executor.pyspark.memory: 2g");
    assert!(told.starts_with("PythonException "), "{told}");
    assert!(told.contains("MemoryError\nA Python worker may use 2048 MiB"), "{told}");
    assert!(told.ends_with("after: 3\n"), "{told}");
}

/// The process of each of three tasks, one after another.
fn workers(conf: &str) -> Vec<String> {
    let folder = TempDir::new().unwrap();
    let program = "
import os
from pyspark.sql import SparkSession
from pyspark.sql.functions import udf
spark = SparkSession.builder.getOrCreate()
who = udf(lambda x: os.getpid(), 'long')
for _ in range(3):
    print(spark.range(1).select(who('id')).collect()[0][0])
";
    let output = run_text(&folder, program, &format!("  sparkConf: {{{conf}}}"));
    printed(&output).lines().map(str::to_owned).collect()
}

#[test]
fn a_worker_does_the_next_task_unless_told_otherwise() {
    let mut reused = workers("");
    reused.dedup();
    assert_eq!(reused.len(), 1, "{reused:?}");
    let mut new = workers("spark.python.worker.reuse: 'false'");
    assert_eq!(new.len(), 3, "{new:?}");
    new.dedup();
    assert_eq!(new.len(), 3, "{new:?}");
}

#[test]
fn functions_in_each_other_do_not_exhaust_the_stack() {
    let folder = TempDir::new().unwrap();
    let program = "
from pyspark.sql import SparkSession
from pyspark.sql.functions import col, pandas_udf, udf
spark = SparkSession.builder.getOrCreate()
plain = udf(lambda x: x + 1, 'long')
vectorised = pandas_udf(lambda x: x + 1, 'long')
value = col('id')
for _ in range(10):
    value = vectorised(plain(value))
print(spark.range(1).select(value).collect()[0][0])
";
    assert_eq!(printed(&run_text(&folder, program, "")), "20\n");
}
