"""Runs PySpark's own tests of Spark Connect against a server and compares with Spark's outcome.

    pyspark_tests.py --server COMMAND [--record] [--json FILE] [--page FILE] [--log DIR] [MODULE ...]

COMMAND starts the server on the port that replaces `{port}`; each module of tests has a server and
a process of its own. The tests that pass against Spark itself are listed in pyspark-tests.txt; with
--record COMMAND is Spark and the list is written. What counts is how many of the list pass: a line a
module, then the failures by reason. --json writes what each failed test said, --page the figures as
Markdown, --log names the folder for what servers and tests print. The modules of left-out.tsv are not run.
The exit code is 1 when a module could not be run.
"""

import argparse
import collections
import json
import os
import pathlib
import pkgutil
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
PACKAGE = "pyspark.sql.tests.connect"
NAMES = HERE / "pyspark-tests.txt"
LEFT_OUT = HERE / "left-out.tsv"
START_SECONDS = 300
TEST_SECONDS = 120
MODULE_SECONDS = 1800
# A slow machine is not to keep a test off the list.
RECORDING_FACTOR = 5


def left_out():
    """By the start of a module's name: why it is not run."""
    rows = (line.split("\t") for line in LEFT_OUT.read_text().splitlines() if not line.startswith("#"))
    return {start: reason for start, reason in rows}


def modules():
    """The modules of tests that are run."""
    import pyspark.sql.tests.connect as package

    skipped = tuple(left_out())
    found = (info.name.removeprefix(PACKAGE + ".") for info in pkgutil.walk_packages(package.__path__, PACKAGE + "."))
    return sorted(
        name for name in found if name.rpartition(".")[2].startswith("test_") and not name.startswith(skipped)
    )



