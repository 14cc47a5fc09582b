"""Which partition a key belongs to."""

import os
import sys

from pyspark.errors import PySparkRuntimeError

_SEED = 0x345678
_FACTOR = 1000003


def portable_hash(x):
    """A hash that is the same in every process; that of tuples and None is PySpark's."""
    return seeded_hash()(x)


def seeded_hash():
    """portable_hash for many keys: whether there is a seed is looked up once."""
    if "PYTHONHASHSEED" not in os.environ:
        raise PySparkRuntimeError(errorClass="PYTHON_HASH_SEED_NOT_SET", messageParameters={})
    return _hash


def _hash(x):
    if x is None:
        return 0
    if not isinstance(x, tuple):
        return hash(x)
    mixed = _SEED
    for part in x:
        mixed = ((mixed ^ _hash(part)) * _FACTOR) & sys.maxsize
    return mixed ^ len(x)


class Partitioner:
    """A number of partitions and the function that chooses one."""

    def __init__(self, numPartitions, partitionFunc):
        self.numPartitions = numPartitions
        self.partitionFunc = partitionFunc

    def __eq__(self, other):
        if not isinstance(other, Partitioner):
            return False
        return (self.numPartitions, self.partitionFunc) == (other.numPartitions, other.partitionFunc)

    # As PySpark's: what is compared by value is not hashed.
    __hash__ = None

    def __call__(self, k):
        return self.partitionFunc(k) % self.numPartitions
