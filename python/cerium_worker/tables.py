"""Table functions without Arrow (PySpark's `udtf` by default) over Arrow batches.

Spark sends their rows and results as pickles, which its JVM reads and writes. Cerium sends Arrow
both ways in their place; values are taken and results kept or dropped exactly as Spark does.
"""

import json

import pyarrow as pa
from pyspark.serializers import Serializer, write_int
from pyspark.sql.pandas.types import to_arrow_type
from pyspark.sql.types import StructType, UserDefinedType

from cerium_worker.plain import cleaner, without_rows, decode

# What goes before an Arrow stream: PySpark's `SpecialLengths.START_ARROW_STREAM`.
_START_ARROW_STREAM = -6

# Where the schema of the input tells that of the results, and that binary values are `bytearray`s.
_RESULTS = b"results"
_BYTEARRAYS = b"bytearrays"


class ArrowRows(Serializer):
    """Rows of arguments, and lists of rows of results: a batch for each list."""

    def __init__(self, *_):
        self._type = self._fields = None

    def load_stream(self, stream):
        with pa.ipc.open_stream(stream) as batches:
            declared = StructType.fromJson(json.loads(batches.schema.metadata[_RESULTS]))
            self._type = to_arrow_type(declared)
            self._fields = [_field(field.dataType) for field in declared]
            binary = bytearray if _BYTEARRAYS in batches.schema.metadata else bytes
            for batch in batches:
                pairs = zip(batch.columns, batch.schema)
                columns = [decode(array, field, binary) for array, field in pairs]
                yield from map(list, zip(*columns))

    def dump_stream(self, results, stream):
        writer = None
        try:
            for rows in results:
                rows = [self._row(row) for row in rows]
                batch = pa.RecordBatch.from_arrays([pa.array(rows, type=self._type)], ["_0"])
                if writer is None:
                    write_int(_START_ARROW_STREAM, stream)
                    writer = pa.RecordBatchStreamWriter(stream, batch.schema)
                writer.write_batch(batch)
        finally:
            if writer is not None:
                writer.close()

    def _row(self, row):
        if row is None:
            return (None,) * len(self._fields)
        return tuple(None if value is None else clean(value) for value, clean in zip(row, self._fields))


def _field(data_type):
    clean = cleaner(data_type)
    return clean if isinstance(data_type, (StructType, UserDefinedType)) else without_rows(clean)


def install():
    """Has PySpark's workers read and write rows in this form."""
    from pyspark import worker

    worker.BatchedSerializer = ArrowRows
