"""Steps before and after a shuffle: merging by key, sorting.

What does not fit into the memory of a Python worker goes to disk, by PySpark's own classes.
"""

import bisect
import copy
import itertools

from pyspark.shuffle import ExternalGroupBy, ExternalMerger, ExternalSorter, get_used_memory

from cerium_rdd.steps.basic import leaked

# The part of the limit that the map side may use: other things live in the worker as well.
_MAP_SIDE = 0.9


class Rules:
    """How values become one; what PySpark's mergers call an aggregator."""

    def __init__(self, createCombiner, mergeValue, mergeCombiners):
        self.createCombiner = createCombiner
        self.mergeValue = mergeValue
        self.mergeCombiners = mergeCombiners


def same(value):
    """The value itself."""
    return value


class FromZero:
    """Merges a key's first value into its own copy of a start."""

    def __init__(self, zero, merge):
        self.zero = zero
        self.merge = merge

    def __call__(self, value):
        return self.merge(copy.deepcopy(self.zero), value)


def _first(value):
    return [value]


def _append(values, value):
    values.append(value)
    return values


def _extend(values, others):
    values.extend(others)
    return values


# Lists of all values of a key.
LISTS = Rules(_first, _append, _extend)


class _Merger(ExternalMerger):
    """PySpark's merger, with quicker loops for as long as all fits into memory."""

    def mergeValues(self, iterator):
        create, merge = self.agg.createCombiner, self.agg.mergeValue
        data, batch = self.data, self.batch
        iterator = iter(iterator)
        while True:
            chunk = list(itertools.islice(iterator, batch))
            if create is same:
                for key, value in chunk:
                    data[key] = merge(data[key], value) if key in data else value
            else:
                for key, value in chunk:
                    data[key] = merge(data[key], value) if key in data else create(value)
            if len(chunk) < batch:
                return
            # More than this at once saves no time.
            batch = min(batch * 2, 16000)
            if get_used_memory() >= self.memory_limit:
                break
        super().mergeValues(iterator)


class Combine:
    """One combined value of each key, of a partition before its shuffle."""

    def __init__(self, rules, limit):
        self.rules = rules
        self.limit = limit

    def __call__(self, index, pairs):
        merger = _Merger(self.rules, self.limit * _MAP_SIDE)
        try:
            merger.mergeValues(pairs)
        except StopIteration as stop:
            raise leaked(stop) from None
        yield from merger.items()


class MergeCombined:
    """One combined value of each key, after a shuffle of combined values."""

    def __init__(self, rules, limit):
        self.rules = rules
        self.limit = limit

    def __call__(self, index, pairs):
        merger = _Merger(self.rules, self.limit)
        try:
            merger.mergeCombiners(pairs)
            yield from merger.items()
        except StopIteration as stop:
            raise leaked(stop) from None


class Group:
    """All values of each key after a shuffle of lists, on disk when they are many."""

    def __init__(self, limit):
        self.limit = limit

    def __call__(self, index, pairs):
        merger = ExternalGroupBy(LISTS, self.limit)
        merger.mergeCombiners(pairs)
        return merger.items()


class Sort:
    """Pairs in the order of what a function makes of their keys."""

    def __init__(self, key, descending, limit):
        self.key = key
        self.descending = descending
        self.limit = limit

    def __call__(self, index, pairs):
        sorter = ExternalSorter(self.limit * _MAP_SIDE)
        return iter(sorter.sorted(pairs, key=self._of_pair, reverse=self.descending))

    def _of_pair(self, pair):
        return self.key(pair[0])


class Ranges:
    """Partitions that each hold a range of keys, between bounds in ascending order."""

    def __init__(self, bounds, key, count, descending):
        self.bounds = bounds
        self.key = key
        self.count = count
        self.descending = descending

    def __call__(self, key):
        place = bisect.bisect_left(self.bounds, self.key(key))
        return self.count - 1 - place if self.descending else place
