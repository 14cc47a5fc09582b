"""Says what to do where PySpark is not installed."""

import sys


class _LastFinder:
    """Asked when no other finder knows a module."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name != "pyspark":
            return None
        raise ModuleNotFoundError(
            f"No module named 'pyspark' for {sys.executable}: install it into the image with "
            "`pip install pyspark-client pandas pyarrow` (pyspark itself works too)",
            name=name,
        )


def explain():
    """Replaces Python's words for a missing PySpark."""
    sys.meta_path.append(_LastFinder)
