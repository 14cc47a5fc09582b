"""Joins two tables on a skewed key that is spread by a salt: salting.py"""

from pyspark.sql import SparkSession
from pyspark.sql.functions import array, col, explode, lit, rand, when

SALTS = 10

spark = SparkSession.builder.appName("salting").getOrCreate()

# Nine of ten events have the same key.
events = spark.range(100_000).select(
    when(col("id") % 10 < 9, lit(0)).otherwise(col("id") % 100).alias("join_key"),
    col("id").alias("event"),
)
keys = spark.range(100).select(col("id").alias("join_key"), (col("id") * 3).alias("weight"))

salted_events = events.withColumn("salt", (rand() * SALTS).cast("int"))
salted_keys = keys.withColumn("salt", explode(array([lit(salt) for salt in range(SALTS)])))
joined = salted_events.join(salted_keys, on=["join_key", "salt"]).drop("salt")

print(joined.columns)
print(joined.count(), joined.agg({"weight": "sum"}).first()[0])
spark.stop()
