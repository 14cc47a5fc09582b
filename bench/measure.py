"""What the scripts that are measured share: how a time is taken, and where Spark is."""

import statistics
import time

from pyspark.sql import SparkSession


def median_ms(action, runs, warm_up=1):
    """The median time of an action in milliseconds, after some runs that do not count."""
    for _ in range(warm_up):
        action()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        action()
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


def session(where):
    """A session of a server (`sc://HOST:PORT`) or of a Spark with this master."""
    builder = SparkSession.builder
    if where.startswith("sc://"):
        return builder.remote(where).getOrCreate()
    return builder.config("spark.ui.enabled", "false").master(where).getOrCreate()
