"""What most programs do, with values known beforehand."""

import io
import os
import uuid
from contextlib import redirect_stdout

import pandas as pd
from pyspark.errors import AnalysisException, ParseException
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

spark = SparkSession.builder.appName("smoke").config("spark.executor.memory", "1g").getOrCreate()

assert spark.version == "4.1.1"
assert spark.sql("select 1 as one").collect() == [(1,)]
assert spark.range(1000).count() == 1000

# On executors, which know functions by name.
halves = spark.range(4).selectExpr("floor(id / 2) as low", "ceil(id / 2) as high").orderBy("low", "high")
assert [tuple(row) for row in halves.collect()] == [(0, 0), (0, 1), (1, 1), (1, 2)]

shown = io.StringIO()
with redirect_stdout(shown):
    spark.range(2).show()
assert shown.getvalue() == "+---+\n| id|\n+---+\n|  0|\n|  1|\n+---+\n\n", shown.getvalue()

frame = pd.DataFrame({"name": ["a", "b", "a"], "amount": [1.5, 2.0, 4.0]})
df = spark.createDataFrame(frame)
assert df.columns == ["name", "amount"]
pd.testing.assert_frame_equal(df.toPandas(), frame)
sums = df.groupBy("name").agg(F.sum("amount").alias("total")).orderBy("name").collect()
assert [tuple(row) for row in sums] == [("a", 5.5), ("b", 2.0)], sums
assert spark.createDataFrame([], "a int, b string").collect() == []

try:
    df.select("nope").collect()
    raise AssertionError("a missing column is an error")
except AnalysisException as error:
    assert error.getCondition() == "UNRESOLVED_COLUMN.WITH_SUGGESTION", error
try:
    spark.sql("selec 1")
    raise AssertionError("a syntax error is an error")
except ParseException as error:
    assert error.getSqlState() == "42601", error

# A sort holds for what comes after it, also where nothing asks for an order any more.
mixed = spark.range(0, 2000, 1, 4).select((F.col("id") * 7919 % 2000).alias("k")).orderBy("k")
numbered = mixed.withColumn("n", F.monotonically_increasing_id()).collect()
assert [row.k for row in numbered] == list(range(2000)), numbered[:5]
assert sorted(row.n for row in numbered) == [row.n for row in numbered]
doubled = mixed.select((F.col("k") * 2).alias("x"), F.explode(F.array(F.lit(1)))).collect()
assert [row.x for row in doubled] == list(range(0, 4000, 2)), doubled[:5]
both = [row.k for row in mixed.union(mixed.orderBy(F.desc("k"))).collect()]
assert both == list(range(2000)) + list(range(1999, -1, -1)), both[:5]

# What the application was started with is final once it runs; partitions are the session's.
try:
    spark.conf.set("spark.executor.memory", "2g")
    raise AssertionError("executors are not changed in mid-run")
except Exception as error:
    assert "CANNOT_MODIFY_CONFIG" in str(error), error
assert spark.conf.get("spark.executor.memory") == "1g"

# A second session has its own views and conf.
df.createOrReplaceTempView("amounts")
spark.conf.set("spark.sql.session.timeZone", "Europe/Berlin")
other = SparkSession.builder.remote(f"{os.environ['SPARK_REMOTE']}/;session_id={uuid.uuid4()}").create()
assert spark.table("amounts").count() == 3
assert other.conf.get("spark.sql.session.timeZone") != "Europe/Berlin"
try:
    other.table("amounts").count()
    raise AssertionError("a view of another session is not seen")
except AnalysisException as error:
    assert error.getCondition() == "TABLE_OR_VIEW_NOT_FOUND", error
other.stop()
spark.stop()
