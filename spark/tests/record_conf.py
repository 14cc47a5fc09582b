"""Records the SQL configuration of Spark: python record_conf.py > ../src/session/defaults.tsv

Run with the python of an environment that has pyspark 4.1.1 and Java. Columns: key, default (empty: none),
`s` static or `r` for the session, type of value, the key whose value counts where none is set (or empty).
"""

import re
import sys

from pyspark.sql import SparkSession

# Objects that declare keys once they are loaded.
DECLARING = [
    "org.apache.spark.sql.internal.StaticSQLConf$",
    "org.apache.spark.sql.connect.config.Connect$",
    "org.apache.spark.sql.hive.HiveUtils$",
]
# What depends on the machine that recorded.
MACHINE = {"spark.sql.session.timeZone", "spark.sql.warehouse.dir"}


def kind(entry):
    """The type of an entry's values, by what it says to a value of none."""
    try:
        entry.valueConverter().apply("no value of any type")
    except Exception as error:
        found = re.search(r"should be a/an '([a-z]+)' value", str(error))
        return found.group(1) if found else "other"
    return "string"


def fallback(entry):
    """The key whose value an entry has while it has none of its own."""
    return entry.fallback().key() if entry.getClass().getSimpleName() == "FallbackConfigEntry" else ""


def record(spark):
    """All lines, in order."""
    jvm = spark._jvm
    for name in DECLARING:
        getattr(getattr(jvm, name), "MODULE$")
    conf = getattr(getattr(jvm, "org.apache.spark.sql.internal.SQLConf$"), "MODULE$")
    fresh = jvm.org.apache.spark.sql.internal.SQLConf()
    rows = []
    for entry in conf.getConfigEntries().toArray():
        key = entry.key()
        default = "" if key in MACHINE else fresh.getConfString(key) or ""
        if not set(default).isdisjoint("\t\n"):
            sys.exit(f"the default of {key} does not fit into a line")
        static = "s" if conf.isStaticConfigKey(key) else "r"
        rows.append("\t".join([key, default, static, kind(entry), fallback(entry)]).rstrip("\t"))
    return sorted(rows)


def main():
    spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
    sys.stdout.write("\n".join(record(spark)) + "\n")
    spark.stop()


if __name__ == "__main__":
    main()
