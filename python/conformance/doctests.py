"""Runs the doctests that PySpark ships in its own docstrings against a Spark Connect server.

    doctests.py sc://HOST:PORT [--json FILE] [--page FILE] [--show NAME] [MODULE ...]

A block is one docstring; it passes when each of its examples does. The table has a line a module;
with --json the failures are written with what was expected and what came, with --page the table and
the failures with their reasons (reasons.tsv) as Markdown. The exit code is 0 when all blocks ran, whether they passed or not, and 1 when a module could not be run.
"""

import argparse
import contextlib
import doctest
import importlib
import io
import json
import os
import signal
import sys
import tempfile

# PySpark's classic modules hold the docstrings of these three; the others copy theirs.
CLASSIC = {"column", "dataframe", "window"}
MODULES = [
    "functions.builtin",
    "functions.partitioning",
    "dataframe",
    "column",
    "group",
    "window",
    "readwriter",
    "catalog",
    "session",
    "conf",
    "tvf",
    "observation",
    "merge",
]
# What PySpark's own test runner of these modules sets.
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL
BLOCK_SECONDS = 60


class TookTooLong(Exception):
    """A block ran into its time limit."""


def on_alarm(*_):
    raise TookTooLong(f"no end after {BLOCK_SECONDS} s")


def new_session(remote):
    from pyspark.sql import SparkSession

    return SparkSession.builder.appName("doctests").remote(remote).getOrCreate()


def usable(spark):
    try:
        spark.sql("select 1").collect()
        return True
    except Exception:
        return False


def run_block(test, spark):
    """Failed and attempted examples of one docstring, and what the failed ones printed."""
    import pyspark.sql.functions

    test.globs = {
        **test.globs,
        "spark": spark,
        "os": os,
        "sf": pyspark.sql.functions,
        "F": pyspark.sql.functions,
    }
    printed = io.StringIO()
    signal.alarm(BLOCK_SECONDS)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            outcome = doctest.DocTestRunner(optionflags=FLAGS, verbose=False).run(
                test, out=printed.write, clear_globs=False
            )
        return outcome.failed, outcome.attempted, printed.getvalue()
    except Exception as error:  # a block must not end the run
        return len(test.examples), len(test.examples), printed.getvalue() + repr(error)
    finally:
        signal.alarm(0)


def run_module(name, remote, only):
    package = "pyspark.sql" if name in CLASSIC else "pyspark.sql.connect"
    module = importlib.import_module(f"{package}.{name}")
    spark = new_session(remote)
    result = {"blocks": 0, "passed": 0, "examples": 0, "examples_passed": 0, "failures": []}
    for test in doctest.DocTestFinder(exclude_empty=True).find(module):
        if not test.examples or (only and not test.name.endswith(only)):
            continue
        failed, attempted, printed = run_block(test, spark)
        result["blocks"] += 1
        result["passed"] += failed == 0
        result["examples"] += attempted
        result["examples_passed"] += attempted - failed
        if failed:
            result["failures"].append({"name": test.name, "failed": failed, "of": attempted, "printed": printed})
            if only:
                print(printed)
        if not usable(spark):
            with contextlib.suppress(Exception):
                spark.stop()
            spark = new_session(remote)
    with contextlib.suppress(Exception):
        spark.stop()
    return result


def read_reasons(path):
    """By the name of a block without `pyspark.sql.`: why it fails."""
    with open(path, encoding="utf-8") as file:
        rows = (line.rstrip("\n").split("\t") for line in file if line.strip() and not line.startswith("#"))
        return {name: reason for name, reason in rows}


def as_page(version, results, total, reasons):
    lines = [
        "# PySpark's own doctests",
        "",
        f"The examples in the docstrings of PySpark {version}, run against `cerium-driver connect`. A block is one",
        "docstring; it passes when each of its examples prints what PySpark's documentation says.",
        "Made by `scripts/doctests --page docs/reference/doctests.md`; do not edit.",
        "",
        "| module | blocks passed | examples passed |",
        "|---|---|---|",
    ]
    for name, result in [*results.items(), ("all", total)]:
        lines.append(
            f"| {name} | {result['passed']} of {result['blocks']} | "
            f"{result['examples_passed']} of {result['examples']} |"
        )
    lines += ["", "## What fails", "", "| block | examples that fail | reason |", "|---|---|---|"]
    for module, result in results.items():
        for failure in result["failures"]:
            name = failure["name"].removeprefix("pyspark.sql.")
            reason = reasons.get(name, "not looked into yet").replace("|", "\\|")
            lines.append(f"| `{name}` | {failure['failed']} of {failure['of']} | {reason} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("remote")
    parser.add_argument("--json", help="file for the failures")
    parser.add_argument("--page", help="file for the page of the documentation")
    parser.add_argument("--show", help="only blocks whose name ends so, with what they printed")
    parser.add_argument("modules", nargs="*", default=MODULES)
    options = parser.parse_intermixed_args()

    # Read when PySpark's modules are imported.
    os.environ["SPARK_CONNECT_TESTING_REMOTE"] = options.remote
    report = options.json and os.path.abspath(options.json)
    page = options.page and os.path.abspath(options.page)
    reasons_file = os.path.join(os.path.dirname(os.path.abspath(__file__)), "reasons.tsv")
    os.chdir(tempfile.mkdtemp(prefix="doctests-"))
    signal.signal(signal.SIGALRM, on_alarm)

    results, broken = {}, False
    print(f"{'module':<24}{'blocks':>12}{'examples':>14}")
    for name in options.modules or MODULES:
        try:
            results[name] = result = run_module(name, options.remote, options.show)
        except Exception as error:
            broken = True
            print(f"{name:<24}  did not run: {error!r}")
            continue
        print(
            f"{name:<24}{result['passed']:>6}/{result['blocks']:<5}"
            f"{result['examples_passed']:>8}/{result['examples']:<5}",
            flush=True,
        )
    total = {key: sum(r[key] for r in results.values()) for key in ("blocks", "passed", "examples", "examples_passed")}
    print(f"{'all':<24}{total['passed']:>6}/{total['blocks']:<5}{total['examples_passed']:>8}/{total['examples']:<5}")
    if report:
        with open(report, "w", encoding="utf-8") as file:
            json.dump({"total": total, "modules": results}, file, indent=1)
    if page:
        import pyspark

        with open(page, "w", encoding="utf-8") as file:
            file.write(as_page(pyspark.__version__, results, total, read_reasons(reasons_file)))
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
