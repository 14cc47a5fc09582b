"""Puts SparkContext, RDD and their kin where programs and their modules look for them."""

import importlib
import importlib.machinery
import sys

# Where PySpark has what, and where it is here.
_MODULES = {
    "pyspark.context": {"SparkContext": "context", "RDD": "rdd"},
    "pyspark.rdd": {
        "RDD": "rdd",
        "PipelinedRDD": "rdd",
        "RDDBarrier": "barrier",
        "Partitioner": "partitioner",
        "portable_hash": "partitioner",
        "BoundedFloat": "statistics",
    },
    "pyspark.broadcast": {
        "Broadcast": "broadcast",
        "_from_id": "broadcast",
        "_broadcastRegistry": "broadcast",
    },
    "pyspark.status": {
        "StatusTracker": "status",
        "SparkJobInfo": "status",
        "SparkStageInfo": "status",
    },
}
# What those have of PySpark's own modules, as programs import it from there.
_OWN = {
    "pyspark.context": {"SparkConf": "pyspark.conf", "SparkFiles": "cerium_client.files", "StorageLevel": "pyspark.storagelevel"},
    "pyspark.rdd": {"PythonEvalType": "pyspark.util", "StorageLevel": "pyspark.storagelevel"},
}
# Where the same is from Spark 4.0 on, of which the client brings nothing.
_CORE = ("context", "rdd", "broadcast", "status", "files")
# What the package itself offers, and in which of its modules.
_NAMES = {
    "SparkContext": "pyspark.context",
    "RDD": "pyspark.rdd",
    "RDDBarrier": "pyspark.rdd",
    "Broadcast": "pyspark.broadcast",
    "StatusTracker": "pyspark.status",
    "SparkJobInfo": "pyspark.status",
    "SparkStageInfo": "pyspark.status",
}


class _Finder:
    """Finds the modules above and fills them; nothing is imported before it is asked for."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == _Core.PACKAGE or name.startswith(_Core.PACKAGE + "."):
            return _Core.find_spec(name)
        return importlib.machinery.ModuleSpec(name, _Finder) if name in _MODULES else None

    @staticmethod
    def create_module(spec):
        return None

    @staticmethod
    def exec_module(module):
        for name, place in _MODULES[module.__name__].items():
            setattr(module, name, getattr(importlib.import_module("cerium_rdd." + place), name))
        for name, place in _OWN.get(module.__name__, {}).items():
            setattr(module, name, getattr(importlib.import_module(place), name))


class _Core:
    """The package that a PySpark with a JVM has; its modules have what those above have."""

    PACKAGE = "pyspark.core"
    offered = False

    @classmethod
    def find_spec(cls, name):
        part = name.removeprefix(cls.PACKAGE).lstrip(".")
        if not cls.offered or (part and part not in _CORE):
            return None
        return importlib.machinery.ModuleSpec(name, cls, is_package=not part)

    @staticmethod
    def create_module(spec):
        return None

    @staticmethod
    def exec_module(module):
        part = module.__name__.rpartition(".")[2]
        if part in _CORE:
            same = vars(importlib.import_module("pyspark." + part))
            vars(module).update((name, value) for name, value in same.items() if not name.startswith("__"))


def into(pyspark):
    """Offers the names and modules in the package, in place of those that need a JVM."""
    from pyspark.util import is_remote_only

    # Asked first: PySpark tells the client by the package it lacks, and remembers.
    _Core.offered = is_remote_only()
    sys.meta_path.insert(0, _Finder)
    for name in _MODULES:
        sys.modules.pop(name, None)
        pyspark.__dict__.pop(name.rpartition(".")[2], None)
    for name in _NAMES:
        pyspark.__dict__.pop(name, None)

    def __getattr__(name):
        if name in _NAMES:
            value = getattr(importlib.import_module(_NAMES[name]), name)
        elif "pyspark." + name in _MODULES:
            value = importlib.import_module("pyspark." + name)
        else:
            raise AttributeError("module 'pyspark' has no attribute %r" % name)
        setattr(pyspark, name, value)
        return value

    pyspark.__getattr__ = __getattr__
