"""Accepts a master that a program sets in its code.

With SPARK_REMOTE set PySpark refuses `.master(..)` before it talks to a server. Programs
that name one run on the executors of their application all the same.
"""

import sys

_warned = False


def accept(module):
    """Takes the master out of a builder's options before PySpark checks them."""
    builder = module.SparkSession.Builder
    check = builder._validate_startup_urls

    def _validate_startup_urls(self):
        master = self._options.pop("spark.master", None)
        if master is not None:
            _warn(master)
        check(self)

    builder._validate_startup_urls = _validate_startup_urls


def _warn(master):
    global _warned
    if not _warned:
        _warned = True
        print(
            f'WARNING: the master "{master}" is ignored: the program runs on the executors of its application',
            file=sys.stderr,
        )
