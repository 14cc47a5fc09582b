"""Rows of table functions as workers read and write them in the place of pickles."""

import io
import json
import pathlib
import sys
import unittest

import pyarrow as pa
from pyspark.sql.types import ArrayType, BooleanType, DateType, IntegerType, Row, StringType, StructType

ADD_ON = str(pathlib.Path(__file__).resolve().parent.parent)
if ADD_ON not in sys.path:
    sys.path.insert(0, ADD_ON)

from cerium_worker.plain import PickleException
from cerium_worker.tables import ArrowRows


def through(data_type, results):
    """What becomes of the results that a function makes of one row."""
    declared = StructType().add("x", data_type)
    sent, made = io.BytesIO(), io.BytesIO()
    fields = pa.schema([("_0", pa.int32()), ("_1", pa.string())], {"results": json.dumps(declared.jsonValue())})
    with pa.RecordBatchStreamWriter(sent, fields) as writer:
        writer.write_batch(pa.RecordBatch.from_pylist([{"_0": 1, "_1": None}], schema=fields))
    sent.seek(0)
    rows = ArrowRows()
    taken = rows.load_stream(sent)
    assert next(taken) == [1, None]
    internal = tuple(None if result is None else declared.toInternal(result) for result in results)
    rows.dump_stream(iter([internal, ()]), made)
    made.seek(4)
    first, last = pa.ipc.open_stream(made)
    assert last.num_rows == 0
    return first.column(0).field(0).to_pylist()


class Tables(unittest.TestCase):
    def test_results_of_other_types_are_null(self):
        """As PySpark's own tests of `udtf` without Arrow say."""
        number, text = IntegerType(), StringType()
        self.assertEqual(through(number, [(1,), ([1, 2],)]), [1, None])
        self.assertEqual(through(ArrayType(number), [(1,), ([0, 1.1, 2],)]), [None, [0, None, 2]])
        self.assertEqual(through(text, [(1,), ([0, 1.1, 2],), ({"a": 0},)]), ["1", "[0, 1.1, 2]", "{a=0}"])
        self.assertEqual(through(BooleanType(), [("1",), None]), [None, None])
        pair = StructType().add("a", number).add("b", number)
        self.assertEqual(through(pair, [(Row(a=0, b=1.1),)]), [{"a": 0, "b": None}])

    def test_what_the_jvm_cannot_read_is_an_error(self):
        with self.assertRaises(PickleException):
            through(StringType(), [(Row(a=0),)])
        with self.assertRaises(AttributeError):
            through(DateType(), [(1,)])


if __name__ == "__main__":
    unittest.main()
