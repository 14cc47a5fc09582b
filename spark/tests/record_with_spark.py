"""Records what Apache Spark answers to the scripts in sql/, as sql/NAME.out beside sql/NAME.sql.

Needs Java 17 and `pip install pyspark==4.1.1`. Run it in this folder:

    python record_with_spark.py [NAME ...]

Statements end with a semicolon at the end of a line. An answer is the table that `show` prints, or the
error without the plan that Spark appends to it.
"""

import pathlib
import re
import sys

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

HERE = pathlib.Path(__file__).parent / "sql"
SEPARATOR = "-- >>> "


def statements(script):
    code = "\n".join(line for line in script.splitlines() if not line.startswith("--"))
    return [part.strip() for part in re.split(r";[ \t]*(?:\n|$)", code) if part.strip()]


def error_text(error):
    text = str(error).split("JVM stacktrace")[0].strip("\n")
    found = re.search(r"\[[A-Z_0-9.]+\] .*", text, re.S)
    text = found.group(0) if found else text
    if "\n== SQL ==\n" in text:
        return text.rstrip("\n")
    end = re.search(r"SQLSTATE: \w{5}(; line \d+ pos \d+)?", text)
    return text[: end.end()] if end else text


def answer(spark, statement):
    try:
        frame = spark.sql(statement)
        return frame._jdf.showString(20, 20, False).rstrip("\n")
    except PySparkException as error:
        return error_text(error)
    except Exception as error:  # errors that PySpark has no class for
        return error_text(error)


def main():
    spark = (
        SparkSession.builder.master("local[1]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "1")
        .config("spark.sql.session.timeZone", "UTC")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("OFF")
    names = sys.argv[1:] or sorted(path.stem for path in HERE.glob("*.sql"))
    for name in names:
        session = spark.newSession()
        out = []
        for statement in statements((HERE / f"{name}.sql").read_text()):
            out.append(SEPARATOR + statement.replace("\n", "\n-- ... "))
            out.append(answer(session, statement))
        (HERE / f"{name}.out").write_text("\n".join(out) + "\n")


if __name__ == "__main__":
    main()
