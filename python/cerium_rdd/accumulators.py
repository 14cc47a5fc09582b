"""Accumulators: what tasks added comes back with the answers of the server."""

import pickle

from pyspark.accumulators import _accumulatorRegistry

# The name under which the server sends what Python workers added up.
_NAME = "__python_accumulator__"


def take(response):
    """Adds what an answer carries, once for each successful task."""
    for metrics in getattr(response, "observed_metrics", ()):
        if metrics.name != _NAME:
            continue
        for literal in metrics.values:
            number, update = pickle.loads(literal.binary)
            # Others, of negative numbers, are PySpark's own.
            if number in _accumulatorRegistry:
                _accumulatorRegistry[number] += update
