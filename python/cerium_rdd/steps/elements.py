"""Steps that look at one element after another: keys and values, lines, programs."""

import itertools
import shlex
import subprocess
import threading

from pyspark.errors import PySparkRuntimeError

from cerium_rdd import batches
from cerium_rdd.steps.basic import leaked


class KeyBy:
    """Pairs of what the function makes of an element, and the element."""

    def __init__(self, function):
        self.function = function

    def __call__(self, index, elements):
        function = self.function
        try:
            for element in elements:
                yield function(element), element
        except StopIteration as stop:
            raise leaked(stop) from None


class MapValues:
    """Keys as they are, and what the function makes of their values."""

    def __init__(self, function):
        self.function = function

    def __call__(self, index, elements):
        function = self.function
        try:
            for pair in elements:
                yield pair[0], function(pair[1])
        except StopIteration as stop:
            raise leaked(stop) from None


class FlatMapValues:
    """A pair for each thing that the function makes of a value."""

    def __init__(self, function):
        self.function = function

    def __call__(self, index, elements):
        function = self.function
        try:
            for pair in elements:
                key = pair[0]
                for value in function(pair[1]):
                    yield key, value
        except StopIteration as stop:
            raise leaked(stop) from None


class Field:
    """One part of each pair."""

    def __init__(self, position):
        self.position = position

    def __call__(self, index, elements):
        position = self.position
        return (pair[position] for pair in elements)


class Texts:
    """Elements as the lines that saveAsTextFile writes."""

    def __call__(self, index, elements):
        for element in elements:
            if isinstance(element, bytes):
                yield (element.decode("utf-8", "replace"),)
            else:
                yield (str(element),)


class Pipe:
    """Lines that a program prints to which the elements are written, a line each."""

    def __init__(self, command, environment, check):
        self.command = command
        self.environment = environment
        self.check = check

    def __call__(self, index, elements):
        program = subprocess.Popen(
            shlex.split(self.command), env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        failures = []
        writer = threading.Thread(target=self._write, args=(elements, program.stdin, failures), daemon=True)
        writer.start()
        with program.stdout as lines:
            for line in lines:
                yield line.rstrip(b"\n").decode("utf-8")
        code = program.wait()
        writer.join()
        if failures:
            raise failures[0]
        if self.check and code:
            raise PySparkRuntimeError(
                errorClass="PIPE_FUNCTION_EXITED",
                messageParameters={"func_name": self.command, "error_code": str(code)},
            )

    @staticmethod
    def _write(elements, stdin, failures):
        try:
            with stdin:
                for element in elements:
                    stdin.write(str(element).rstrip("\n").encode("utf-8") + b"\n")
        except BrokenPipeError:
            # A program may stop reading: its exit code says whether it failed.
            pass
        except Exception as error:
            # What made the elements failed; the task has to fail with it.
            failures.append(error)


class PickledLists:
    """Rows with pickled lists of so many elements, or as many as fit well into a row for 0."""

    def __init__(self, size):
        self.size = size

    def __call__(self, index, elements):
        if self.size <= 0:
            return ((blob,) for blob in batches.encode(elements))
        return ((batches.dumps(chunk),) for chunk in self._chunks(iter(elements)))

    def _chunks(self, elements):
        while chunk := list(itertools.islice(elements, self.size)):
            yield chunk
