"""RDD methods for pairs of a key and a value."""

from pyspark.join import (
    python_cogroup,
    python_full_outer_join,
    python_join,
    python_left_outer_join,
    python_right_outer_join,
)
from pyspark.resultiterable import ResultIterable
from pyspark.util import _parse_memory

from cerium_rdd.partitioner import portable_hash
from cerium_rdd.steps import elements, folding, merging


class PairFunctions:
    """Merging, grouping and joining by key."""

    def keyBy(self, f):
        """Pairs of what `f` makes of an element, and the element."""
        return self.mapPartitionsWithIndex(elements.KeyBy(f))

    def groupBy(self, f, numPartitions=None, partitionFunc=portable_hash):
        """The elements by what `f` makes of them."""
        return self.keyBy(f).groupByKey(numPartitions, partitionFunc)

    def keys(self):
        """The first part of each pair."""
        return self.mapPartitionsWithIndex(elements.Field(0))

    def values(self):
        """The second part of each pair."""
        return self.mapPartitionsWithIndex(elements.Field(1))

    def mapValues(self, f):
        """Keys as they are, with what `f` makes of their values."""
        return self.mapPartitionsWithIndex(elements.MapValues(f), True)

    def flatMapValues(self, f):
        """A pair for each thing that `f` makes of a value."""
        return self.mapPartitionsWithIndex(elements.FlatMapValues(f), True)

    def combineByKey(
        self, createCombiner, mergeValue, mergeCombiners, numPartitions=None, partitionFunc=portable_hash
    ):
        """One combined value of each key: merged within each partition, moved, and merged again."""
        if numPartitions is None:
            numPartitions = self._defaultReducePartitions()
        rules, limit = merging.Rules(createCombiner, mergeValue, mergeCombiners), self._memory_limit()
        combined = self.mapPartitionsWithIndex(merging.Combine(rules, limit), True)
        moved = combined.partitionBy(numPartitions, partitionFunc)
        return moved.mapPartitionsWithIndex(merging.MergeCombined(rules, limit), True)

    def reduceByKey(self, func, numPartitions=None, partitionFunc=portable_hash):
        """One value of all values of each key."""
        return self.combineByKey(merging.same, func, func, numPartitions, partitionFunc)

    def aggregateByKey(self, zeroValue, seqFunc, combFunc, numPartitions=None, partitionFunc=portable_hash):
        """As aggregate, for the values of each key."""
        start = merging.FromZero(zeroValue, seqFunc)
        return self.combineByKey(start, seqFunc, combFunc, numPartitions, partitionFunc)

    def foldByKey(self, zeroValue, func, numPartitions=None, partitionFunc=portable_hash):
        """As fold, for the values of each key."""
        return self.aggregateByKey(zeroValue, func, func, numPartitions, partitionFunc)

    def groupByKey(self, numPartitions=None, partitionFunc=portable_hash):
        """All values of each key."""
        limit = self._memory_limit()
        lists = self.mapPartitionsWithIndex(merging.Combine(merging.LISTS, limit), True)
        moved = lists.partitionBy(numPartitions, partitionFunc)
        return moved.mapPartitionsWithIndex(merging.Group(limit), True).mapValues(ResultIterable)

    def reduceByKeyLocally(self, func):
        """A dict with one value of all values of each key."""
        step = folding.ReduceByKey(func)
        parts = self.mapPartitionsWithIndex(step)
        return parts.reduce(lambda into, more: step.merge(into, more.items()))

    def countByKey(self):
        """How many pairs each key has."""
        return self.keys().countByValue()

    def subtractByKey(self, other, numPartitions=None):
        """The pairs whose key the other has not."""
        return self.cogroup(other, numPartitions).filter(_only_left).flatMapValues(_left)

    def cogroup(self, other, numPartitions=None):
        """For each key of either the values here and the values there."""
        return python_cogroup((self, other), numPartitions)

    def groupWith(self, other, *others):
        """For each key of any the values in each of them."""
        return python_cogroup((self, other) + others, numPartitions=None)

    def join(self, other, numPartitions=None):
        """Pairs of values for the keys that both have."""
        return python_join(self, other, numPartitions)

    def leftOuterJoin(self, other, numPartitions=None):
        """As join, with None for what the other lacks."""
        return python_left_outer_join(self, other, numPartitions)

    def rightOuterJoin(self, other, numPartitions=None):
        """As join, with None for what is only there."""
        return python_right_outer_join(self, other, numPartitions)

    def fullOuterJoin(self, other, numPartitions=None):
        """As join, with None on either side."""
        return python_full_outer_join(self, other, numPartitions)

    def collectAsMap(self):
        """All pairs as a dict; of pairs of one key the last one counts."""
        return dict(self.collect())

    def lookup(self, key):
        """All values of a key, from its partition alone where the partitioner is known."""
        values = self.filter(_HasKey(key)).values()
        if self.partitioner is None:
            return values.collect()
        return self.ctx.runJob(values, iter, [self.partitioner(key)])

    def _memory_limit(self):
        """What a Python worker may use before it spills, in MiB."""
        return _parse_memory(self.ctx._conf.get("spark.python.worker.memory", "512m"))


class _HasKey:
    """Whether a pair has a certain key."""

    def __init__(self, key):
        self.key = key

    def __call__(self, pair):
        return pair[0] == self.key


def _only_left(pair):
    here, there = pair[1]
    return len(here) > 0 and len(there) == 0


def _left(values):
    return values[0]
