//! What a SparkContext and its RDDs need of the engine, seen from Python programs.

use tempfile::TempDir;

use crate::python::{err, printed, run_text};

/// Two executors of one core each.
pub const TWO: &str = "  executor: {instances: 2, cores: 1}";

pub fn run(text: &str, spec: &str) -> (String, String) {
    let folder = TempDir::new().unwrap();
    let start = format!(
        "import os, operator, threading, time
from pyspark.sql import SparkSession
from pyspark.sql.functions import udf
FOLDER = {:?}
spark = SparkSession.builder.getOrCreate()
sc = spark.sparkContext
",
        folder.path().to_str().unwrap()
    );
    let output = run_text(&folder, &(start + text), spec);
    (printed(&output), err(&output))
}

/// Kills the executor of the first task of the last stage: what it held of the shuffle is computed again.
#[test]
fn an_executor_lost_in_mid_shuffle_costs_neither_rows_nor_counts() {
    let (out, _) = run(
        "
mapped, reduced = sc.accumulator(0), sc.accumulator(0)
def pair(x):
    mapped.add(1)
    return x % 4, x
def lose(pairs):
    try:
        os.close(os.open(FOLDER + '/lost', os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    except FileExistsError:
        pass
    else:
        stat = open('/proc/%d/stat' % os.getppid()).read()
        os.kill(int(stat.rpartition(')')[2].split()[1]), 9)
    for pair in pairs:
        reduced.add(1)
        yield pair
sums = sc.parallelize(range(1000), 8).map(pair).reduceByKey(operator.add, 4).mapPartitions(lose)
print(sorted(sums.collect()), mapped.value, reduced.value, os.path.exists(FOLDER + '/lost'))
",
        TWO,
    );
    // The sum of r, r + 4, ... is 250 r + 4 (0 + ... + 249).
    assert_eq!(out, "[(0, 124500), (1, 124750), (2, 125000), (3, 125250)] 1000 4 True\n");
}

#[test]
fn a_function_that_fails_is_tried_as_often_as_the_conf_says() {
    let (out, _) = run(
        "
from pyspark import TaskContext
added = sc.accumulator(0)
def add(x, bad):
    added.add(1)
    if x == 3 and TaskContext.get().attemptNumber() < bad:
        raise ValueError('not yet')
    return x
numbers = sc.parallelize(range(4), 4)
print(numbers.map(lambda x: add(x, 2)).sum(), added.value)
try:
    numbers.map(lambda x: add(x, 3)).sum()
except Exception as error:
    told = str(error).splitlines()
    print(type(error).__name__, told[2], told[-1])
print(added.value)
",
        "  executor: {instances: 1, cores: 1}
  sparkConf: {spark.task.maxFailures: '3'}",
    );
    // What Spark 4.1.1 says and adds on a cluster, but for the ids of task and executor.
    assert_eq!(
        out,
        "6 4
PythonException Job aborted due to stage failure: Task 3 in stage 1.0 failed 3 times, most recent failure: Lost \
         task 3.2 in stage 1.0: org.apache.spark.api.python.PythonException: Traceback (most recent call last): \
         ValueError: not yet
7
"
    );
}

#[test]
fn only_the_partitions_that_an_action_asks_for_are_computed() {
    let (out, _) = run(
        "
seen = sc.accumulator(0)
@udf('long')
def count(x):
    seen.add(1)
    return x
counted = spark.range(0, 100, 1, 10).select(count('id')).rdd
print(counted.first()[0], seen.value)
print(sc.runJob(counted, lambda rows: [sum(row[0] for row in rows)], [9, 2, 2]), seen.value)
",
        TWO,
    );
    // 90 + ... + 99, 20 + ... + 29
    assert_eq!(out, "0 10\n[945, 245, 245] 30\n");
}

#[test]
fn accumulators_count_in_functions_of_dataframes_too() {
    let (out, _) = run(
        "
seen, odd = sc.accumulator(0), sc.accumulator(0.5)
@udf('long')
def count(x):
    seen.add(1)
    if x % 2:
        odd.add(1.0)
    return x
print(spark.range(10).select(count('id')).agg({'count(id)': 'sum'}).collect()[0][0], seen.value, odd.value)
",
        TWO,
    );
    assert_eq!(out, "45 10 5.5\n");
}

#[test]
fn broadcasts_are_fetched_once_by_each_executor_and_again_when_let_go() {
    let (out, log) = run(
        "
squares = sc.broadcast([x * x for x in range(100)])
def total():
    return sc.parallelize(range(100), 10).map(lambda x: squares.value[x]).sum()
print(total(), total(), spark.range(3).select(udf(lambda x: squares.value[x], 'long')('id')).collect()[2][0])
squares.unpersist()
print(total())
sc.broadcast([x * x for x in range(100)]).destroy()
print(total())
used = sc.parallelize([1], 1).map(lambda x: squares.value[x])
squares.destroy()
try:
    used.collect()
except Exception as error:
    print(str(error).strip().splitlines()[-1])
",
        TWO,
    );
    // 0 + 1 + ... + 99^2 = 99 * 100 * 199 / 6
    let (sums, refused) = out.split_once("\n328350\n328350\n").unwrap();
    assert_eq!(sums, "328350 328350 4");
    assert!(refused.contains("Attempted to use Broadcast(0) after it was destroyed"), "{refused}");
    for executor in ["[executor 1]", "[executor 2]"] {
        let fetched =
            log.lines().filter(|line| line.contains(executor) && line.contains("broadcast fetched"));
        assert_eq!(fetched.count(), 2, "{executor}\n{log}");
    }
}

#[test]
fn all_processes_log_at_the_level_that_a_program_asks_for() {
    let (out, log) = run(
        "
import sys
def mark(text):
    print(text, file=sys.stderr, flush=True)
sc.parallelize(range(2), 2).count()
sc.setLogLevel('debug')
mark('--- debug')
sc.parallelize(range(2), 2).count()
sc.setLogLevel('ERROR')
mark('--- error')
sc.parallelize(range(2), 2).count()
try:
    sc.setLogLevel('loud')
except Exception as error:
    print(type(error).__name__, error)
",
        TWO,
    );
    let told = "IllegalArgumentException requirement failed: Supplied level loud did not match one of: ";
    assert!(out.starts_with(told), "{out}");
    let (_, log) = log.split_once("--- debug").unwrap();
    let (debug, error) = log.split_once("--- error").unwrap();
    for of in ["[executor 1]", "[executor 2]"] {
        assert!(debug.lines().any(|line| line.starts_with(of) && line.contains("DEBUG")), "{of}\n{debug}");
    }
    assert!(debug.lines().any(|line| !line.starts_with('[') && line.contains("DEBUG")), "{debug}");
    assert!(!error.contains(" INFO "), "{error}");
}

#[test]
fn a_cancelled_group_stops_a_function_that_never_ends() {
    let (out, _) = run(
        "
def endless(rows):
    with open(FOLDER + '/pid', 'w') as file:
        file.write(str(os.getpid()))
    while True:
        time.sleep(0.01)
        yield 1
def count():
    sc.setJobGroup('endless', 'never ends')
    try:
        sc.parallelize(range(2), 1).mapPartitions(endless).count()
    except Exception as error:
        print(error)
def until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
def gone():
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
running = threading.Thread(target=count)
running.start()
until(lambda: os.path.exists(FOLDER + '/pid') and open(FOLDER + '/pid').read())
pid = int(open(FOLDER + '/pid').read())
tracker = sc.statusTracker()
job, = tracker.getJobIdsForGroup('endless')
print(tracker.getJobInfo(job).status, tracker.getActiveJobsIds() == [job])
stage, = tracker.getActiveStageIds()
print(tracker.getStageInfo(stage).numActiveTasks)
sc.cancelJobGroup('endless')
running.join()
until(gone)
print(tracker.getJobInfo(job).status, sc.parallelize(range(4)).sum())
",
        "  executor: {instances: 1, cores: 1}",
    );
    let lines: Vec<_> = out.lines().collect();
    assert_eq!(lines[..2], ["RUNNING True", "1"], "{out}");
    assert!(lines[2].contains("OPERATION_CANCELED"), "{out}");
    assert_eq!(lines[3..], ["FAILED 6"], "{out}");
}

#[test]
fn functions_are_profiled_as_pyspark_does() {
    let (out, _) = run(
        "
from pyspark.sql.functions import pandas_udf
@udf('long')
def plain(x):
    return x + 1
@pandas_udf('long')
def series(x):
    return x + 1
spark.conf.set('spark.sql.pyspark.udf.profiler', 'perf')
spark.range(10).select(plain('id')).collect()
spark.range(10).select(series('id')).collect()
spark.profile.show(type='perf')
",
        TWO,
    );
    assert_eq!(out.matches("Profile of UDF<id=").count(), 2, "{out}");
    for function in ["(plain)", "(series)"] {
        assert!(out.lines().any(|line| line.contains("program.py") && line.ends_with(function)), "{out}");
    }
    // Once for each row.
    assert!(
        out.lines().any(|line| line.trim_start().starts_with("10 ") && line.ends_with("(plain)")),
        "{out}"
    );
}

#[test]
fn an_application_tells_of_itself() {
    let (out, _) = run(
        "
frame = spark.range(100).repartition(5)
print(frame.rdd.getNumPartitions(), sc.defaultParallelism, sc.uiWebUrl.startswith('http://127.0.0.1:'))
sc.parallelize(range(2), 2).count()
status = sc.getExecutorMemoryStatus()
# Of 1 GiB each Spark leaves 300 MiB out of account, and gives 0.6 of the rest.
print(len(status), set(status.values()))
print(abs(time.time() * 1000 - sc.startTime) < 600000, sc.getConf().get('spark.executor.cores'))
",
        TWO,
    );
    assert_eq!(out, "5 2 True\n3 {(455501414, 455501414)}\nTrue 1\n");
}

#[test]
fn what_is_partitioned_alike_is_put_together_where_it_lies() {
    let (out, _) = run(
        "
def stages(action):
    sc.setJobGroup(str(time.time()), 'counted')
    group = sc.getLocalProperty('spark.jobGroup.id')
    found = action()
    tracker = sc.statusTracker()
    return found, [len(tracker.getJobInfo(job).stageIds) for job in tracker.getJobIdsForGroup(group)]
left = sc.parallelize([(n, 'l%d' % n) for n in range(6)], 2).partitionBy(3)
right = sc.parallelize([(n, 'r%d' % n) for n in range(4, 9)], 2).partitionBy(3)
print(stages(lambda: sorted(left.join(right).collect())))
print(stages(lambda: left.union(right).keys().glom().collect()))
print(stages(lambda: left.keys().zip(right.mapPartitions(lambda part: range(2)).keyBy(lambda n: n)).collect()))
kept = left.cache()
kept.count()
print(stages(lambda: kept.mapValues(len).join(kept).count()))
",
        TWO,
    );
    // One stage for each partitionBy and one for the result, as in Spark's own plan.
    assert_eq!(
        out,
        "([(4, ('l4', 'r4')), (5, ('l5', 'r5'))], [3])
([[0, 3, 6], [1, 4, 4, 7], [2, 5, 5, 8]], [3])
([(0, (0, 0)), (3, (1, 1)), (1, (0, 0)), (4, (1, 1)), (2, (0, 0)), (5, (1, 1))], [3])
(6, [1])
"
    );
}