def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(port, server):
    """Returns when the port answers."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise RuntimeError(f"the server ended with code {server.returncode}")
        try:
            socket.create_connection(("localhost", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"the server did not listen within {START_SECONDS} s")


def end(process):
    """Ends a process with all it started, and waits for it."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(20)
            return
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def run_module(name, command, log, factor):
    """What each test of a module came to: by name, its outcome and what it told."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="pyspark-tests-"))
    out = log / f"{name}.jsonl"
    out.unlink(missing_ok=True)
    port = free_port()
    # Functions of the tests look for a SPARK_HOME in the server's Python workers as well.
    home = {**os.environ, "SPARK_HOME": str(folder), "TZ": "UTC"}
    with open(log / f"{name}.server.log", "wb") as told:
        server = subprocess.Popen(
            shlex.split(command.format(port=port)),
            cwd=folder,
            env=home,
            stdout=told,
            stderr=told,
            start_new_session=True,
        )
    environment = {**home, "SPARK_CONNECT_TESTING_REMOTE": f"sc://localhost:{port}", "SPARK_TESTING": "1"}
    try:
        wait_for(port, server)
        with open(log / f"{name}.log", "wb") as told:
            tests = subprocess.Popen(
                [sys.executable, str(HERE / "pyspark_tests_module.py"), name, str(out), str(factor * TEST_SECONDS)],
                cwd=folder,
                env=environment,
                stdout=told,
                stderr=told,
                start_new_session=True,
            )
            try:
                tests.wait(factor * MODULE_SECONDS)
            except subprocess.TimeoutExpired:
                print(f"{name}: no end after {factor * MODULE_SECONDS} s", flush=True)
            finally:
                end(tests)
    finally:
        end(server)
    if not out.exists():
        raise RuntimeError((log / f"{name}.log").read_text(errors="replace")[-2000:])
    rows = (json.loads(line) for line in out.read_text().splitlines())
    return {row["name"]: row for row in rows}


def reason(result):
    """A short line by which failures are grouped."""
    if result is None:
        return "did not end, or its class could not be set up"
    if result["outcome"] == "skipped":
        return f"skipped: {result['told']}"
    lines = [line for line in result["told"].splitlines() if line and not line.startswith((" ", "Traceback"))]
    said = next((line for line in lines if re.match(r"[\w.]+(Error|Exception|Failure|Plan\w*|TookTooLong)\b", line)), "")
    said = said or (lines[-1] if lines else "nothing said")
    kind, _, text = said.partition(": ")
    kind = kind.rpartition(".")[2]
    error_class = re.match(r"\[?([A-Z][A-Z_]+(\.[A-Z_]+)?)\]", text)
    if error_class and "UNSUPPORTED" not in error_class[1] and "INTERNAL" not in error_class[1]:
        return f"{kind} {error_class[1]}"
    return f"{kind}: {re.sub(r'[0-9]+', 'N', text)}"[:160]


def as_page(version, by_module, failures, skipped):
    good, all_ = (sum(pair[i] for pair in by_module.values()) for i in (0, 1))
    lines = [
        "# PySpark's own tests",
        "",
        f"The tests of Spark Connect that PySpark {version} ships, run against `cerium-driver connect`. Of each module",
        "count the tests that pass against Spark itself (`python/conformance/pyspark-tests.txt`).",
        "Made by `scripts/pyspark-tests --page docs/reference/pyspark-tests.md`; do not edit.",
        "",
        "| module | passed |",
        "|---|---|",
        *(f"| {name} | {passed} of {count} |" for name, (passed, count) in by_module.items()),
        f"| all | {good} of {all_} ({100 * good / max(all_, 1):.1f} %) |",
        "",
        "## Failures by reason",
        "",
        "| tests | reason | such as |",
        "|---|---|---|",
    ]
    for why, names in failures:
        lines.append(f"| {len(names)} | {why.replace('|', chr(92) + '|')} | `{names[0]}` |")
    lines += ["", "## Modules that are not run", "", "| module | reason |", "|---|---|"]
    lines += [f"| `{start}` | {why} |" for start, why in skipped.items()]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", required=True, help="command of the server, with {port}")
    parser.add_argument("--record", action="store_true", help="write the list of the tests that pass")
    parser.add_argument("--json", help="file for the failures")
    parser.add_argument("--page", help="file for the page of the documentation")
    parser.add_argument("--log", help="folder for what servers and tests print")
    parser.add_argument("modules", nargs="*")
    options = parser.parse_intermixed_args()

    listed = NAMES.read_text().split() if NAMES.exists() else []
    log = pathlib.Path(options.log or tempfile.mkdtemp(prefix="pyspark-tests-log-")).resolve()
    log.mkdir(parents=True, exist_ok=True)
    wanted = options.modules or modules()
    results, broken = {}, False
    by_module, by_reason, failed = {}, collections.defaultdict(list), []
    for name in wanted:
        try:
            results = run_module(name, options.server, log, RECORDING_FACTOR if options.record else 1)
        except (RuntimeError, OSError) as error:
            broken = True
            print(f"{name:<48}  did not run: {error}", flush=True)
            results = {}
        passing = [test for test, result in results.items() if result["outcome"] == "passed"]
        if options.record:
            listed = [test for test in listed if not test.startswith(name + ".")] + passing
            NAMES.write_text("".join(f"{test}\n" for test in sorted(set(listed))))
        expected = [test for test in listed if test.startswith(name + ".")]
        by_module[name] = (len(set(passing) & set(expected)), len(expected))
        print(f"{name:<48}{by_module[name][0]:>5} of {len(expected):<5} ({len(results)} run)", flush=True)
        class_errors = {
            found[1]: result for test, result in results.items() if (found := re.match(r"setUpClass \((.*)\)", test))
        }
        for test in sorted(set(expected) - set(passing)):
            of_class = class_errors.get(f"{PACKAGE}.{test.rpartition('.')[0]}")
            result = results.get(test, of_class)
            by_reason[reason(result)].append(test)
            failed.append({"name": test, "told": result["told"] if result else None})
    good, all_ = (sum(pair[i] for pair in by_module.values()) for i in (0, 1))
    print(f"{'all':<48}{good:>5} of {all_:<5} ({100 * good / max(all_, 1):.1f} %)")
    failures = sorted(by_reason.items(), key=lambda item: (-len(item[1]), item[0]))
    for why, names in failures:
        print(f"{len(names):>5}  {why}\n       {', '.join(names[:3])}")
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(failed, indent=1))
    if options.page:
        import pyspark

        page = as_page(pyspark.__version__, by_module, failures, left_out())
        pathlib.Path(options.page).write_text(page)
    print(f"what servers and tests printed: {log}", file=sys.stderr)
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
