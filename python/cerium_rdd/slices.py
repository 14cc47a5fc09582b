"""The data of `parallelize`, cut into partitions."""

import pickle

from cerium_rdd import batches


class RangeSlices:
    """A range, cut by arithmetic."""

    def __init__(self, values, count):
        self.values = values
        self.count = count

    def read(self, split):
        """The elements of a partition."""
        length = len(self.values)
        return self.values[split * length // self.count : (split + 1) * length // self.count]


class PickledSlices:
    """Pickled lists, some for each partition."""

    def __init__(self, lists):
        self.lists = lists

    @classmethod
    def of(cls, values, count, batch):
        """Cuts a list where PySpark does, which never cuts within its batches."""
        size = max(1, min(len(values) // count, batch))
        total = -(-len(values) // size)
        cuts = [split * total // count * size for split in range(count + 1)]
        return cls([list(batches.encode(values[start:end])) for start, end in zip(cuts, cuts[1:])])

    def read(self, split):
        """The elements of a partition."""
        for blob in self.lists[split]:
            yield from pickle.loads(blob)
