"""Runs one module of PySpark's own tests of SparkContext and RDDs, or its doctests.

    rdd_tests_module.py MODULE OUT SECONDS

As pyspark_tests_module.py; where SPARK_CONNECT_TESTING_REMOTE names a server Cerium's add-on is used,
else Spark itself. PYSPARK_ZIP names the package that the docstrings are read from: those of the add-on's
own classes are not PySpark's.
"""

import ast
import contextlib
import doctest
import importlib
import io
import os
import signal
import sys
import tempfile
import zipfile

import pyspark_tests_module

PACKAGE = "pyspark.tests."
ADD_ON = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Quiet:
    """Stands in for what sets the level of Log4j."""

    def __init__(self, sc):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None


def use_add_on(remote):
    """Installs the add-on, as the driver does for programs."""
    os.environ["SPARK_REMOTE"] = remote
    sys.path.insert(0, ADD_ON)
    import cerium_client

    cerium_client.install()
    import pyspark.testing.utils

    pyspark.testing.utils.QuietTest = Quiet


def documented(tree, prefix=""):
    """The names and docstrings of a module's classes and functions."""
    if text := ast.get_docstring(tree):
        yield prefix.rstrip(".") or "module", text
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            yield from documented(node, f"{prefix}{node.name}.")


def names(tree, module):
    """What the examples of a module may use: what it has, and what it imports."""
    found = {**vars(importlib.import_module(f"pyspark.{module.rpartition('.')[2]}"))}
    for node in tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            # Much of what PySpark imports is there only with a JVM, and no example needs it.
            with contextlib.suppress(ImportError):
                exec(compile(ast.Module([node], []), module, "exec"), found)
    return {**found, "__name__": "__main__"}


def expect_own_errors(test):
    """Lets any error of PySpark's stand for one out of the JVM, as for the tests."""
    for example in test.examples:
        if example.exc_msg and "Py4JJavaError" in example.exc_msg:
            example.exc_msg = "pyspark.errors.exceptions...\n"


def run_block(test, seconds):
    """Whether all examples of a docstring print what they should, and what was printed else."""
    printed = io.StringIO()
    signal.alarm(seconds)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            outcome = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS, verbose=False).run(
                test, out=printed.write, clear_globs=False
            )
        return outcome.failed == 0, printed.getvalue()
    except Exception as error:  # a block must not end the run
        return False, printed.getvalue() + repr(error)
    finally:
        signal.alarm(0)


def start():
    """A context such as PySpark's own runner of doctests makes."""
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    sc = SparkContext("local[4]", "doctests")
    sc.setCheckpointDir(tempfile.mkdtemp(prefix="doctests-"))
    return {"sc": sc, "spark": SparkSession.builder.getOrCreate()}


def run_doctests(module, file, seconds):
    """Runs each docstring with examples as a test."""
    signal.signal(signal.SIGALRM, pyspark_tests_module.on_alarm)
    with contextlib.suppress(ImportError):
        import numpy

        numpy.set_printoptions(legacy="1.25")
    with zipfile.ZipFile(os.environ["PYSPARK_ZIP"]) as package:
        tree = ast.parse(package.read(f"pyspark/{module.replace('.', '/')}.py"))
    known, made = names(tree, module), None
    for name, text in documented(tree):
        test = doctest.DocTestParser().get_doctest(text, {}, name, None, 0)
        if not test.examples:
            continue
        if "SPARK_REMOTE" in os.environ:
            expect_own_errors(test)
        from pyspark import SparkContext

        # Some examples end the context.
        if made is None or SparkContext._active_spark_context is not made["sc"]:
            if SparkContext._active_spark_context is not None:
                SparkContext._active_spark_context.stop()
            made = start()
        test.globs = {**known, **made}
        passed, told = run_block(test, seconds)
        pyspark_tests_module.tell(file, f"{module}.{name}", "passed" if passed else "failed", told)


def leave_out_the_mode():
    """Without the test that each class inherits that this is not Spark Connect: it is, and says so."""
    from pyspark.testing.utils import ReusedPySparkTestCase

    del ReusedPySparkTestCase.test_assert_classic_mode


def main():
    module, out, seconds = sys.argv[1:]
    remote = os.environ.get("SPARK_CONNECT_TESTING_REMOTE")
    if remote:
        use_add_on(remote)
    with open(out, "w", encoding="utf-8") as file:
        if module.startswith("test_"):
            leave_out_the_mode()
            pyspark_tests_module.run(PACKAGE, module, file, int(seconds))
        else:
            run_doctests(module, file, int(seconds))


if __name__ == "__main__":
    main()
