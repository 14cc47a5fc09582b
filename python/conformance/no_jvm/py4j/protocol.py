"""Errors: what a test expects to come out of the JVM comes as PySpark's own error over Spark Connect."""

from pyspark.errors import PySparkException


class Py4JError(Exception):
    """Never raised."""


class Py4JNetworkError(Py4JError):
    """Never raised."""


Py4JJavaError = PySparkException
