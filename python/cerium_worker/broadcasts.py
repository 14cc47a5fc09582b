"""Broadcasts of a task in workers: PySpark's client leaves them to the classes it does not have."""

import sys

from pyspark.serializers import read_bool, read_int, read_long
from pyspark.worker_util import utf8_deserializer


def setup_broadcasts(source, conn_info=None, auth_secret=None):
    """Takes where the files of Broadcasts are that the worker does not know yet, and which end.

    They are read from the task's header, or given as a list where PySpark has read that (4.3).
    """
    from cerium_rdd import broadcast

    for number, path in source if isinstance(source, list) else _read(source):
        if number < 0:
            broadcast.forget(-number - 1)
        else:
            broadcast.offer(number, path)


def _read(infile):
    # No server decrypts them here.
    read_bool(infile)
    for _ in range(read_int(infile)):
        number = read_long(infile)
        yield number, utf8_deserializer.loads(infile) if number >= 0 else None


def install():
    """Has workers call the function above."""
    for name in ("pyspark.worker_util", "pyspark.worker"):
        module = sys.modules.get(name)
        if hasattr(module, "setup_broadcasts"):
            module.setup_broadcasts = setup_broadcasts
