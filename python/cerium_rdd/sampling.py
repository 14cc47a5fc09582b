"""Random parts."""


class Sampling:
    """Random parts."""
