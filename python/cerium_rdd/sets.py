"""Sets of elements."""


class SetFunctions:
    """Sets of elements."""
