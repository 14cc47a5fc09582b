"""Keeping what was computed."""

from pyspark.storagelevel import StorageLevel


class Caching:
    """Persisting and checkpoints."""
