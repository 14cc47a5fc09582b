"""Figures about elements."""


class Statistics:
    """Figures about elements."""
