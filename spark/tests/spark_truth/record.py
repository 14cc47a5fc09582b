"""Records what Apache Spark answers when it reads the files of cases.json.

    python3 -m venv venv && venv/bin/pip install pyspark==4.1.1
    venv/bin/python record.py

Writes answers.json beside it: for each case the schema as DDL and the rows as JSON,
or the error class and message. Needs Java 17.
"""

import json
import pathlib
import re
import shutil
import sys
import tempfile

from pyspark.sql import SparkSession

HERE = pathlib.Path(__file__).parent


def write_files(root, files):
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, dict):
            path.write_bytes(bytes.fromhex(content["hex"]))
        else:
            path.write_text(content, newline="")


def answer(spark, case, root):
    reader = spark.read.format(case["format"])
    for key, value in case.get("options", {}).items():
        reader = reader.option(key, value.replace("$ROOT", str(root)))
    if "schema" in case:
        reader = reader.schema(case["schema"])
    paths = [p if ":" in p else f"{root}/{p}" for p in case["paths"]]
    try:
        frame = reader.load(paths)
        rows = frame.toJSON().collect()
        # toJSON leaves nulls out; a row is compared with its missing keys as null.
        fields = [f.simpleString().split(":", 1) for f in frame.schema.fields]
        return {"schema": fields, "rows": sorted((json.loads(r) for r in rows), key=json.dumps)}
    except Exception as error:  # errors of tasks come wrapped by Py4J, with their stack
        text = str(error).replace(str(root), "$ROOT")
        found = re.findall(r"\[([A-Z][A-Z_]+(?:\.[A-Z_]+)*)\] ([^\n]*)", text)
        classes = list(dict.fromkeys(name for name, _ in found))
        return {"error": classes, "message": found[0][1] if found else text[:500]}


def main():
    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.jsonGenerator.ignoreNullFields", "true")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("OFF")
    cases = json.loads((HERE / "cases.json").read_text())
    answers = {}
    for case in cases:
        root = pathlib.Path(tempfile.mkdtemp())
        write_files(root, case["files"])
        answers[case["name"]] = answer(spark, case, root)
        shutil.rmtree(root)
    text = json.dumps(answers, indent=1, ensure_ascii=False, sort_keys=True)
    (HERE / "answers.json").write_text(text + "\n")
    spark.stop()


if __name__ == "__main__":
    sys.exit(main())
