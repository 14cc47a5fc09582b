"""Starts PySpark's daemon with everything imported that its workers need.

The daemon forks a worker in milliseconds where the imports are done before; in a worker they
would take a second or two. Before the daemon's own greeting (the port or path it listens on)
one line of JSON says which PySpark this is, or what is missing.
"""

import gc
import importlib
import json
import os
import sys

# What workers import in any case, and what may be absent.
_REQUIRED = ("pyarrow", "pyspark.worker", "pyspark.sql.types", "pyspark.sql.pandas.serializers")
_OPTIONAL = ("numpy", "pandas", "pyspark.cloudpickle", "pyspark.sql.conversion", "cerium_worker.plain")


def _missing(error):
    name = (error.name or str(error)).split(".")[0]
    return {"missing": name, "python": sys.executable}


def _import():
    """Imports all modules; returns what the executor is told."""
    try:
        import pyspark

        for name in _REQUIRED:
            importlib.import_module(name)
    except ImportError as error:
        return _missing(error)
    for name in _OPTIONAL:
        try:
            importlib.import_module(name)
        except ImportError:
            pass
    return {"pyspark": pyspark.__version__}


def main():
    # What modules and functions print belongs into the executor's log; only the executor's
    # questions are answered on its pipe.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    # The daemon of PySpark 4.2 and later imports this module after the fork, others before.
    sys.argv = [sys.argv[0], "pyspark.worker"]
    greeting = _import()
    answers.write(json.dumps(greeting) + "\n")
    answers.flush()
    if "missing" in greeting:
        sys.exit(1)

    import pyspark.daemon

    printed = sys.stdout
    sys.stdout = answers
    os.register_at_fork(after_in_child=lambda: setattr(sys, "stdout", printed))
    # Objects of before the fork are never garbage: no worker need look at them.
    gc.collect()
    gc.freeze()
    pyspark.daemon.manager()


if __name__ == "__main__":
    main()
