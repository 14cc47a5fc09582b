"""Pairs of elements of two RDDs, and of elements and numbers."""

from cerium_rdd import sides, slices
from cerium_rdd.source import Slices
from cerium_rdd.steps import basic


class Pairing:
    """The zip family and the cartesian product."""

    def zip(self, other):
        """Pairs of the elements at the same places in the same partitions."""
        count = self.getNumPartitions()
        if count != other.getNumPartitions():
            raise ValueError("Can only zip with RDD which has the same number of partitions")
        left, right = self._slices(), other._slices()
        if left is not None and right is not None:
            return self._with(Slices(slices.Zipped(left, right), count))
        if not (self._is_fixed() and other._is_fixed()):
            return self._met(other, sides.here, sides.here, count, sides.zip_sides)
        left = self.mapPartitionsWithIndex(sides.Side(0))
        both = left._beside([other.mapPartitionsWithIndex(sides.Side(1))])
        return both.mapPartitionsWithIndex(sides.zip_sides)

    def cartesian(self, other):
        """Pairs of all elements."""
        rows, columns = self.getNumPartitions(), other.getNumPartitions()
        left, right = self._slices(), other._slices()
        if left is not None and right is not None:
            return self._with(Slices(slices.Product(left, right, columns), rows * columns))
        row, column = sides.Row(columns), sides.Column(rows, columns)
        return self._met(other, row, column, rows * columns, sides.multiply_sides)

    def zipWithIndex(self):
        """Pairs of an element and its place among all; counts first if there are partitions."""
        starts = [0]
        if self.getNumPartitions() > 1:
            for count in self.mapPartitions(basic.counted).collect()[:-1]:
                starts.append(starts[-1] + count)
        return self.mapPartitionsWithIndex(basic.Numbered(starts))

    def zipWithUniqueId(self):
        """Pairs of an element and a number that no other has."""
        return self.mapPartitionsWithIndex(basic.Spread(self.getNumPartitions()))
