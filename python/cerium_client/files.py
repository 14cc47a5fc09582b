"""SparkFiles: the files of `spark.files` and `spark.archives`, where the driver put them."""

import os
import sys
import types

_FOLDER = "CERIUM_FILES_DIR"


class SparkFiles:
    """Stands in for the class that PySpark's client leaves out."""

    _root_directory = None
    _is_running_on_worker = False

    def __init__(self):
        raise NotImplementedError("Do not construct SparkFiles objects")

    @classmethod
    def get(cls, filename):
        """The absolute path of a file."""
        return os.path.abspath(os.path.join(cls.getRootDirectory(), filename))

    @classmethod
    def getRootDirectory(cls):
        """The folder of all files."""
        return cls._root_directory or os.environ[_FOLDER]


# As PySpark's own, so that it can be pickled by reference.
SparkFiles.__module__ = "pyspark.files"


def add(pyspark):
    """Adds the class to a PySpark that lacks it."""
    if hasattr(pyspark, "SparkFiles"):
        return
    module = types.ModuleType("pyspark.files", __doc__)
    module.SparkFiles = SparkFiles
    sys.modules["pyspark.files"] = module
    pyspark.files = module
    pyspark.SparkFiles = SparkFiles


def redirect(module):
    """Lets PySpark's own class, which asks the JVM, answer without one."""
    spark_files = module.SparkFiles
    if getattr(spark_files, "_cerium", False):
        return
    classic = spark_files.getRootDirectory.__func__

    def getRootDirectory(cls):
        if cls._is_running_on_worker or _FOLDER not in os.environ:
            return classic(cls)
        return os.environ[_FOLDER]

    spark_files.getRootDirectory = classmethod(getRootDirectory)
    spark_files._cerium = True
