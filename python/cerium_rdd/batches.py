"""How elements travel: pickled lists, one list a row of a binary column."""

import itertools
import pickle

import pyarrow as pa
from pyspark import cloudpickle

# About how many bytes a pickled list should have: enough that the work for a row does not count,
# few enough that many of them fit into memory.
_GOAL = 1 << 18
# Lists never have more elements, however small those are.
_MOST = 1 << 16
# What PySpark refuses to send.
_LIMIT = (1 << 31) - 1
# In a pickle: something that is found in the program's own module.
_PROGRAM = b"__main__"

SCHEMA = pa.schema([pa.field("b", pa.binary())])
KEYED_SCHEMA = pa.schema([pa.field("p", pa.int32()), pa.field("m", pa.int64()), pa.field("b", pa.binary())])


def dumps(elements):
    """The pickle of a list."""
    try:
        blob = pickle.dumps(elements, pickle.HIGHEST_PROTOCOL)
        found_elsewhere = _PROGRAM not in blob
    except (pickle.PicklingError, AttributeError, TypeError):
        found_elsewhere = False
    if not found_elsewhere:
        # What only this program has goes along, as it does in PySpark; many times slower.
        blob = cloudpickle.dumps(elements, pickle.HIGHEST_PROTOCOL)
    if len(blob) > _LIMIT:
        raise ValueError("can not serialize object larger than 2G")
    return blob


def encode(elements):
    """Pickled lists of the elements, in their order."""
    elements = iter(elements)
    size = 1
    while chunk := list(itertools.islice(elements, size)):
        blob = dumps(chunk)
        yield blob
        size = next_size(size, len(blob))


def next_size(size, length):
    """How many elements to pickle next where `size` of them made `length` bytes."""
    if length < _GOAL // 8:
        return min(size * 8, _MOST)
    if length < _GOAL // 2:
        return min(size * 2, _MOST)
    return max(size // 2, 1) if length > _GOAL * 2 else size


def decode(column):
    """The elements of a binary column."""
    return itertools.chain.from_iterable(map(pickle.loads, blobs(column)))


def blobs(column):
    """The values of a binary column, without copies."""
    for value in column:
        yield value.as_buffer()


def record(blob):
    """A row with a pickled list."""
    return pa.RecordBatch.from_arrays([pa.array([blob], pa.binary())], schema=SCHEMA)


def keyed_record(partitions, sequence, values):
    """Rows with pickled lists, the partitions they are for and when in their task they were made."""
    columns = [
        pa.array(partitions, pa.int32()),
        pa.array([sequence] * len(values), pa.int64()),
        pa.array(values, pa.binary()),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=KEYED_SCHEMA)
