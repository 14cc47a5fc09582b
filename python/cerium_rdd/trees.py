"""RDD actions that merge what comes out of partitions in several levels, on executors."""

import math

from cerium_rdd.steps import basic, folding


class Trees:
    """Reducing and aggregating by levels."""

    def treeReduce(self, f, depth=2):
        """As reduce, with so many levels of merging that most of it happens on executors."""
        _check_depth(depth)
        merge = folding.Unless(f)
        value, empty = self.map(_present).treeAggregate((None, True), merge, merge, depth)
        if empty:
            raise ValueError("Cannot reduce empty RDD.")
        return value

    def treeAggregate(self, zeroValue, seqOp, combOp, depth=2):
        """As aggregate, with so many levels of merging that most of it happens on executors."""
        _check_depth(depth)
        partitions = self.getNumPartitions()
        if partitions == 0:
            return zeroValue
        parts = self.mapPartitions(basic.Folded(zeroValue, seqOp))
        scale = max(int(math.ceil(math.pow(partitions, 1.0 / depth))), 2)
        # Another level is worth its shuffle only while it merges more than it moves.
        while partitions > scale + partitions / scale:
            partitions /= scale
            groups = int(partitions)
            parts = parts.mapPartitionsWithIndex(folding.Spread(groups)).reduceByKey(combOp, groups).values()
        return parts.reduce(combOp)


def _present(element):
    return element, False


def _check_depth(depth):
    if depth < 1:
        raise ValueError("Depth cannot be smaller than 1 but got %d." % depth)
