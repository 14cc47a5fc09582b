"""Runs PySpark's own examples with RDDs as manifests, unchanged, and compares what they print with Spark's.

    rdd_examples.py SPARK_HOME --driver PROGRAM [EXAMPLE ...]

SPARK_HOME is the folder of the PySpark package, which holds the examples and their data, PROGRAM is
`cerium-driver`. A line an example; the exit code is 1 when one differs.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile

SECONDS = 600


def exactly(lines):
    """What is printed, line by line."""
    return lines


def in_any_order(lines):
    """Lines whose order is nobody's promise."""
    return sorted(lines)


def last(lines):
    """The last line alone: others depend on the moment."""
    return lines[-1:]


def rounded(digits):
    """Lines with their numbers rounded."""

    def round_numbers(lines):
        return [re.sub(r"-?\d+\.\d*", lambda number: f"{float(number[0]):.{digits}f}", line) for line in lines]

    return round_numbers


def converged(lines):
    """The numbers at the end of a search that begins anywhere."""
    text = " ".join(lines)
    return rounded(2)([" ".join(text[text.index("Final") :].split())])


@dataclasses.dataclass
class Example:
    """A script below examples/src/main/python, its arguments, and what is compared."""

    script: str
    arguments: list = dataclasses.field(default_factory=list)
    compared: object = exactly
    # What it says where it cannot run: its exit code is not 0 then.
    refusal: str = None
    conf: dict = dataclasses.field(default_factory=dict)


def examples(home, folder):
    """The examples; `folder` gets data for those that come without."""
    numbers = folder / "numbers.txt"
    numbers.write_text("".join(f"{i * 7919 % 1009} {i * 104729 % 997}\n" for i in range(2000)))
    points = folder / "points.txt"
    # Labels by chance, which no plane can tell apart: the search has one end.
    chance = random.Random(7)
    rows = ([chance.choice((-1, 1)), *(round(chance.uniform(-0.5, 0.5), 2) for _ in range(10))] for _ in range(60))
    points.write_text("".join(" ".join(map(str, row)) + "\n" for row in rows))
    data = home / "data" / "mllib"
    users = home / "examples" / "src" / "main" / "resources"
    return {
        # Workers that are forked of one process throw the same dice, in Spark too.
        "pi": Example("pi.py", ["10"], rounded(0)),
        "wordcount": Example("wordcount.py", [data / "pagerank_data.txt"]),
        "sort": Example("sort.py", [numbers]),
        "als": Example("als.py"),
        "kmeans": Example("kmeans.py", [data / "kmeans_data.txt", "2", "0.1"], rounded(6)),
        "pagerank": Example("pagerank.py", [data / "pagerank_data.txt", "5"], in_any_order),
        "transitive_closure": Example(
            "transitive_closure.py",
            # Partitions double with each of its rounds otherwise: on Spark too it takes minutes then.
            conf={"spark.default.parallelism": "2"},
        ),
        "logistic_regression": Example("logistic_regression.py", [points, "100"], converged),
        "status_api_demo": Example("status_api_demo.py", [], last),
        "parquet_inputformat": Example("parquet_inputformat.py", [users / "users.parquet"], refusal="newAPIHadoopFile"),
        "avro_inputformat": Example("avro_inputformat.py", [users / "users.avro"], refusal="newAPIHadoopFile"),
    }


def manifest(script, arguments, conf):
    """A SparkApplication of a script, as JSON, which is YAML."""
    return json.dumps(
        {
            "apiVersion": "sparkoperator.k8s.io/v1beta2",
            "kind": "SparkApplication",
            "metadata": {"name": "example"},
            "spec": {
                "type": "Python",
                "pythonVersion": "3",
                "mode": "cluster",
                "sparkVersion": "4.1.1",
                "mainApplicationFile": str(script),
                "arguments": arguments,
                "sparkConf": conf,
                "driver": {"cores": 1, "memory": "1g"},
                "executor": {"instances": 1, "cores": 2, "memory": "1g"},
            },
        }
    )


def run(command, folder, **variables):
    """Exit code, printed lines, and all that was said."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    return done.returncode, [line.rstrip() for line in done.stdout.splitlines() if line.strip()], done.stderr


def verdict(example, home, driver, folder):
    """None where an example does as Spark does, else what it does."""
    script = home / "examples" / "src" / "main" / "python" / example.script
    arguments = [str(argument) for argument in example.arguments]
    file = folder / "example.yaml"
    file.write_text(manifest(script, arguments, example.conf))
    code, ours, told = run([driver, "run", file], folder)
    if example.refusal:
        if code and example.refusal in told:
            return None
        return f"exit code {code} and no word of {example.refusal}: {told[-500:]}"
    if code:
        return f"exit code {code}: {told[-2000:]}"
    settings = "".join(f"--conf {key}={value} " for key, value in example.conf.items())
    spark_code, theirs, spark_told = run(
        [sys.executable, script, *arguments],
        folder,
        SPARK_HOME=str(home),
        PYSPARK_PYTHON=sys.executable,
        # The package itself: this Python has the client alone, but all that examples need.
        PYTHONPATH=":".join(map(str, (home / "python" / "lib").glob("*.zip"))),
        PYSPARK_SUBMIT_ARGS=f"--master local[2] --conf spark.ui.enabled=false {settings}pyspark-shell",
    )
    if spark_code:
        return f"Spark itself: exit code {spark_code}: {spark_told[-2000:]}"
    ours, theirs = example.compared(ours), example.compared(theirs)
    if ours == theirs:
        return None
    pairs = [pair for pair in zip(ours, theirs) if pair[0] != pair[1]]
    return f"{len(ours)} lines, Spark's {len(theirs)}; the first that differ: {pairs[:3]}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home", type=pathlib.Path)
    parser.add_argument("--driver", required=True)
    parser.add_argument("names", nargs="*")
    options = parser.parse_intermixed_args()
    different = False
    with tempfile.TemporaryDirectory(prefix="rdd-examples-") as folder:
        known = examples(options.home, pathlib.Path(folder))
        for name in options.names or known:
            told = verdict(known[name], options.home, options.driver, pathlib.Path(folder))
            different = different or told is not None
            print(f"{name:<24}{'as on Spark' if told is None else told}", flush=True)
    sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()
