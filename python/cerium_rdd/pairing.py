"""Pairs of elements of two RDDs, and of elements and numbers."""


class Pairing:
    """The zip family and the cartesian product."""
