"""Files and pipes."""


class Saving:
    """Files and pipes."""
