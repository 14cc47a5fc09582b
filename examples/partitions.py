"""Spreads rows over 200 partitions and counts them: partitions.py"""

from pyspark.sql import SparkSession
from pyspark.sql.functions import spark_partition_id

spark = SparkSession.builder.appName("partitions").getOrCreate()
spread = spark.range(100_000).repartition(200)
sizes = spread.groupBy(spark_partition_id().alias("partition")).count()
rows = sizes.orderBy("partition").collect()
print("partitions:", len(rows), "from", rows[0].partition, "to", rows[-1].partition)
print("rows:", sum(row["count"] for row in rows))
spark.stop()
