//! Programs with a `SparkContext`, as a user runs them.

use tempfile::TempDir;

use super::python::{err, printed, run_text};

#[test]
fn a_context_does_what_classic_pyspark_does() {
    let folder = TempDir::new().unwrap();
    let text = r#"
import operator
from pyspark import SparkConf, SparkContext, TaskContext
from pyspark.sql import Row, SparkSession

sc = SparkContext(conf=SparkConf().setMaster("local[2]").setAppName("rdds"))
factor, seen = sc.broadcast({"a": 10, "b": 100}), sc.accumulator(0)

def scaled(pair):
    seen.add(1)
    return pair[0], pair[1] * factor.value[pair[0]]

pairs = sc.parallelize([("a", 1), ("b", 2), ("a", 3)], 3).map(scaled)
print(sorted(pairs.reduceByKey(operator.add).collect()), seen.value)
placed = sc.parallelize(range(8), 2).keyBy(lambda n: n).partitionBy(3, lambda n: n)
print(placed.values().glom().collect())
kept = placed.mapPartitionsWithIndex(lambda index, part: [(index, len(list(part)))]).cache()
print(kept.collect(), kept.union(kept).count(), kept.getNumPartitions())
print(sorted(pairs.join(sc.parallelize([("b", "x")])).collect()))
print(sc.parallelize(range(100), 20).filter(lambda n: n > 90).take(3))

spark = SparkSession(sc)
frame = spark.range(0, 6, 1, 3)
print(frame.rdd.map(lambda row: row.id).glom().collect(), frame.rdd.getNumPartitions())
print(sc.parallelize([Row(id=1, name="x")]).toDF().collect())

sc.setLocalProperty("color", "red")
print(sc.parallelize([1], 1).map(lambda _: TaskContext.get().getLocalProperty("color")).collect())
print(sc.defaultParallelism > 0, sc.applicationId != "", len(sc.getExecutorMemoryStatus()) >= 1)
sc.setLogLevel("ERROR")
"#;
    let output = run_text(&folder, text, "");
    assert_eq!(
        printed(&output),
        "[('a', 40), ('b', 200)] 3
[[0, 3, 6], [1, 4, 7], [2, 5]]
[(0, 3), (1, 3), (2, 2)] 6 3
[('b', (200, 'x'))]
[91, 92, 93]
[[0, 1], [2, 3], [4, 5]] 3
[Row(id=1, name='x')]
['red']
True True True
"
    );
}

#[test]
fn what_a_task_raises_is_told_with_the_programs_own_lines() {
    let folder = TempDir::new().unwrap();
    let text = r#"
from pyspark.sql import SparkSession
sc = SparkSession.builder.getOrCreate().sparkContext
def divide(n):
    return 1 // n
try:
    sc.parallelize([1]).map(lambda n: sc.parallelize([n]).count()).collect()
except Exception as error:
    print(type(error).__name__, "CONTEXT_ONLY_VALID_ON_DRIVER" in str(error))
sc.parallelize([1, 0]).map(divide).collect()
"#;
    let output = run_text(&folder, text, "");
    assert!(!output.status.success());
    let told = err(&output);
    assert!(told.contains("return 1 // n") && told.contains("ZeroDivisionError"), "{told}");
    // As on Spark's local master, which tries nothing again.
    assert!(told.contains("in stage 0.0 failed 1 times, most recent failure: Lost task "), "{told}");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "PicklingError True\n");
}

#[test]
fn a_result_is_refused_once_it_is_too_large_and_not_at_the_end_of_the_job() {
    let folder = TempDir::new().unwrap();
    let text = r#"
import os, time
from pyspark import SparkConf, SparkContext
sc = SparkContext(conf=SparkConf().set("spark.driver.maxResultSize", "10k"))

def made(n):
    if n == 2:
        time.sleep(3600)
    return os.urandom(8000)

try:
    sc.parallelize(range(3), 3).map(made).collect()
except Exception as error:
    told = str(error)
    print("of 2 tasks (" in told, "is bigger than spark.driver.maxResultSize (10.0 KiB)" in told)
"#;
    let output = run_text(&folder, text, "");
    assert_eq!(printed(&output), "True True\n");
}

#[test]
fn rows_of_a_small_shuffled_frame_are_in_all_the_partitions_that_are_counted() {
    let folder = TempDir::new().unwrap();
    let text = r#"
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
rows = spark.createDataFrame([(i,) for i in range(50)], "k int").groupBy("k").count().rdd
print(rows.getNumPartitions() == len(rows.glom().collect()), len(rows.take(50)), rows.isEmpty())
print([index for _, index in rows.zipWithIndex().collect()] == list(range(50)))
"#;
    assert_eq!(printed(&run_text(&folder, text, "")), "True 50 False\nTrue\n");
}

#[test]
fn shuffles_of_no_partitions_are_empty() {
    let folder = TempDir::new().unwrap();
    let text = r"from operator import add
from pyspark import SparkContext
sc = SparkContext()
empty = sc.emptyRDD()
print(empty.distinct().count(), empty.map(lambda x: (x, 1)).reduceByKey(add).collect(), empty.sortBy(abs).collect())
print(empty.keyBy(abs).join(empty.keyBy(abs)).collect(), empty.distinct().getNumPartitions())
";
    assert_eq!(printed(&run_text(&folder, text, "")), "0 [] []\n[] 0\n");
}

/// Each round uses the last one's rows twice: what grows with their history doubles, and would not end.
#[test]
fn rounds_over_kept_elements_do_not_grow_with_their_history() {
    let folder = TempDir::new().unwrap();
    let text = r"from pyspark import SparkContext
sc = SparkContext()
paths = edges = sc.parallelize([(n, n + 1) for n in range(24)], 2).cache()
turned = edges.map(lambda edge: (edge[1], edge[0]))
for _ in range(23):
    longer = paths.join(turned, 2).map(lambda path: (path[1][1], path[1][0]))
    paths = paths.union(longer).distinct(2).cache()
    paths.count()
print(paths.count(), 24 * 25 // 2)
";
    assert_eq!(printed(&run_text(&folder, text, "")), "300 300\n");
}

#[test]
fn a_local_checkpoint_stays_on_the_executors() {
    let folder = TempDir::new().unwrap();
    let text = r#"
import shutil, tempfile
from pyspark.sql import SparkSession
spark = SparkSession.builder.config("spark.driver.maxResultSize", "1m").getOrCreate()
wide = spark.range(0, 1000000, 1, 4).localCheckpoint()
print(wide.count(), wide.rdd.getNumPartitions())
path = tempfile.mkdtemp() + "/once"
spark.range(10).write.parquet(path)
lazy = spark.read.parquet(path).localCheckpoint(eager=False)
print(lazy.count())
shutil.rmtree(path)
print(lazy.count(), lazy.join(lazy, "id").agg({"id": "sum"}).collect())
"#;
    let spec = "sparkConf: {spark.driver.maxResultSize: 1m}";
    assert_eq!(printed(&run_text(&folder, text, spec)), "1000000 4\n10\n10 [Row(sum(id)=45)]\n");
}
