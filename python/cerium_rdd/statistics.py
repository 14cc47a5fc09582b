"""RDD actions that count, and that describe numbers."""

import functools
import math
import operator

import numpy

from cerium_rdd.steps import basic, distinct, folding


class BoundedFloat(float):
    """A number between two bounds, with the confidence that it is there."""

    def __new__(cls, mean, confidence, low, high):
        number = super().__new__(cls, mean)
        number.confidence, number.low, number.high = confidence, low, high
        return number


BoundedFloat.__module__ = "pyspark.rdd"


class Statistics:
    """Counts, sums, moments and histograms."""

    def sum(self):
        """The sum of the elements."""
        return functools.reduce(operator.add, self.mapPartitionsWithIndex(folding.Sum()).collect(), 0)

    def stats(self):
        """Count, mean, variance, minimum and maximum as a StatCounter."""
        return self._statistics(folding.Statistics())

    def _statistics(self, step):
        return self.mapPartitionsWithIndex(step).reduce(lambda left, right: left.mergeStats(right))

    def mean(self):
        """The mean."""
        return self.stats().mean()

    def variance(self):
        """The variance of all elements."""
        return self.stats().variance()

    def stdev(self):
        """The standard deviation of all elements."""
        return self.stats().stdev()

    def sampleStdev(self):
        """The standard deviation that the elements as a sample suggest."""
        return self.stats().sampleStdev()

    def sampleVariance(self):
        """The variance that the elements as a sample suggest."""
        return self.stats().sampleVariance()

    def countByValue(self):
        """How often each element occurs."""
        return self.mapPartitionsWithIndex(folding.CountValues()).reduce(_add_counts)

    def histogram(self, buckets):
        """How many elements are in each bucket.

        `buckets` are the bounds, or the number of buckets of one width between the smallest and
        the largest element. A bucket includes its lower bound, the last one its upper bound too.
        """
        if isinstance(buckets, int):
            if buckets < 1:
                raise ValueError("number of buckets must be >= 1")
            extent = self.mapPartitionsWithIndex(folding.Extent()).reduce(_wider)
            if extent[0] == extent[1] or buckets == 1:
                return list(extent), [self.filter(folding.comparable).count()]
            bounds, width = _even_bounds(extent, buckets)
        elif isinstance(buckets, (list, tuple)):
            bounds, width = buckets, _common_width(buckets)
        else:
            raise TypeError("buckets should be a list or tuple or number(int or long)")
        step = folding.Histogram(bounds, width)
        return bounds, self.mapPartitionsWithIndex(step).reduce(_add_each)

    def countApprox(self, timeout, confidence=0.95):
        """The count; this waits until it is exact."""
        return int(self.mapPartitions(basic.counted).sumApprox(timeout, confidence))

    def sumApprox(self, timeout, confidence=0.95):
        """The sum; this waits until it is exact."""
        return _exactly(self.mapPartitionsWithIndex(folding.FloatSum())._all_statistics().sum())

    def meanApprox(self, timeout, confidence=0.95):
        """The mean; this waits until it is exact."""
        return _exactly(self._all_statistics().mean())

    def _all_statistics(self):
        """The statistics of all elements as floats, also of none."""
        parts = self.mapPartitionsWithIndex(folding.Statistics(float)).collect()
        total = folding.StatCounter()
        for part in parts:
            total.mergeStats(part)
        return total

    def countApproxDistinct(self, relativeSD=0.05):
        """About how many different elements there are."""
        if relativeSD < 0.000017:
            raise ValueError("relativeSD should be greater than 0.000017")
        step = distinct.Registers(distinct.bits(relativeSD))
        parts = self.mapPartitionsWithIndex(step).collect()
        return distinct.estimate(functools.reduce(numpy.maximum, parts, step.empty()))


def _exactly(value):
    """A number that is no estimate."""
    value = float(value)
    return BoundedFloat(value, 1.0, value, value)


def _add_counts(into, more):
    for value, count in more.items():
        into[value] += count
    return into


def _add_each(left, right):
    return [a + b for a, b in zip(left, right)]


def _wider(left, right):
    return min(left[0], right[0]), max(left[1], right[1])


def _even_bounds(extent, buckets):
    """Bounds of buckets of one width, whole numbers where that divides evenly, and the width."""
    low, high = extent
    try:
        width = (high - low) / buckets
    except TypeError:
        raise TypeError("Can not generate buckets with non-number in RDD") from None
    if math.isinf(width):
        raise ValueError("Can not generate buckets with infinite value")
    whole = int(width)
    width = whole if whole * buckets == high - low else (high - low) * 1.0 / buckets
    return [*(number * width + low for number in range(buckets)), high], width


def _common_width(bounds):
    """The width of all buckets if it is the same, else None. Refuses bounds that are none."""
    if len(bounds) < 2:
        raise ValueError("buckets should have more than one value")
    if not all(folding.comparable(bound) for bound in bounds):
        raise ValueError("can not have None or NaN in buckets")
    if sorted(bounds) != list(bounds):
        raise ValueError("buckets should be sorted")
    if len(set(bounds)) != len(bounds):
        raise ValueError("buckets should not contain duplicated values")
    try:
        steps = [high - low for low, high in zip(bounds, bounds[1:])]
    except TypeError:
        # Such as strings: they have an order, but no distances.
        return None
    if max(steps) - min(steps) < 1e-10:
        return (bounds[-1] - bounds[0]) / (len(bounds) - 1)
    return None
