"""Uses a Spark Connect server for long: soak.py sc://HOST:PORT SESSIONS QUERIES

Opens sessions one after the other; each runs so many small queries, of which every fourth calls a Python
function, and is stopped.
"""

import sys
import uuid

from pyspark.sql import SparkSession
from pyspark.sql import functions as F


def main():
    remote, sessions, queries = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    for _ in range(sessions):
        spark = SparkSession.builder.remote(f"{remote}/;session_id={uuid.uuid4()}").create()
        plus_one = F.udf(lambda x: x + 1, "long")
        kinds = [
            lambda _: spark.range(1000).selectExpr("id % 10 as g", "id").groupBy("g").sum("id").count() == 10,
            lambda i: spark.sql(f"select {i}").first()[0] == i,
            lambda i: spark.createDataFrame([(i,)], ["a"]).first().a == i,
            lambda _: [row[0] for row in spark.range(3).select(plus_one("id")).collect()] == [1, 2, 3],
        ]
        for i in range(queries):
            assert kinds[i % len(kinds)](i), i
        spark.stop()


if __name__ == "__main__":
    main()
