//! RDDs as Spark has them: of files, of other sessions, in threads, and what their functions bring along.

use crate::contexts::{TWO, run};

#[test]
fn names_for_a_dataframe_rename_what_dicts_and_objects_hold() {
    let (out, _) = run(
        "
class Point:
    def __init__(self):
        self.a, self.b = 1, 2
print(sc.parallelize([{'a': 1, 'b': 2}]).toDF(['x', 'y']).collect())
print(sc.parallelize([Point()]).toDF(['x']).collect())
print(sc.parallelize([(1, None)]).toDF(['x', 'y'], sampleRatio=1.0).dtypes)
spark.conf.set('spark.sql.pyspark.inferNestedDictAsStruct.enabled', 'true')
print(sc.parallelize([({'p': 1, 'q': 'z'},)]).toDF(['x']).dtypes)
",
        TWO,
    );
    assert_eq!(
        out,
        "[Row(x=1, y=2)]
[Row(x=1, b=2)]
[('x', 'bigint'), ('y', 'void')]
[('x', 'struct<p:bigint,q:string>')]
"
    );
}

#[test]
fn local_iterators_compute_no_partition_before_it_is_read() {
    let (out, _) = run(
        "
def computed(split, rows):
    open('%s/%d' % (FOLDER, split), 'w').close()
    return rows
rows = spark.range(0, 100, 1, 10).rdd.mapPartitionsWithIndex(computed).toLocalIterator()
print([next(rows)[0] for _ in range(11)][-1], sorted(filter(str.isdigit, os.listdir(FOLDER))))
print(sorted(sc.parallelize([(n % 3, 1) for n in range(9)], 4).reduceByKey(operator.add).toLocalIterator()))
",
        TWO,
    );
    assert_eq!(out, "10 ['0', '1']\n[(0, 3), (1, 3), (2, 3)]\n");
}

#[test]
fn threads_inherit_the_properties_of_the_one_that_starts_them() {
    let (out, _) = run(
        "
from pyspark import InheritableThread, inheritable_thread_target
sc.setJobGroup('a', 'of a')
def show():
    print(sc.getLocalProperty('spark.jobGroup.id'), sc.getLocalProperty('spark.job.description'))
    sc.setJobGroup('b', '')
    print(len(spark.getTags()))
for thread in (
    InheritableThread(target=show),
    threading.Thread(target=inheritable_thread_target(show)),
    threading.Thread(target=inheritable_thread_target(spark)(show)),
):
    thread.start()
    thread.join()
print(sc.getLocalProperty('spark.jobGroup.id'))
",
        TWO,
    );
    assert_eq!(out, format!("{}a\n", "a of a\n1\n".repeat(3)));
}

#[test]
fn many_files_are_united_and_found_by_their_patterns() {
    let (out, _) = run(
        "
for name in ('a', 'b', 'a b', 'x#1'):
    open('%s/%s.txt' % (FOLDER, name), 'w').write(name)
def names(files):
    return sorted((path.replace(FOLDER, ''), content) for path, content in files.collect())
print(sc.union([sc.textFile(FOLDER + '/a.txt') for _ in range(600)]).count())
print(sorted(sc.textFile(FOLDER + '/{a,b}.txt').collect()))
print(names(sc.binaryFiles(FOLDER + '/{a,x#1}.txt')), names(sc.binaryFiles('file://' + FOLDER + '/?.txt')))
print(names(sc.wholeTextFiles(FOLDER + '/a b.txt')))
print([type(part).__name__ for part in sc.wholeTextFiles(FOLDER + '/a.txt', use_unicode=False).first()])
",
        TWO,
    );
    assert_eq!(
        out,
        "600
['a', 'b']
[('file:/a.txt', b'a'), ('file:/x#1.txt', b'x#1')] [('file:/a.txt', b'a'), ('file:/b.txt', b'b')]
[('file:/a b.txt', 'a b')]
['bytes', 'bytes']
"
    );
}

#[test]
fn tasks_of_some_partitions_have_their_numbers_and_the_properties_of_their_action() {
    let (out, _) = run(
        "
from pyspark import TaskContext
print(sc.parallelize(range(4), 4).map(lambda _: TaskContext.get().partitionId()).take(4))
told = sc.parallelize([1]).map(lambda x: (x, TaskContext.get().getLocalProperty('c'))).partitionBy(1)
for color in ('red', 'blue', None):
    sc.setLocalProperty('c', color)
    print(told.collect())
",
        TWO,
    );
    assert_eq!(out, "[0, 1, 2, 3]\n[(1, 'red')]\n[(1, 'blue')]\n[(1, None)]\n");
}

#[test]
fn functions_of_any_size_and_broadcasts_nobody_knows_of_any_more() {
    let (out, _) = run(
        "
import gc
large = bytes(120 << 20)
print(sc.parallelize([0]).map(lambda i: len(large)).collect())
asked, ask = [], type(sc)._control
def control(self, operation, **arguments):
    asked.append(operation)
    return ask(self, operation, **arguments)
type(sc)._control = control
for _ in range(3):
    print(sc.parallelize(list(range(300000)), 2).count())
gc.collect()
seven, eight = sc.broadcast([7]), sc.broadcast([8])
spark.udf.register('seven', udf(lambda _: seven.value[0], 'int'))
sc.parallelize([1, 2], 2).map(lambda _: (eight.value[0],)).toDF(['v']).createOrReplaceTempView('w')
seven = eight = None
gc.collect()
print(sc.parallelize([1]).count(), asked.count('destroy_broadcast'))
print(spark.sql('select seven(v) s, v from w').collect())
",
        TWO,
    );
    // One of the large function, one for each collection.
    assert_eq!(out, "[125829120]\n300000\n300000\n300000\n1 4\n[Row(s=7, v=8), Row(s=7, v=8)]\n");
}

#[test]
fn rdds_of_another_session_run_in_it() {
    let (out, _) = run(
        "
other = spark.newSession()
other.range(2).createOrReplaceTempView('only_there')
rows = other.table('only_there').rdd
nine = sc.broadcast([9])
print(rows.count(), rows.map(lambda row: row[0] + nine.value[0]).collect())
print(other.createDataFrame(sc.parallelize([(1,)]).map(lambda row: (row[0] + nine.value[0],)), 'a int').collect())
",
        TWO,
    );
    assert_eq!(out, "2 [9, 10]\n[Row(a=10)]\n");
}
