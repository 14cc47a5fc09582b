"""Steps for what two RDDs make together, see `RDD._met`."""

import collections
import itertools

_LENGTH = 100


class Side:
    """Lists of elements with the side they come from."""

    def __init__(self, side):
        self.side = side

    def __call__(self, split, elements):
        elements = iter(elements)
        while part := list(itertools.islice(elements, _LENGTH)):
            yield self.side, part


def here(split, parts):
    """To the partition of the same number."""
    return ((split, part) for part in parts)


class Row:
    """To all partitions of a row of a table of partitions."""

    def __init__(self, columns):
        self.columns = columns

    def __call__(self, split, parts):
        row = range(split * self.columns, (split + 1) * self.columns)
        return ((partition, part) for part in parts for partition in row)


class Column:
    """To all partitions of a column."""

    def __init__(self, rows, columns):
        self.rows = rows
        self.columns = columns

    def __call__(self, split, parts):
        column = range(split, self.rows * self.columns, self.columns)
        return ((partition, part) for part in parts for partition in column)


def zip_sides(split, parts):
    """Pairs of the elements at the same places."""
    waiting = collections.deque(), collections.deque()
    for side, part in parts:
        waiting[side].extend(part)
        left, right = waiting
        while left and right:
            yield left.popleft(), right.popleft()
    if waiting[0] or waiting[1]:
        raise uneven()


def zipped(left, right):
    """The same of two iterables."""
    missing = object()
    for first, second in itertools.zip_longest(left, right, fillvalue=missing):
        if first is missing or second is missing:
            raise uneven()
        yield first, second


def uneven():
    """What Spark says of partitions that have no pairs."""
    return ValueError("Can only zip RDDs with same number of elements in each partition")


def multiply_sides(split, parts):
    """Pairs of all elements of both sides."""
    sides = [], []
    for side, part in parts:
        sides[side].extend(part)
    return itertools.product(*sides)
