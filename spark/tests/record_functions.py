"""Records the names of Spark's built-in functions: python record_functions.py > ../src/functions/builtin.tsv

Run with the python of an environment that has pyspark 4.1.1 and Java. Columns: name, the class that implements it.
"""

import sys

from pyspark.sql import SparkSession


def main():
    spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
    for (name,) in spark.sql("SHOW SYSTEM FUNCTIONS").collect():
        lines = [row[0] for row in spark.sql(f"DESCRIBE FUNCTION `{name}`").collect()]
        classes = [line.removeprefix("Class: ") for line in lines if line.startswith("Class: ")]
        sys.stdout.write(f"{name}\t{classes[0] if classes else ''}".rstrip("\t") + "\n")
    spark.stop()


if __name__ == "__main__":
    main()
