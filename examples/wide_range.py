"""A billion numbers to the driver, a thousand of them, and many to files: wide_range.py OUTPUT ROWS"""

import sys

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

spark = SparkSession.builder.getOrCreate()
numbers = spark.range(0, 1_000_000_000)

try:
    print("collected", len(numbers.collect()))
except PySparkException as error:
    print("refused:", error)

print("first:", sum(row.id for row in numbers.limit(1000).collect()))

output, rows = sys.argv[1], int(sys.argv[2])
spark.range(0, rows).write.mode("overwrite").parquet(output)
written = spark.read.parquet(output)
print("written:", written.count(), written.selectExpr("sum(id)").first()[0])
spark.stop()
