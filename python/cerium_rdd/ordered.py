"""Sorting."""


class OrderedFunctions:
    """Sorting."""
