"""Puts SparkContext, RDD and their kin where programs look for them."""

import sys
import types

_NAMES = {
    "pyspark.context": ("SparkContext",),
    "pyspark.rdd": ("RDD", "Partitioner", "portable_hash"),
}


def into(pyspark):
    """Adds names and modules to the package."""
    from cerium_rdd.context import SparkContext
    from cerium_rdd.partitioner import Partitioner, portable_hash
    from cerium_rdd.rdd import RDD

    found = {"SparkContext": SparkContext, "RDD": RDD, "Partitioner": Partitioner, "portable_hash": portable_hash}
    for name, members in _NAMES.items():
        module = types.ModuleType(name)
        for member in members:
            setattr(module, member, found[member])
        sys.modules[name] = module
        setattr(pyspark, name.rpartition(".")[2], module)
    for member in ("SparkContext", "RDD"):
        setattr(pyspark, member, found[member])


def session(module):
    """Gives sessions their context."""
    from cerium_rdd.context import SparkContext

    module.SparkSession.sparkContext = property(lambda self: SparkContext._of(self))


def dataframe(module):
    """Gives DataFrames their RDD."""
    from cerium_rdd import worker
    from cerium_rdd.rdd import RDD
    from cerium_rdd.source import Source

    def rdd(self):
        return RDD(Source(self._plan, worker.ReadRows(self.schema), None), self._session.sparkContext)

    module.DataFrame.rdd = property(rdd)
