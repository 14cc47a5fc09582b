//! Speed of RDDs, beside Spark's own in the same run.

use serde::Deserialize;

use crate::script::Script;

/// Medians in ms, as the script prints them.
#[derive(Debug, Deserialize)]
pub struct Times {
    pi: f64,
    reduce: f64,
}

/// pi of PySpark's example, and `reduceByKey`.
pub const RDD: Script<Times> = Script {
    part: "rdd",
    path: "bench/rdd.py",
    cerium: |cerium, report| {
        report.add("RDD, pi of 10,000,000 points in 100 partitions", cerium.pi, "ms", None);
        report.add("RDD, reduceByKey of 5,000,000 pairs", cerium.reduce, "ms", None);
    },
    beside: |cerium, spark, report| {
        report.add("Spark local[2], RDD, pi", spark.pi, "ms", None);
        report.add("Spark local[2], RDD, reduceByKey", spark.reduce, "ms", None);
        report.add("RDD, pi, time over Spark's", cerium.pi / spark.pi, "x", Some(1.0));
        report.add("RDD, reduceByKey, time over Spark's", cerium.reduce / spark.reduce, "x", Some(1.0));
    },
};
