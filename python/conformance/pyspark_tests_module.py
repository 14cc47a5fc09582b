"""Runs one module of PySpark's own tests and tells of each test as it ends.

    pyspark_tests_module.py MODULE OUT SECONDS

SPARK_CONNECT_TESTING_REMOTE names the server. OUT gets a line of JSON a test: its name without
the package, its outcome (passed, failed or skipped) and for a failure its trace. A test that does
not end within SECONDS is ended by a signal.
"""

import json
import signal
import sys
import traceback
import unittest

PACKAGE = "pyspark.sql.tests.connect."


def tell(file, name, outcome, told=""):
    """Writes the outcome of one test."""
    file.write(json.dumps({"name": name, "outcome": outcome, "told": told}) + "\n")
    file.flush()


class TookTooLong(Exception):
    """A test ran into its time limit."""


def on_alarm(*_):
    raise TookTooLong("no end in time")


class Teller(unittest.TestResult):
    """Writes the outcome of each test when it has ended."""

    def __init__(self, file, seconds, package):
        super().__init__()
        self.file = file
        self.package = package
        self.seconds = seconds
        self.part_failed = None

    def tell(self, test, outcome, told=""):
        tell(self.file, test.id().removeprefix(self.package), outcome, told)

    def failed(self, test, error):
        self.tell(test, "failed", "".join(traceback.format_exception(*error)))

    def startTest(self, test):
        super().startTest(test)
        self.part_failed = None
        signal.alarm(self.seconds)

    def stopTest(self, test):
        signal.alarm(0)
        if self.part_failed:
            self.failed(test, self.part_failed)
        super().stopTest(test)

    def addSuccess(self, test):
        self.tell(test, "passed")

    def addExpectedFailure(self, test, err):
        self.tell(test, "passed")

    def addUnexpectedSuccess(self, test):
        self.tell(test, "failed", "was expected to fail")

    def addSkip(self, test, reason):
        self.tell(test, "skipped", reason)

    def addFailure(self, test, err):
        self.failed(test, err)

    def addError(self, test, err):
        self.failed(test, err)

    def addSubTest(self, test, subtest, err):
        # Told once for the whole test, whatever part of it failed.
        if err and not self.part_failed:
            self.part_failed = err


def own(suite, module):
    """The tests of classes that this module defines."""
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from own(test, module)
        elif type(test).__module__ in (module, "unittest.loader"):
            yield test


def run(package, module, file, seconds):
    """Runs a module of tests."""
    signal.signal(signal.SIGALRM, on_alarm)
    loaded = unittest.defaultTestLoader.loadTestsFromName(package + module)
    # Classes that the module only imports have tests as well.
    unittest.TestSuite(own(loaded, package + module)).run(Teller(file, seconds, package))


def main():
    module, out, seconds = sys.argv[1:]
    with open(out, "w", encoding="utf-8") as file:
        run(PACKAGE, module, file, int(seconds))


if __name__ == "__main__":
    main()
