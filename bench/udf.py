"""Measures Python functions: udf.py sc://HOST:PORT, or udf.py local[2] with a PySpark that has Java.

Prints one JSON object: medians in milliseconds.
"""

import json
import sys

from measure import median_ms, session
from pyspark.sql.functions import pandas_udf, udf
from udf_one_row import one_row

PANDAS_ROWS = 10_000_000
PLAIN_ROWS = 2_000_000
PARTITIONS = 2


def main():
    spark = session(sys.argv[1])

    @pandas_udf("long")
    def vectorised(values):
        return values * 2 + 1

    @udf("long")
    def plain(value):
        return value * 2 + 1

    def total(function, rows):
        """The sum of a function's results over 0 .. rows - 1, which is the square of rows."""
        numbers = spark.range(0, rows, 1, PARTITIONS)
        sums = numbers.select(function("id").alias("x")).agg({"x": "sum"})
        assert sums.collect()[0][0] == rows * rows

    figures = {
        "pandas": median_ms(lambda: total(vectorised, PANDAS_ROWS), 3),
        "plain": median_ms(lambda: total(plain, PLAIN_ROWS), 3),
        "one_row": one_row(spark),
    }
    spark.stop()
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
