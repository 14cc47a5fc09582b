"""Steps that call a function of the program, and what actions need of a partition."""

import functools
import itertools

from pyspark.errors import PySparkRuntimeError


class Partitions:
    """A step: a function of a partition's elements."""

    def __init__(self, function):
        self.function = function

    def __call__(self, split, elements):
        return stopped(self.function, elements)


class Each:
    """A step: a function of each element."""

    def __init__(self, function):
        self.function = function

    def __call__(self, split, elements):
        function = self.function
        # A StopIteration of the function must not look like the end of the elements: Python makes
        # a RuntimeError of one that leaves a generator.
        try:
            for element in elements:
                yield function(element)
        except StopIteration as error:
            raise leaked(error)


class Flat:
    """A step: all that a function makes of each element."""

    def __init__(self, function):
        self.function = function

    def __call__(self, split, elements):
        function = self.function
        try:
            for element in elements:
                yield from function(element)
        except StopIteration as error:
            raise leaked(error)


class Where:
    """A step: the elements for which a function holds."""

    def __init__(self, function):
        self.function = function

    def __call__(self, split, elements):
        function = self.function
        try:
            for element in elements:
                if function(element):
                    yield element
        except StopIteration as error:
            raise leaked(error)


def stopped(function, *arguments):
    """Calls a function whose StopIteration is an error."""
    try:
        return function(*arguments)
    except StopIteration as error:
        raise leaked(error)


def leaked(error):
    """The error of a function that raised StopIteration, which would end a loop unseen."""
    return PySparkRuntimeError(errorClass="STOP_ITERATION_OCCURRED", messageParameters={"exc": str(error)})


class ForEach:
    """A step: calls a function with each element and gives none."""

    def __init__(self, function):
        self.function = function

    def __call__(self, split, elements):
        for element in elements:
            stopped(self.function, element)
        return iter(())


class ForEachPartition:
    """A step: calls a function with the elements and gives none."""

    def __init__(self, function):
        self.function = function

    def __call__(self, split, elements):
        result = stopped(self.function, elements)
        # A generator runs only when somebody asks it.
        if hasattr(result, "__iter__"):
            for _ in result:
                pass
        return iter(())


class Reduced:
    """A function of a partition: its elements put together, nothing for none."""

    def __init__(self, function):
        self.function = function

    def __call__(self, elements):
        elements = iter(elements)
        for first in elements:
            return [stopped(functools.reduce, self.function, elements, first)]
        return []


class Folded:
    """A function of a partition: its elements put together from a value on."""

    def __init__(self, zero, function):
        self.zero = zero
        self.function = function

    def __call__(self, elements):
        return [stopped(functools.reduce, self.function, elements, self.zero)]


class Head:
    """A function of a partition: its first elements."""

    def __init__(self, most):
        self.most = most

    def __call__(self, elements):
        return itertools.islice(elements, self.most)


class Numbered:
    """A step: pairs of an element and its place, each partition from a number on."""

    def __init__(self, starts):
        self.starts = starts

    def __call__(self, split, elements):
        for place, element in enumerate(elements, self.starts[split]):
            yield element, place


class Spread:
    """A step: pairs of an element and a number that no other partition gives."""

    def __init__(self, partitions):
        self.partitions = partitions

    def __call__(self, split, elements):
        for place, element in enumerate(elements):
            yield element, place * self.partitions + split


def same(split, elements):
    """A step that changes nothing."""
    return elements


def counted(elements):
    """A function of a partition: how many elements it has."""
    return [sum(1 for _ in elements)]


def named(split, elements):
    """A step: one pair of the partition and all its elements."""
    yield split, list(elements)


class Records:
    """A function of a path and its bytes: pieces of one length."""

    def __init__(self, length):
        self.length = length

    def __call__(self, file):
        content = bytes(file[1])
        if len(content) % self.length:
            raise ValueError(
                "%s has %d bytes, which are no records of %d" % (file[0], len(content), self.length)
            )
        return [content[start : start + self.length] for start in range(0, len(content), self.length)]
