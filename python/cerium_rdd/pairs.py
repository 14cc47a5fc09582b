"""Pairs: what their keys tell."""


class PairFunctions:
    """Pairs: what their keys tell."""
