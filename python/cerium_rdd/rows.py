"""Rows of DataFrames in a worker: made of Arrow, and made into it."""

import itertools

import pyarrow as pa
from pyspark.sql.conversion import ArrowTableToRowsConversion, LocalDataToArrowConversion
from pyspark.sql.types import _create_converter, _infer_schema, _make_type_verifier

from cerium_rdd import worker

# How many rows make a batch.
_LENGTH = 10000


class ReadRows:
    """Rows of a DataFrame."""

    def __init__(self, schema):
        self.schema = schema

    def __call__(self, records):
        return worker.current_partition(), self._rows(records)

    def _rows(self, records):
        for record in records:
            yield from ArrowTableToRowsConversion.convert(pa.Table.from_batches([record]), self.schema)


class WriteRows:
    """Elements as rows of a DataFrame."""

    def __init__(self, schema, verify, wrapped, inferred=None):
        self.schema = schema
        self.verify = verify
        self.wrapped = wrapped
        # The type as it was inferred: with the names that dicts and objects have.
        self.inferred = inferred

    def __call__(self, split, elements):
        elements = iter(elements)
        prepare = self._preparing()
        while rows := list(itertools.islice(elements, _LENGTH)):
            if prepare is not None:
                rows = [prepare(row) for row in rows]
            yield from LocalDataToArrowConversion.convert(rows, self.schema, False).to_batches()

    def _preparing(self):
        """What is done with each row first: a check, a wrapping, a conversion, or nothing."""
        if self.inferred is not None:
            return _create_converter(self.inferred)
        if not self.wrapped:
            return _checked(_make_type_verifier(self.schema)) if self.verify else None
        if not self.verify:
            return lambda value: (value,)
        check = _checked(_make_type_verifier(self.schema[0].dataType, name="field value"))
        return lambda value: (check(value),)


def _checked(verify):
    def check(value):
        verify(value)
        return value

    return check


class InferType:
    """The type of a row."""

    def __init__(self, names, settings):
        self.names = names
        self.settings = settings

    def __call__(self, row):
        return _infer_schema(row, names=self.names, **self.settings)
