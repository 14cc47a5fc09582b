"""Python functions by name, their errors and files; plans as deep as they may be."""

import os
import tempfile
import zipfile

import pandas as pd
from pyspark.errors import AnalysisException, PythonException
from pyspark.errors.exceptions.connect import SparkConnectGrpcException
from pyspark.sql import Row, SparkSession, Window
from pyspark.sql import functions as F
from pyspark.sql.types import StructType
from pyspark.sql.udtf import AnalyzeResult

spark = SparkSession.builder.getOrCreate()

# Functions by name.
spark.udf.register("plus", lambda x, y=5: x + y, "int")
assert spark.sql("select plus(1, 2), plus(y => 1, x => 2), plus(1)").collect() == [(3, 3, 6)]
assert spark.range(2).select(F.call_udf("plus", F.col("id").cast("int"), F.lit(1))).collect() == [(1,), (2,)]
assert spark.catalog.getFunction("plus").isTemporary and spark.catalog.functionExists("plus")
spark.sql("create function add1(x int) returns int return x + 1")
assert spark.range(1).select(F.call_function("default.add1", F.lit(1))).collect() == [(2,)]
spark.sql("drop function add1")
assert not spark.catalog.functionExists("add1")


@F.pandas_udf("double")
def mean(values: pd.Series) -> float:
    return values.mean()


spark.udf.register("pmean", mean)
means = spark.sql("select id % 2 k, pmean(id) m from range(4) group by k order by k").collect()
assert means == [(0, 1.0), (1, 2.0)], means


@F.udtf(returnType="a: int, b: int")
class Twice:
    def eval(self, x: int, y: int = 7):
        yield x, y
        yield x + 1, y


spark.udtf.register("twice", Twice)
assert spark.sql("select * from twice(y => 1, x => 3)").collect() == [(3, 1), (4, 1)]
assert spark.sql("select id, a from range(1), lateral twice(cast(id as int))").collect() == [(0, 0), (0, 1)]


# An exception comes with the traceback of the user's code alone.
@F.udf("int")
def fails(x):
    raise ValueError(f"no {x}")


try:
    spark.range(1).select(fails("id")).collect()
    raise AssertionError("an exception of a function is an error")
except PythonException as error:
    assert str(error).rstrip().endswith("ValueError: no 0"), error
    assert str(error).count('File "') == 1 and "SQLSTATE" not in str(error), error

# Files of the session reach its functions.
with tempfile.TemporaryDirectory() as folder:
    with open(os.path.join(folder, "answers.py"), "w") as module:
        module.write("ANSWER = 42\n")
    with open(os.path.join(folder, "data.txt"), "w") as data:
        data.write("from a file")
    with zipfile.ZipFile(os.path.join(folder, "things.zip"), "w") as archive:
        archive.writestr("inner/thing.txt", "from an archive")
    with zipfile.ZipFile(os.path.join(folder, "lib.zip"), "w") as archive:
        archive.writestr("zipped.py", "NAME = 'zipped'\n")
    spark.addArtifacts(os.path.join(folder, "answers.py"), os.path.join(folder, "lib.zip"), pyfile=True)
    spark.addArtifacts(os.path.join(folder, "data.txt"), file=True)
    spark.addArtifacts(os.path.join(folder, "things.zip") + "#things", archive=True)


@F.udf("string")
def reads(x):
    from answers import ANSWER
    from pyspark import SparkFiles
    from zipped import NAME

    texts = [open(SparkFiles.get(name)).read() for name in ("data.txt", "things/inner/thing.txt")]
    return ", ".join([str(ANSWER), NAME] + texts)


read = [row[0] for row in spark.range(2).select(reads("id")).collect()]
assert read == ["42, zipped, from a file, from an archive"] * 2, read

@F.udf("string")
def reads_beside_itself(x):
    return open("data.txt").read()


assert spark.range(1).select(reads_beside_itself("id")).collect() == [("from a file",)]


# So they reach what asks a table function for its columns.
@F.udtf
class Column:
    @staticmethod
    def analyze(x):
        with open("things/inner/thing.txt") as thing:
            return AnalyzeResult(StructType().add(thing.read(), x.dataType))

    def eval(self, x):
        yield x,


assert Column(F.lit(1)).columns == ["from an archive"]


# Tables by name, and more than one.
@F.udtf(returnType="a: bigint, b: bigint")
class Both:
    def eval(self, a, b):
        yield a[0], b[0]


spark.udtf.register("both", Both)
spark.conf.set("spark.sql.tvf.allowMultipleTableArguments.enabled", "true")
pairs = spark.sql("select * from both(b => table(from range(2)), a => table(select id + 7 as id from range(2)))")
assert sorted(pairs.collect()) == [(7, 0), (7, 1), (8, 0), (8, 1)], pairs.collect()


def failure(action):
    """What goes wrong, and as what the client raises it."""
    try:
        action()
    except Exception as error:
        return type(error).__name__, str(error)
    raise AssertionError("this is an error")


# What cannot be is said as Spark says it.
left, right = spark.range(1).withColumn("k", F.lit(1)).groupBy("id", "k"), spark.range(1).groupBy("id")
cogrouped = left.cogroup(right).applyInPandas(lambda a, b: a, "id long")
name, text = failure(cogrouped.collect)
assert name == "IllegalArgumentException" and "Cogroup keys must have same size: 2 != 1" in text, text


class Sent:
    def eval(self):
        yield Row(a=1),


name, text = failure(F.udtf(Sent, returnType="int")().collect)
assert name == "InvalidPlanInput" and "Expect a struct type, but got int." in text, text
rows = F.pandas_udf(lambda frame: frame, "v long", F.PandasUDFType.GROUPED_MAP)
name, text = failure(lambda: spark.range(1).select(rows("id").over(Window.partitionBy("id"))).schema)
assert name == "AnalysisException" and "UNSUPPORTED_EXPR_FOR_WINDOW" in text, text
assert failure(F.udtf(Sent, returnType="x: string")().collect)[0] == "PickleException"

# An error of a DataFrame tells where the program made the expression.
try:
    spark.range(1).select(F.col("id") + F.col("idd")).schema
    raise AssertionError("there is no such column")
except AnalysisException as error:
    (context,) = error.getQueryContext()
    assert context.fragment() == "col" and "functions.py" in context.callSite(), context.callSite()

# Long chains are planned; what is nested deeper than Spark allows is refused, and the server goes on.
chain = spark.range(3)
for i in range(400):
    chain = chain.filter(F.col("id") >= 0) if i % 2 else chain.withColumn("c", F.col("id") + i)
assert chain.count() == 3
for i in range(400):
    chain = chain.select("*")
try:
    chain.count()
    raise AssertionError("a plan nested too deeply is an error")
except SparkConnectGrpcException as error:
    assert "too many levels of nesting" in str(error), error
assert spark.range(3).count() == 3

# Partitions arrive in the order they were sorted in.
mixed = spark.range(0, 2000, 1, 4).selectExpr("id * 7919 % 2000 as k").orderBy("k")
passed = mixed.mapInPandas(lambda frames: frames, "k long").collect()
assert [row.k for row in passed] == list(range(2000)), passed[:5]

spark.stop()
