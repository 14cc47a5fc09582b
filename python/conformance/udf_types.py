"""Compares the types that Python functions take and give with PySpark's own golden files.

    udf_types.py sc://HOST:PORT PYSPARK_ZIP [TEST ...]

PYSPARK_ZIP is `pyspark/python/lib/pyspark.zip` of the full PySpark package, which holds the tests
and what they are compared with. The table has a line a file: cells that are equal, of how many;
those that are not are printed below it. The exit code is 0 when all are equal.
"""

import contextlib
import io
import sys
import tempfile
import types
import unittest
import zipfile

FOLDER = "pyspark/sql/tests/udf_type_tests/"
MODULES = ("test_udf_input_types", "test_udf_return_types")


class Remote(unittest.TestCase):
    """What the tests need of their base class."""

    spark = None

    @contextlib.contextmanager
    def sql_conf(self, pairs):
        for key, value in pairs.items():
            self.spark.conf.set(key, value)
        try:
            yield
        finally:
            for key in pairs:
                self.spark.conf.unset(key)


def unpacked(path, folder):
    """The tests as a package of their own, and the names of their modules."""
    with zipfile.ZipFile(path) as package:
        for name in package.namelist():
            if name.startswith(FOLDER) and not name.endswith("/"):
                package.extract(name, folder)
    package = types.ModuleType("udf_type_tests")
    package.__path__ = [f"{folder}/{FOLDER}"]
    sys.modules["udf_type_tests"] = package


def cells(table, text):
    """A table's cells by row and column."""
    header, rows = table.parse_table_content(text)
    return {
        (row[0] if row else "", header[i] if i < len(header) else i, number): cell
        for number, row in enumerate(rows)
        for i, cell in enumerate(row)
    }


def main():
    remote, path, *wanted = sys.argv[1:]
    from pyspark.sql import SparkSession

    Remote.spark = SparkSession.builder.appName("udf types").remote(remote).getOrCreate()
    base = types.ModuleType("pyspark.testing.sqlutils")
    base.ReusedSQLTestCase = Remote
    sys.modules["pyspark.testing.sqlutils"] = base
    different = []
    with tempfile.TemporaryDirectory() as folder:
        unpacked(path, folder)
        from importlib import import_module

        table = import_module("udf_type_tests.type_table_utils")

        def compare(self, actual, golden_file, test_name):
            with open(golden_file) as file:
                expected = cells(table, file.read())
            found = cells(table, actual)
            unequal = [(key, cell, found.get(key)) for key, cell in expected.items() if found.get(key) != cell]
            print(f"{len(expected) - len(unequal):5} of {len(expected):5}  {test_name}", flush=True)
            different.extend((test_name, *entry) for entry in unequal)

        suite = unittest.TestSuite()
        for name in MODULES:
            module = import_module(f"udf_type_tests.{name}")
            for case in vars(module).values():
                if isinstance(case, type) and issubclass(case, Remote) and case is not Remote:
                    case._compare_or_create_golden_file = compare
                    suite.addTests(unittest.defaultTestLoader.loadTestsFromTestCase(case))
        chosen = [test for test in suite if not wanted or any(word in test.id() for word in wanted)]
        told = io.StringIO()
        with contextlib.redirect_stderr(told):
            outcome = unittest.TextTestRunner(stream=told).run(unittest.TestSuite(chosen))
    for name, (row, column, _), expected, found in different:
        print(f"{name}: {row} / {column}: expected {expected}, found {found}")
    for test, trace in outcome.errors + outcome.failures:
        print(f"{test.id()}\n{trace}")
    for test, reason in outcome.skipped:
        print(f"skipped: {test.id()}: {reason}")
    Remote.spark.stop()
    return 0 if outcome.wasSuccessful() and not different and not outcome.skipped else 1


if __name__ == "__main__":
    sys.exit(main())
