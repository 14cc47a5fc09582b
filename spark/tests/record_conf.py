"""Records the SQL configuration of Spark: python record_conf.py > ../src/session/defaults.tsv
and what it asks of values: python record_conf.py limits > ../src/session/limits.tsv

Run with the python of an environment that has pyspark 4.1.1 and Java. Columns of the first: key, default (empty: none),
`s` static or `r` for the session, type of value, the key whose value counts where none is set (or empty).
Of the second: key, key that errors name, kind of limit, limit, Spark's words for it. A limit is a range of numbers, both
ends included; of bytes (`size`); or a list of texts, in the capitals given (`exact`) or any (`text`).
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


REQUIREMENT = re.compile(r"REQUIREMENT\] The value '(.*?)' in the config \"(.*?)\" is invalid\. (.*) SQLSTATE", re.S)
OPTIONS = re.compile(r"in the config \"(.*?)\" is invalid\. It should be one of '(.*)'\. SQLSTATE")


def refusal(entry, value):
    """What the entry says against a value, or nothing."""
    try:
        entry.valueConverter().apply(value)
    except Exception as error:
        return str(error)
    return None


def edge(entry, good, bad, numbers):
    """The last number from good to bad that is not refused."""
    while True:
        middle = (good + bad) // 2 if numbers is int else (good + bad) / 2
        if middle in (good, bad):
            break
        if refusal(entry, str(middle)):
            bad = middle
        else:
            good = middle
    # Halves are rounded down: next to each other, the lower of two is the middle.
    return good


def limit(entry, default):
    """Kind, limit and words of what an entry asks of values, with the key its errors name."""
    options = OPTIONS.search(refusal(entry, "no value of any type") or refusal(entry, "77") or "")
    if options:
        key, names = options.groups()
        first = names.split(", ")[0]
        folded = not (refusal(entry, first.lower()) or refusal(entry, first.upper()))
        return key, "text" if folded else "exact", names, ""
    numbers = float if "." in default else int
    match = re.fullmatch(r"(-?[0-9.]+(?:E[0-9]+)?)(b?)", default)
    good = numbers(match[1]) if match else next((n for n in (1, 16, 0) if not refusal(entry, str(n))), None)
    if good is None:
        return None
    low, high = good, good
    found = None
    for far in (-(2**31), 2**31 - 1):
        refused = REQUIREMENT.search(refusal(entry, str(far)) or "")
        end = far if not refused else edge(entry, good, numbers(far), numbers)
        low, high = min(low, end), max(high, end)
        found = found or refused
    if not found:
        return None
    shown, key, words = found.groups()
    if shown.endswith("ms"):
        return None
    kind = "size" if shown.endswith("b") else "number"
    bounds = [str(n) if abs(n) < 2**31 - 1 else "" for n in (low, high)]
    return key, kind, "..".join(bounds), words


def entries(spark):
    """All entries, once they are declared, with their defaults."""
    jvm = spark._jvm
    for name in DECLARING:
        getattr(getattr(jvm, name), "MODULE$")
    conf = getattr(getattr(jvm, "org.apache.spark.sql.internal.SQLConf$"), "MODULE$")
    fresh = jvm.org.apache.spark.sql.internal.SQLConf()
    for entry in conf.getConfigEntries().toArray():
        yield conf, entry, fresh.getConfString(entry.key()) or ""


def record_limits(spark):
    """The lines of limits, in order."""
    rows = []
    for conf, entry, default in entries(spark):
        key = entry.key()
        found = None if conf.isStaticConfigKey(key) else limit(entry, default)
        if found:
            named, *rest = found
            rows.append("\t".join([key, "" if named == key else named, *rest]).rstrip("\t"))
    return sorted(rows)


def record(spark):
    """The lines of defaults, in order."""
    rows = []
    for conf, entry, default in entries(spark):
        key = entry.key()
        default = "" if key in MACHINE else default
        if not set(default).isdisjoint("\t\n"):
            sys.exit(f"the default of {key} does not fit into a line")
        static = "s" if conf.isStaticConfigKey(key) else "r"
        rows.append("\t".join([key, default, static, kind(entry), fallback(entry)]).rstrip("\t"))
    return sorted(rows)


def main():
    spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
    lines = record_limits(spark) if sys.argv[1:] == ["limits"] else record(spark)
    sys.stdout.write("\n".join(lines) + "\n")
    spark.stop()


if __name__ == "__main__":
    main()
