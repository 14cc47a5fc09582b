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
_OPTIONAL = (
    "numpy",
    "pandas",
    "pyspark.cloudpickle",
    "pyspark.sql.conversion",
    "cerium_worker.plain",
    "cerium_rdd.broadcast",
    "cerium_rdd.rows",
    "cerium_rdd.slices",
    "cerium_rdd.steps.elements",
    "cerium_rdd.steps.folding",
    "cerium_rdd.steps.merging",
    "cerium_rdd.steps.placing",
)


def _missing(error):
    name = (error.name or str(error)).split(".")[0]
    return {"missing": name, "python": sys.executable}


def _import(module):
    """Imports all modules, and that of the workers; returns what the executor is told."""
    try:
        import pyspark

        for name in _REQUIRED + (module,):
            importlib.import_module(name)
    except ImportError as error:
        return _missing(error)
    for name in _OPTIONAL:
        try:
            importlib.import_module(name)
        except ImportError:
            pass
    return {"pyspark": pyspark.__version__}


def _enter_folders():
    """Has workers run in the folder of files that a task brings, and `SparkFiles` know it in a
    PySpark without one."""
    import pyspark
    from pyspark import worker_util

    from cerium_client import files

    has_files = hasattr(pyspark, "SparkFiles")
    if not has_files:
        files.add(pyspark)
    add_path = worker_util.add_path

    def enter(path):
        if os.path.isdir(path):
            if not has_files:
                pyspark.SparkFiles._root_directory = path
            # Without files of its own a session has no folder to be in.
            if os.listdir(path):
                os.chdir(path)
        add_path(path)

    worker_util.add_path = enter


def _offer_rdds():
    """Lets modules of programs import what they do in programs, and gives tasks their Broadcasts."""
    import pyspark
    from cerium_rdd import install

    from cerium_worker import broadcasts

    install.into(pyspark)
    broadcasts.install()


def _take_tables():
    """Has workers run table functions whose rows Spark would pickle."""
    from cerium_worker import tables

    tables.install()


def _simplify_tracebacks():
    """Keeps what runs functions row by row out of their tracebacks, as PySpark does with its own."""
    import cerium_rdd
    from pyspark import util, worker

    simplify = util.try_simplify_traceback
    modules = (util, cerium_rdd, sys.modules[__name__])
    machinery = tuple(os.path.dirname(module.__file__) + os.sep for module in modules)

    def try_simplify_traceback(traceback):
        rest = traceback
        while rest is not None and rest.tb_frame.f_code.co_filename.startswith(machinery):
            rest = rest.tb_next
        return simplify(traceback) if rest is None else rest

    util.try_simplify_traceback = try_simplify_traceback
    if hasattr(worker, "try_simplify_traceback"):
        worker.try_simplify_traceback = try_simplify_traceback


def main():
    # What modules and functions print belongs into the executor's log; only the executor's
    # questions are answered on its pipe.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    # The daemon of PySpark 4.2 and later imports this module after the fork, others before.
    module = sys.argv[1]
    greeting = _import(module)
    answers.write(json.dumps(greeting) + "\n")
    answers.flush()
    if "missing" in greeting:
        sys.exit(1)

    import pyspark.daemon

    _enter_folders()
    _offer_rdds()
    _take_tables()
    _simplify_tracebacks()
    printed = sys.stdout
    sys.stdout = answers
    os.register_at_fork(after_in_child=lambda: setattr(sys, "stdout", printed))
    # Objects of before the fork are never garbage: no worker need look at them. Of what tasks make
    # little is in cycles; Python's own thresholds have half the time of many small objects go there.
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)
    pyspark.daemon.manager()


if __name__ == "__main__":
    main()
