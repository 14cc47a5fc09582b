"""RDD methods that need an order of elements."""

from cerium_rdd.partitioner import portable_hash
from cerium_rdd.steps import folding, merging

# Keys looked at for each partition, to find where its range ends.
_SAMPLES_PER_PARTITION = 20.0


class OrderedFunctions:
    """Sorting, and the ends of an order."""

    def sortByKey(self, ascending=True, numPartitions=None, keyfunc=merging.same):
        """Pairs in the order of their keys: ranges of keys in partitions, each of them sorted."""
        if numPartitions is None:
            numPartitions = self._defaultReducePartitions()
        sort = merging.Sort(keyfunc, not ascending, self._memory_limit())
        if numPartitions == 1:
            together = self if self.getNumPartitions() <= 1 else self.coalesce(1)
            return together.mapPartitionsWithIndex(sort, True)
        size = self.count()
        if not size:
            return self
        fraction = min(numPartitions * _SAMPLES_PER_PARTITION / size, 1.0)
        # Spark's seed: the same keys become bounds.
        keys = sorted(self.sample(False, fraction, 1).keys().collect(), key=keyfunc)
        bounds = [keys[int(len(keys) * end / numPartitions)] for end in range(1, numPartitions)]
        bounds = [keyfunc(key) for key in bounds]
        ranges = merging.Ranges(bounds, keyfunc, numPartitions, not ascending)
        return self.partitionBy(numPartitions, ranges).mapPartitionsWithIndex(sort, True)

    def sortBy(self, keyfunc, ascending=True, numPartitions=None):
        """Elements in the order of what `keyfunc` makes of them."""
        return self.keyBy(keyfunc).sortByKey(ascending, numPartitions).values()

    def repartitionAndSortWithinPartitions(
        self, numPartitions=None, partitionFunc=portable_hash, ascending=True, keyfunc=merging.same
    ):
        """Pairs where `partitionFunc` puts them, sorted by key in each partition."""
        if numPartitions is None:
            numPartitions = self._defaultReducePartitions()
        sort = merging.Sort(keyfunc, not ascending, self._memory_limit())
        return self.partitionBy(numPartitions, partitionFunc).mapPartitionsWithIndex(sort, True)

    def max(self, key=None):
        """The largest element."""
        return self.reduce(folding.Extreme(max, key))

    def min(self, key=None):
        """The smallest element."""
        return self.reduce(folding.Extreme(min, key))

    def top(self, num, key=None):
        """The largest elements, in descending order."""
        best = folding.Largest(num, key)
        return self.mapPartitionsWithIndex(best).reduce(best.merge)

    def takeOrdered(self, num, key=None):
        """The smallest elements, in ascending order."""
        if num < 0:
            raise ValueError("top N cannot be negative.")
        if num == 0 or self.getNumPartitions() == 0:
            return []
        best = folding.Smallest(num, key)
        return self.mapPartitionsWithIndex(best).reduce(best.merge)
