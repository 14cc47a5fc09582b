"""Runs tests that PySpark ships against a server and compares with what Spark itself makes of them.

Each module of tests has a process of its own and, where there is a server, one of its own. What
counts is how many of the tests that pass against Spark pass here: a line a module, then the
failures by reason. A suite says which tests these are.
"""

import argparse
import collections
import contextlib
import dataclasses
import json
import os
import pathlib
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
START_SECONDS = 300
TEST_SECONDS = 120
MODULE_SECONDS = 1800
# A slow machine is not to keep a test off the list.
RECORDING_FACTOR = 5


OPTIONS = """
--record writes the list of the tests that pass, when the server is Spark itself; --json writes what each
failed test said, --page the figures as Markdown, --log names the folder for what servers and tests print.
The exit code is 1 when a module could not be run.
"""


@dataclasses.dataclass
class Suite:
    """Tests, and what is said of them."""

    # What the names of all tests begin with, and leave out in the list.
    package: str
    # The script that runs one module: MODULE OUT SECONDS.
    script: str
    # The list of the tests that pass against Spark.
    names: pathlib.Path
    # Why modules are not run: the start of their names, a tab, the reason.
    left_out: pathlib.Path
    # The modules that are run.
    modules: list
    # The heading and the first lines of the page.
    title: str
    about: str
    # More variables of the environment of tests and server.
    environment: dict = dataclasses.field(default_factory=dict)


def left_out(file):
    """By the start of a module's name: why it is not run."""
    rows = (line.split("\t") for line in file.read_text().splitlines() if not line.startswith("#"))
    return {start: reason for start, reason in rows}


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


@contextlib.contextmanager
def running(command, folder, environment, log):
    """A server, while it is needed; gives the variables that tests find it by."""
    if command is None:
        yield {}
        return
    port = free_port()
    with open(log, "wb") as told:
        server = subprocess.Popen(
            shlex.split(command.format(port=port)),
            cwd=folder,
            env=environment,
            stdout=told,
            stderr=told,
            start_new_session=True,
        )
    try:
        wait_for(port, server)
        yield {"SPARK_CONNECT_TESTING_REMOTE": f"sc://localhost:{port}"}
    finally:
        end(server)


def run_module(suite, name, command, log, factor):
    """What each test of a module came to: by name, its outcome and what it told."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="pyspark-tests-"))
    out = log / f"{name}.jsonl"
    out.unlink(missing_ok=True)
    # Functions of the tests look for a SPARK_HOME in the server's Python workers as well.
    home = {**os.environ, "SPARK_HOME": str(folder), "TZ": "UTC", **suite.environment}
    script = [sys.executable, str(HERE / suite.script), name, str(out), str(factor * TEST_SECONDS)]
    with running(command, folder, home, log / f"{name}.server.log") as found, open(log / f"{name}.log", "wb") as told:
        environment = {**home, **found, "SPARK_TESTING": "1"}
        tests = subprocess.Popen(
            script, cwd=folder, env=environment, stdout=told, stderr=told, start_new_session=True
        )
        try:
            tests.wait(factor * MODULE_SECONDS)
        except subprocess.TimeoutExpired:
            print(f"{name}: no end after {factor * MODULE_SECONDS} s", flush=True)
        finally:
            end(tests)
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
    # What doctests print is indented, and so is where an error came from.
    lines = [line.strip() for line in result["told"].splitlines() if line.strip()]
    said = next((line for line in lines if re.match(r"[\w.]+(Error|Exception|Failure|Plan\w*|TookTooLong)\b(?!:\s*(\.\.\.)?$)", line)), "")
    said = said or (lines[-1] if lines else "nothing said")
    kind, _, text = said.partition(": ")
    kind = kind.rpartition(".")[2]
    error_class = re.match(r"\[?([A-Z][A-Z_]+(\.[A-Z_]+)?)\]", text)
    if error_class and "UNSUPPORTED" not in error_class[1] and "INTERNAL" not in error_class[1]:
        return f"{kind} {error_class[1]}"
    # Folders of one run say nothing.
    text = re.sub(r"'/[^']*/", "'", text)
    return f"{kind}: {re.sub(r'[0-9]+', 'N', text)}"[:160]


def as_page(suite, by_module, failures):
    good, all_ = (sum(pair[i] for pair in by_module.values()) for i in (0, 1))
    lines = [
        f"# {suite.title}",
        "",
        *suite.about.strip().splitlines(),
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
    lines += [f"| `{start}` | {why} |" for start, why in left_out(suite.left_out).items()]
    return "\n".join(lines) + "\n"


def main(suite, description):
    """Runs the suite as the arguments of the program say."""
    parser = argparse.ArgumentParser(
        description=description + OPTIONS, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--server", help="command of the server, with {port}; without one the tests have none")
    parser.add_argument("--record", action="store_true", help="write the list of the tests that pass")
    parser.add_argument("--json", help="file for the failures")
    parser.add_argument("--page", help="file for the page of the documentation")
    parser.add_argument("--log", help="folder for what servers and tests print")
    parser.add_argument("modules", nargs="*")
    options = parser.parse_intermixed_args()

    listed = suite.names.read_text().split() if suite.names.exists() else []
    log = pathlib.Path(options.log or tempfile.mkdtemp(prefix="pyspark-tests-log-")).resolve()
    log.mkdir(parents=True, exist_ok=True)
    wanted = options.modules or suite.modules
    results, broken = {}, False
    by_module, by_reason, failed = {}, collections.defaultdict(list), []
    for name in wanted:
        try:
            results = run_module(suite, name, options.server, log, RECORDING_FACTOR if options.record else 1)
        except (RuntimeError, OSError) as error:
            broken = True
            print(f"{name:<48}  did not run: {error}", flush=True)
            results = {}
        passing = [test for test, result in results.items() if result["outcome"] == "passed"]
        if options.record:
            listed = [test for test in listed if not test.startswith(name + ".")] + passing
            suite.names.write_text("".join(f"{test}\n" for test in sorted(set(listed))))
        expected = [test for test in listed if test.startswith(name + ".")]
        by_module[name] = (len(set(passing) & set(expected)), len(expected))
        print(f"{name:<48}{by_module[name][0]:>5} of {len(expected):<5} ({len(results)} run)", flush=True)
        class_errors = {
            found[1]: result for test, result in results.items() if (found := re.match(r"setUpClass \((.*)\)", test))
        }
        for test in sorted(set(expected) - set(passing)):
            of_class = class_errors.get(f"{suite.package}.{test.rpartition('.')[0]}")
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
        pathlib.Path(options.page).write_text(as_page(suite, by_module, failures))
    print(f"what servers and tests printed: {log}", file=sys.stderr)
    sys.exit(1 if broken else 0)
