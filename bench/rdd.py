"""Measures RDDs: rdd.py sc://HOST:PORT, or rdd.py local[2] with a PySpark that has Java.

With a server, Cerium's add-on has to be the first on PYTHONPATH. Prints one JSON object: medians in
milliseconds.
"""

import json
import operator
import random
import sys

from measure import median_ms, session

PI_PARTITIONS = 100
PI_POINTS = 100_000 * PI_PARTITIONS
PAIRS = 5_000_000
KEYS = 100_000
PARTITIONS = 4


def inside(_):
    """As the function of PySpark's example."""
    x = random.random() * 2 - 1
    y = random.random() * 2 - 1
    return 1 if x**2 + y**2 <= 1 else 0


def main():
    spark = session(sys.argv[1])
    sc = spark.sparkContext

    def pi():
        count = sc.parallelize(range(1, PI_POINTS + 1), PI_PARTITIONS).map(inside).reduce(operator.add)
        assert 3.1 < 4 * count / PI_POINTS < 3.2

    def reduce_by_key():
        pairs = sc.parallelize(range(PAIRS), PARTITIONS).map(lambda number: (number % KEYS, 1))
        counts = pairs.reduceByKey(operator.add)
        assert counts.filter(lambda pair: pair[1] == PAIRS // KEYS).count() == KEYS

    figures = {"pi": median_ms(pi, 3), "reduce": median_ms(reduce_by_key, 3)}
    spark.stop()
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
