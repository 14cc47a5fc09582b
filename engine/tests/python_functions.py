"""Pickles the functions of tests/python.rs as a client would, each to a file of the given folder."""

import os
import sys
import time

from pyspark.serializers import CloudPickleSerializer
from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    IntegerType,
    LongType,
    MapType,
    StringType,
    StructField,
    StructType,
    VariantType,
)

FOLDER = sys.argv[1]


def put(name, *command):
    command = command[0] if len(command) == 1 else command
    with open(os.path.join(FOLDER, name), "wb") as file:
        file.write(CloudPickleSerializer().dumps(command))


def plus_one(x):
    return None if x is None else x + 1


def plus_one_each(iterator):
    for x in iterator:
        yield x + 1


def arrow_plus_one(x):
    import pyarrow.compute

    return pyarrow.compute.add(x, 1)


def arrow_plus_one_each(iterator):
    for x in iterator:
        yield arrow_plus_one(x)


def label(x, *, suffix):
    return "%s%s" % (x, suffix)


def kind(x):
    return "%s:%r" % (type(x).__name__, x)


def divide(x):
    return 1 // (x - 1)


def leave(x):
    os._exit(3)


def hang(path):
    with open(path + ".new", "w") as file:
        file.write(str(os.getpid()))
    os.rename(path + ".new", path)
    time.sleep(3600)


put("plus_one", plus_one, LongType())
put("plus_one_each", plus_one_each, LongType())
put("arrow_plus_one", arrow_plus_one, LongType())
put("arrow_plus_one_each", arrow_plus_one_each, LongType())
put("label", label, StringType())
put("kind", kind, StringType())
put("named", lambda x: "%s %s" % (type(x).__name__, x), StringType())
put("same_variant", lambda x: x, VariantType())
put("divide", divide, LongType())
put("leave", leave, LongType())
put("hang", hang, LongType())
put("pid", lambda: os.getpid(), LongType())

# What Spark makes of results of other types than the declared one.
VALUES = {
    "true": True,
    "one": 1,
    "float": 1.5,
    "text": "a",
    "bytes": b"ab",
    "list": [1, 2],
    "dict": {"a": 1},
    "big": 2**31,
}
TYPES = {
    "boolean": BooleanType(),
    "int": IntegerType(),
    "bigint": LongType(),
    "double": DoubleType(),
    "string": StringType(),
    "binary": BinaryType(),
    "array": ArrayType(IntegerType()),
    "map": MapType(StringType(), IntegerType()),
}
for value_name, value in VALUES.items():
    for type_name, data_type in TYPES.items():
        put("%s_as_%s" % (value_name, type_name), lambda value=value: value, data_type)
put("none_as_date", lambda: None, DateType())
put("decimal", lambda: __import__("decimal").Decimal("1.255"), DecimalType(10, 2))
put("pair", lambda x: (x, "n%s" % x), StructType([StructField("a", LongType()), StructField("b", StringType())]))

ROWS = StructType([StructField("k", StringType()), StructField("v", LongType())])


def gaps(frames):
    for frame in frames:
        yield frame.assign(v=None)


put("gaps", gaps, ROWS)


def double_frames(frames):
    for frame in frames:
        yield frame.assign(v=frame.v * 2)


def no_batches(batches):
    return iter(())


def pass_batches(batches):
    yield from batches


def subtract_least(frame):
    return frame.assign(v=frame.v - frame.v.min())


def name_key(key, frame):
    import pandas as pd

    return pd.DataFrame({"k": [key[0]], "v": [len(frame)]})


def arrow_group(table):
    return table


def arrow_batches(batches):
    yield from batches


def join_counts(left, right):
    import pandas as pd

    key = (left if len(left) else right).k[0]
    return pd.DataFrame({"k": [key], "v": [10 * len(left) + len(right)]})


def join_arrow(left, right):
    import pyarrow as pa

    key = (left if left.num_rows else right).column("k")[0]
    count = pa.array([10 * left.num_rows + right.num_rows], pa.int64())
    return pa.table({"k": pa.array([key.as_py()]), "v": count})


put("double_frames", double_frames, ROWS)
put("pass_batches", pass_batches, ROWS)
put("no_batches", no_batches, ROWS)
put("subtract_least", subtract_least, ROWS)
put("name_key", name_key, ROWS)
put("arrow_group", arrow_group, ROWS)
put("arrow_batches", arrow_batches, ROWS)
put("join_counts", join_counts, ROWS)
put("join_arrow", join_arrow, ROWS)
put("total", lambda v: int(v.sum()), LongType())


def arrow_total(v):
    import pyarrow.compute

    return pyarrow.compute.sum(v)


put("arrow_total", arrow_total, LongType())


class Repeat:
    def eval(self, n):
        for i in range(n):
            yield i, n


put("repeat", Repeat)


class Text:
    def eval(self, n):
        yield "text", n


put("text", Text)
