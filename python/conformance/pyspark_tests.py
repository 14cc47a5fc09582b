"""Runs PySpark's own tests of Spark Connect against a server and compares with Spark's outcome.

    pyspark_tests.py --server COMMAND [--record] [--json FILE] [--page FILE] [--log DIR] [MODULE ...]

COMMAND starts the server on the port that replaces `{port}`. The tests that pass against Spark itself
are listed in pyspark-tests.txt; the modules of left-out.tsv are not run.
"""

import pkgutil

import comparison

PACKAGE = "pyspark.sql.tests.connect"
LEFT_OUT = comparison.HERE / "left-out.tsv"
ABOUT = """
The tests of Spark Connect that PySpark {version} ships, run against `cerium-driver connect`. Of each module
count the tests that pass against Spark itself (`python/conformance/pyspark-tests.txt`).
Made by `scripts/pyspark-tests --page docs/reference/pyspark-tests.md`; do not edit.
"""


def modules():
    """The modules of tests that are run."""
    import pyspark.sql.tests.connect as package

    skipped = tuple(comparison.left_out(LEFT_OUT))
    found = (info.name.removeprefix(PACKAGE + ".") for info in pkgutil.walk_packages(package.__path__, PACKAGE + "."))
    return sorted(
        name for name in found if name.rpartition(".")[2].startswith("test_") and not name.startswith(skipped)
    )


def main():
    import pyspark

    suite = comparison.Suite(
        package=PACKAGE,
        script="pyspark_tests_module.py",
        names=comparison.HERE / "pyspark-tests.txt",
        left_out=LEFT_OUT,
        modules=modules(),
        title="PySpark's own tests",
        about=ABOUT.format(version=pyspark.__version__),
    )
    comparison.main(suite, __doc__)


if __name__ == "__main__":
    main()
