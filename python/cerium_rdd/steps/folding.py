"""Steps that make one value of a whole partition: sums, counts, the largest elements."""

import bisect
import collections
import heapq
import math

from pyspark.statcounter import StatCounter

from cerium_rdd.steps.basic import leaked


class Spread:
    """Elements with the number of one of so many groups, by the partition's own number."""

    def __init__(self, groups):
        self.groups = groups

    def __call__(self, index, elements):
        return ((index % self.groups, element) for element in elements)


class Unless:
    """A function of two values of which either may be missing, told by a flag beside it."""

    def __init__(self, function):
        self.function = function

    def __call__(self, left, right):
        if left[1]:
            return right
        if right[1]:
            return left
        return self.function(left[0], right[0]), False


class Extreme:
    """The first of two elements for which `choose`, such as max, has no better."""

    def __init__(self, choose, key):
        self.choose = choose
        self.key = key

    def __call__(self, left, right):
        return self.choose(left, right, key=self.key)


class Best:
    """The first so many elements of an order; `choose` is heapq's nlargest or nsmallest."""

    def __init__(self, choose, count, key):
        self.choose = choose
        self.count = count
        self.key = key

    def __call__(self, index, elements):
        return [self.choose(self.count, elements, key=self.key)]

    def merge(self, left, right):
        """The best of two partitions' best."""
        return self.choose(self.count, left + right, key=self.key)


class Sum:
    """The sum of all elements."""

    def __call__(self, index, elements):
        return [sum(elements)]


class FloatSum:
    """The sum of all elements as a float."""

    def __call__(self, index, elements):
        return [float(sum(elements))]


class Statistics:
    """Count, mean, variance, minimum and maximum."""

    def __init__(self, convert=None):
        self.convert = convert

    def __call__(self, index, elements):
        return [StatCounter(elements if self.convert is None else map(self.convert, elements))]


class CountValues:
    """How often each element occurs."""

    def __call__(self, index, elements):
        counts = collections.defaultdict(int)
        for element in elements:
            counts[element] += 1
        return [counts]


class ReduceByKey:
    """A dict with one value of all values of each key."""

    def __init__(self, function):
        self.function = function

    def __call__(self, index, elements):
        return [self.merge({}, elements)]

    def merge(self, into, pairs):
        """Adds pairs to a dict."""
        function = self.function
        try:
            for key, value in pairs:
                into[key] = function(into[key], value) if key in into else value
        except StopIteration as stop:
            raise leaked(stop) from None
        return into


def comparable(value):
    """Whether a value has a place on a scale: None and NaN have not."""
    return value is not None and not (isinstance(value, float) and math.isnan(value))


class Extent:
    """The smallest and the largest comparable element as a pair, or nothing."""

    def __call__(self, index, elements):
        smallest = largest = None
        empty = True
        for element in filter(comparable, elements):
            if empty:
                smallest = largest = element
                empty = False
                continue
            smallest, largest = min(smallest, element), max(largest, element)
        return [] if empty else [(smallest, largest)]


class Histogram:
    """How many elements are in each bucket; of buckets of one width this is given as well."""

    def __init__(self, bounds, width):
        self.bounds = bounds
        self.width = width

    def __call__(self, index, elements):
        bounds, width = self.bounds, self.width
        low, high = bounds[0], bounds[-1]
        counts = [0] * len(bounds)
        for element in filter(comparable, elements):
            if element > high or element < low:
                continue
            if width is None:
                counts[bisect.bisect_right(bounds, element) - 1] += 1
            else:
                counts[int((element - low) / width)] += 1
        # The last bucket includes its upper end.
        at_the_end = counts.pop()
        counts[-1] += at_the_end
        return [counts]


class Largest(Best):
    """The largest elements, in descending order."""

    def __init__(self, count, key):
        super().__init__(heapq.nlargest, count, key)


class Smallest(Best):
    """The smallest elements, in ascending order."""

    def __init__(self, count, key):
        super().__init__(heapq.nsmallest, count, key)
