"""Measures a broadcast: broadcast.py sc://HOST:PORT, with Cerium's add-on first on PYTHONPATH.

Prints one JSON object: how often the executor that fetched most often fetched the value, how many MiB each
got, and the milliseconds from the program's value to the end of the first job that reads it everywhere.
"""

import json
import os
import sys
import time

from measure import session

BYTES = 200 << 20
TASKS_EACH = 8


def main():
    spark = session(sys.argv[1])
    sc = spark.sparkContext
    executors = int(sc.getConf().get("spark.executor.instances"))
    value = os.urandom(BYTES)
    total = sum(value[:: 1 << 20])
    # All of them are there, and their Python is.
    sc.parallelize(range(executors * TASKS_EACH), executors * TASKS_EACH).count()
    start = time.perf_counter()
    shared = sc.broadcast(value)

    def held(_):
        """Where the executor of the task has the value: a file that is fetched again is another one."""
        assert sum(shared.value[:: 1 << 20]) == total
        file = os.stat(shared._path)
        yield os.path.dirname(shared._path), (file.st_ino, file.st_ctime_ns, file.st_size)

    tasks = sc.parallelize(range(executors * TASKS_EACH), executors * TASKS_EACH).mapPartitions(held)
    found = tasks.collect()
    took = (time.perf_counter() - start) * 1000
    files = {}
    for folder, file in found + tasks.collect():
        files.setdefault(folder, set()).add(file)
    assert len(files) == executors, files
    mib = {size >> 20 for held in files.values() for _, _, size in held}
    assert len(mib) == 1, mib
    spark.stop()
    print(json.dumps({"fetches": max(map(len, files.values())), "mib": mib.pop(), "ms": took}))


if __name__ == "__main__":
    main()
