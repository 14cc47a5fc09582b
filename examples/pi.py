"""Adds up the area below 4 / (1 + x^2) from 0 to 1, which is pi: pi.py [PARTITIONS]"""

import operator
import sys

from pyspark.sql import SparkSession

STRIPES = 1_000_000

spark = SparkSession.builder.appName("pi").getOrCreate()
sc = spark.sparkContext
width = sc.broadcast(1 / STRIPES)
counted = sc.accumulator(0)


def area(stripe):
    counted.add(1)
    x = (stripe + 0.5) * width.value
    return 4 / (1 + x * x) * width.value


partitions = int(sys.argv[1]) if len(sys.argv) > 1 else sc.defaultParallelism
total = sc.parallelize(range(STRIPES), partitions).map(area).reduce(operator.add)
print(f"pi is {total:.6f}, from {counted.value:,} stripes in {partitions} partitions")
spark.stop()
