"""Steps before a shuffle: elements, each with the partition it goes to."""

import bisect
import itertools

from cerium_rdd import java
from cerium_rdd.partitioner import portable_hash, seeded_hash


class ByKey:
    """Pairs with the partition of their key."""

    def __init__(self, partitioner):
        self.partitioner = partitioner

    def __call__(self, split, elements):
        count, function = self.partitioner.numPartitions, self.partitioner.partitionFunc
        if function is not portable_hash:
            for pair in elements:
                key, value = pair
                yield function(key) % count, pair if type(pair) is tuple else (key, value)
            return
        # The same for the usual function, without a call for the usual keys.
        function, plain = seeded_hash(), (int, str)
        for pair in elements:
            key, value = pair
            chosen = hash(key) if type(key) in plain else function(key)
            yield chosen % count, pair if type(pair) is tuple else (key, value)


class Evenly:
    """Elements dealt out in groups of ten.

    Each task begins at a partition of its own, the one that Spark's begins at.
    """

    GROUP = 10

    def __init__(self, partitions):
        self.partitions = partitions

    def __call__(self, split, elements):
        position = java.start(split, self.partitions)
        elements = iter(elements)
        while group := list(itertools.islice(elements, self.GROUP)):
            position = (position + 1) % self.partitions
            for element in group:
                yield position, element


class Neighbours:
    """Whole partitions put together with those beside them."""

    def __init__(self, cuts):
        self.cuts = cuts

    def __call__(self, split, elements):
        partition = bisect.bisect_right(self.cuts, split) - 1
        return ((partition, element) for element in elements)
