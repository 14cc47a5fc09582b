"""Offers SparkContext and RDDs, from the package `cerium_rdd`, to programs."""

import sys

from cerium_client import hooks

# What is extended by a function of `cerium_rdd.session` when it is imported.
_EXTENDED = {
    "pyspark.sql.connect.session": "extend_session",
    "pyspark.sql.connect.dataframe": "extend_dataframe",
    "pyspark.sql.connect.expressions": "extend_functions",
    "pyspark.sql.connect.client.core": "extend_client",
    "pyspark.sql.connect.client.artifact": "extend_artifacts",
    "pyspark.sql.session": "extend_classic_session",
    "pyspark.sql.context": "extend_sql_context",
    "pyspark.util": "extend_threads",
}


def offer():
    """Installs them as the modules of PySpark they belong to are imported."""
    hooks.after_import("pyspark", _names)
    for name, extend in _EXTENDED.items():
        hooks.after_import(name, _extension(extend))


def _names(module):
    # What only calls itself PySpark has nothing that they could be made of.
    if "pyspark.conf" in sys.modules:
        from cerium_rdd import install

        install.into(module)


def _extension(name):
    def extend(module):
        from cerium_rdd import session

        getattr(session, name)(module)

    return extend
