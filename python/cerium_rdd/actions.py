"""What runs an RDD and brings something back."""

import concurrent.futures
import functools
import itertools

from cerium_rdd.steps import basic


class Actions:
    """Actions on the elements as they are."""

    def collect(self):
        """All elements, in the order of the partitions."""
        return list(self.ctx._fetch(self._batches()))

    def collectWithJobGroup(self, groupId, description, interruptOnCancel=False):
        """The same in a job group, which threads of its own may cancel."""
        import warnings

        warnings.warn(
            "Deprecated in 3.1, Use pyspark.InheritableThread with the pinned thread mode enabled.",
            FutureWarning,
            stacklevel=2,
        )
        self.ctx.setJobGroup(groupId, description, interruptOnCancel)
        return self.collect()

    def toLocalIterator(self, prefetchPartitions=False):
        """The elements one partition after another; what a shuffle made is computed in one piece, read as it comes."""
        if not self._is_narrow():
            return self.ctx._fetch(self._batches())

        def compute(part):
            return self.ctx._fetch_some(self, [part], ())

        parts = range(self.getNumPartitions())
        if prefetchPartitions:
            return _one_ahead(lambda part: list(compute(part)), parts)
        return itertools.chain.from_iterable(map(compute, parts))

    def foreach(self, f):
        """Calls `f` with each element."""
        self.mapPartitionsWithIndex(basic.ForEach(f)).count()

    def foreachPartition(self, f):
        """Calls `f` with the elements of each partition."""
        self.mapPartitionsWithIndex(basic.ForEachPartition(f)).count()

    def count(self):
        """How many elements there are."""
        return sum(self.mapPartitions(basic.counted).collect())

    def reduce(self, f):
        """All elements put together two by two."""
        parts = self.mapPartitions(basic.Reduced(f)).collect()
        if parts:
            return basic.stopped(functools.reduce, f, parts)
        raise ValueError("Can not reduce() empty RDD")

    def fold(self, zeroValue, op):
        """The same from a neutral value, which each partition begins with."""
        parts = self.mapPartitions(basic.Folded(zeroValue, op)).collect()
        return basic.stopped(functools.reduce, op, parts, zeroValue)

    def aggregate(self, zeroValue, seqOp, combOp):
        """The elements of partitions put together one way, and the results another."""
        parts = self.mapPartitions(basic.Folded(zeroValue, seqOp)).collect()
        return basic.stopped(functools.reduce, combOp, parts, zeroValue)

    def take(self, num):
        """The first elements; looks into few partitions first and into more if they have not enough."""
        found, seen, total = [], 0, self.getNumPartitions()
        while len(found) < num and seen < total:
            wanted = min(seen + _partitions_to_try(num, len(found), seen), total)
            head = basic.Head(num - len(found))
            found += self.ctx.runJob(self, head, range(seen, wanted))
            seen = wanted
        return found[:num]

    def first(self):
        """The first element."""
        found = self.take(1)
        if found:
            return found[0]
        raise ValueError("RDD is empty")

    def isEmpty(self):
        """Whether there is no element."""
        return self.getNumPartitions() == 0 or not self.take(1)


def _one_ahead(compute, parts):
    """The elements of computed parts, each of which is begun before those of the one before are given."""
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        computed = (thread.submit(compute, part) for part in parts)
        ahead = next(computed, None)
        while ahead is not None:
            elements, ahead = ahead.result(), next(computed, None)
            yield from elements


def _partitions_to_try(num, found, seen):
    """As many as Spark tries: one, then by what was found so far, at most four times what was seen."""
    if seen == 0:
        return 1
    if found == 0:
        return seen * 4
    return min(max(int(1.5 * num * seen / found) - seen, 1), seen * 4)
