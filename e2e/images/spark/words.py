"""Counts words with RDDs, which only Spark itself runs: functions of Python in executors, and a shuffle."""

from pyspark import SparkContext

with SparkContext() as context:
    lines = context.parallelize(["a rose is a rose", "is a rose"], 4)
    words = lines.flatMap(str.split).map(lambda word: (word, 1)).reduceByKey(lambda a, b: a + b)
    for word, count in sorted(words.collect()):
        print(f"{word}: {count}")
