"""Partitions that a task makes by itself: the data of a program, and what is composed of it.

Each class has `read(split)`, the elements of a partition. What would be a shuffle or another
relation for rows, such as a cartesian product, is here a matter of which partitions are read.
"""

import itertools
import pickle

from cerium_rdd import batches, sides, worker


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
        values = values if isinstance(values, list) else list(values)
        size = max(1, min(len(values) // count, batch))
        total = -(-len(values) // size)
        cuts = [split * total // count * size for split in range(count + 1)]
        return cls([list(batches.encode(values[start:end])) for start, end in zip(cuts, cuts[1:])])

    def length(self):
        """How many bytes they are."""
        return sum(len(blob) for lists in self.lists for blob in lists)

    def read(self, split):
        """The elements of a partition."""
        for blob in self.lists[split]:
            yield from pickle.loads(blob)


class StoredSlices:
    """Pickled lists in the file of a Broadcast, each partition from one place to another."""

    def __init__(self, broadcast, places):
        self.broadcast = broadcast
        self.places = places

    @classmethod
    def of(cls, pickled, store):
        """Moves pickled lists into what `store` makes of their bytes."""
        places, end = [], 0
        for lists in pickled.lists:
            ends = [end := end + len(blob) for blob in lists]
            places.append([(stop - len(blob), len(blob)) for stop, blob in zip(ends, lists)])
        return cls(store(b"".join(itertools.chain.from_iterable(pickled.lists))), places)

    def read(self, split):
        """The elements of a partition."""
        with open(self.broadcast._path, "rb") as file:
            for start, length in self.places[split]:
                file.seek(start)
                yield from pickle.loads(file.read(length))


class Made:
    """Partitions after the steps of a pipeline."""

    def __init__(self, slices, steps):
        self.slices = slices
        self.steps = steps

    def read(self, split):
        """The elements of a partition."""
        return worker.run(self.steps, split, self.slices.read(split))


class Joined:
    """Neighbouring partitions as one."""

    def __init__(self, slices, cuts):
        self.slices = slices
        self.cuts = cuts

    def read(self, split):
        """The elements of a partition."""
        parts = range(self.cuts[split], self.cuts[split + 1])
        return itertools.chain.from_iterable(map(self.slices.read, parts))


class United:
    """The partitions of several, one after another."""

    def __init__(self, all_slices, counts):
        self.all_slices = all_slices
        self.counts = counts

    def read(self, split):
        """The elements of a partition."""
        for slices, count in zip(self.all_slices, self.counts):
            if split < count:
                return slices.read(split)
            split -= count
        raise IndexError(split)


class Zipped:
    """Pairs of the elements at the same places."""

    def __init__(self, left, right):
        self.left = left
        self.right = right

    def read(self, split):
        """The elements of a partition."""
        return sides.zipped(self.left.read(split), self.right.read(split))


class Product:
    """Pairs of all elements of partitions of two."""

    def __init__(self, left, right, count):
        self.left = left
        self.right = right
        self.count = count

    def read(self, split):
        """The elements of a partition."""
        first, second = divmod(split, self.count)
        others = list(self.right.read(second))
        return ((element, other) for element in self.left.read(first) for other in others)
