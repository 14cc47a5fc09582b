"""Measures a Spark Connect server as PySpark sees it: connect.py sc://HOST:PORT

Prints one JSON object: medians in milliseconds, null for what the server does not do.
"""

import json
import sys

import numpy as np
import pandas as pd
from measure import median_ms, session
from pyspark.errors import PySparkException

WARM_UP = 10


def main():
    spark = session(sys.argv[1])
    small = spark.range(1000).selectExpr("id as a", "id % 10 as b")
    sums = small.groupBy("b").sum("a")
    assert sorted(tuple(row) for row in sums.collect())[0] == (0, sum(range(0, 1000, 10)))
    large = pd.DataFrame({"a": np.arange(1_000_000), "b": np.linspace(0.0, 1.0, 1_000_000)})

    def there_and_back():
        assert len(spark.createDataFrame(large).toPandas()) == len(large)

    figures = {
        "select": median_ms(lambda: spark.sql("select 1").collect(), 200, WARM_UP),
        "aggregate": median_ms(sums.collect, 50, WARM_UP),
    }
    try:
        figures["pandas"] = median_ms(there_and_back, 5, 5)
    except PySparkException as error:
        print(f"no rows from pandas: {error}", file=sys.stderr)
        figures["pandas"] = None
    spark.stop()
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
