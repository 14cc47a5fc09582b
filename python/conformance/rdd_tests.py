"""Runs PySpark's own tests of SparkContext and RDDs against a server and compares with Spark's outcome.

    rdd_tests.py PYSPARK_ZIP [--server COMMAND | --record] [--json FILE] [--page FILE] [--log DIR] [MODULE ...]

PYSPARK_ZIP is `pyspark/python/lib/pyspark.zip` of the full PySpark package, which holds the tests.
COMMAND starts the server on the port that replaces `{port}`; --record runs them on Spark itself. The tests
that pass there are listed in rdd-tests.txt; the modules of rdd-left-out.tsv are not run. A MODULE is one of
`pyspark.tests`, or one of `pyspark` with its doctests, of which each docstring is a test.
"""

import os
import sys
import zipfile

import comparison
from rdd_tests_module import PACKAGE

LEFT_OUT = comparison.HERE / "rdd-left-out.tsv"
DOCTESTS = ["accumulators", "core.broadcast", "core.context", "core.files", "core.rdd"]
ABOUT = """
The tests of SparkContext and RDDs that PySpark 4.1.1 ships and the examples in its docstrings, run with
Cerium's add-on against `cerium-driver connect`. Of each module count the tests that pass on Spark itself
(`python/conformance/rdd-tests.txt`). There is no JVM: what a test expects as Py4J's error may be any error of
PySpark's, and what only makes Spark's log quiet does nothing. The test of each class that this is not Spark Connect is
not run.
Made by `scripts/rdd-tests --page docs/reference/rdd-tests.md`; do not edit.
"""


def modules(package):
    """The modules of tests that are run."""
    with zipfile.ZipFile(package) as files:
        names = [name.removeprefix("pyspark/tests/").removesuffix(".py") for name in files.namelist()]
    skipped = tuple(comparison.left_out(LEFT_OUT))
    tests = (name for name in names if name.startswith("test_") and not name.startswith(skipped))
    return sorted(tests) + DOCTESTS


def environment(package, on_spark):
    """The variables of tests and server."""
    inherited = os.environ.get("PYTHONPATH", "")
    found = {"PYSPARK_ZIP": package, "PYTHONHASHSEED": "0"}
    if on_spark:
        return {**found, "PYTHONPATH": inherited, "SPARK_HOME": os.environ["SPARK_HOME"]}
    stand_ins = comparison.HERE / "no_jvm"
    return {**found, "PYTHONPATH": f"{stand_ins}:{inherited}".rstrip(":"), "SPARK_CONNECT_MODE_ENABLED": "1"}


def main():
    package = sys.argv.pop(1)
    suite = comparison.Suite(
        package=PACKAGE.rstrip("."),
        script="rdd_tests_module.py",
        names=comparison.HERE / "rdd-tests.txt",
        left_out=LEFT_OUT,
        modules=modules(package),
        title="PySpark's own tests of SparkContext and RDDs",
        about=ABOUT,
        environment=environment(package, "--record" in sys.argv),
    )
    comparison.main(suite, __doc__)


if __name__ == "__main__":
    main()
