"""Offers SparkContext and RDDs, from the package `cerium_rdd`, to programs."""

import sys

from cerium_client import hooks


def offer():
    """Installs them as the modules of PySpark they belong to are imported."""
    hooks.after_import("pyspark", _names)
    hooks.after_import("pyspark.sql.connect.session", _session)
    hooks.after_import("pyspark.sql.connect.dataframe", _dataframe)


def _names(module):
    # What only calls itself PySpark has nothing that they could be made of.
    if "pyspark.conf" not in sys.modules:
        return
    from cerium_rdd import install

    install.into(module)


def _session(module):
    from cerium_rdd import install

    install.session(module)


def _dataframe(module):
    from cerium_rdd import install

    install.dataframe(module)
