"""What a Python function adds to a query of one row: udf_one_row.py sc://HOST:PORT.

Prints one JSON object: the median in milliseconds.
"""

import json
import sys

from measure import median_ms, session
from pyspark.sql.functions import udf


def one_row(spark):
    """The time of a query with a function, less that of the same query without one."""

    @udf("long")
    def function(value):
        return value * 2 + 1

    one = spark.range(0, 1, 1, 1)
    with_function, without = one.select(function("id")), one.selectExpr("id * 2 + 1")
    return median_ms(with_function.collect, 50, 10) - median_ms(without.collect, 50, 10)


if __name__ == "__main__":
    print(json.dumps({"one_row": one_row(session(sys.argv[1]))}))
