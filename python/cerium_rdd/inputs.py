"""RDDs of files, which the session reads."""

import os
import urllib.parse
import uuid

from pyspark.errors import PySparkNotImplementedError

from cerium_rdd import binary, worker
from cerium_rdd.rdd import RDD
from cerium_rdd.source import Source
from cerium_rdd.steps import basic


class Inputs:
    """Files come in the partitions that the session's reader cuts them into."""

    def textFile(self, name, minPartitions=None, use_unicode=True):
        """The lines of text files."""
        frame = self._session.read.text(_paths(name)).select("value")
        read = worker.ReadColumns(1)
        lines = RDD(Source(frame._plan, read, None), self)
        return lines if use_unicode else lines.map(_encoded)

    def wholeTextFiles(self, path, minPartitions=None, use_unicode=True):
        """Pairs of the path and the text of each file."""
        from pyspark.sql import functions

        frame = self._session.read.text(_paths(path), wholetext=True)
        frame = frame.select(functions.input_file_name(), "value")
        files = RDD(Source(frame._plan, worker.ReadColumns(2), None), self).map(_as_hadoop_names_it)
        return files if use_unicode else files.map(_both_encoded)

    def binaryFiles(self, path, minPartitions=None):
        """Pairs of the path and the bytes of each file."""

        def setting(key):
            return self._session.conf.get("spark.hadoop.fs.s3a." + key, None)

        files = []
        for one in _paths(path):
            for pattern in binary.alternatives(one):
                system, within = binary.system_of(pattern, setting)
                files += ((system, name) for name in system.list(within))
        count = minPartitions or self.defaultMinPartitions
        return self.parallelize(files, max(min(count, len(files)), 1)).map(binary.content)

    def binaryRecords(self, path, recordLength):
        """Pieces of one length of the files' bytes."""
        return self.binaryFiles(path).flatMap(basic.Records(recordLength))

    def pickleFile(self, name, minPartitions=None):
        """What `RDD.saveAsPickleFile` wrote."""
        frame = self._session.read.parquet(*_paths(name)).select("b")
        return RDD(Source.of_batches(frame._plan, None), self)

    # What needs Hadoop's Java classes.

    def _needs_java(self, method):
        raise PySparkNotImplementedError(
            "[NOT_IMPLEMENTED] SparkContext.%s needs Hadoop's Java classes, which Cerium runs without. "
            "Read the data by spark.read, or run the program on the Apache Spark of its image." % method
        )

    def sequenceFile(self, path, *arguments, **options):
        """Not here: sequence files need Java."""
        self._needs_java("sequenceFile")

    def newAPIHadoopFile(self, path, *arguments, **options):
        """Not here: Hadoop's formats need Java."""
        self._needs_java("newAPIHadoopFile")

    def newAPIHadoopRDD(self, *arguments, **options):
        """Not here: Hadoop's formats need Java."""
        self._needs_java("newAPIHadoopRDD")

    def hadoopFile(self, path, *arguments, **options):
        """Not here: Hadoop's formats need Java."""
        self._needs_java("hadoopFile")

    def hadoopRDD(self, *arguments, **options):
        """Not here: Hadoop's formats need Java."""
        self._needs_java("hadoopRDD")

    # Where checkpoints are asked to be.

    def setCheckpointDir(self, dirName):
        """Sets the folder below which checkpoints are written."""
        folder = dirName if "://" in dirName or dirName.startswith("file:") else "file:" + os.path.abspath(dirName)
        self._checkpoint_dir = "%s/%s" % (folder, uuid.uuid4())

    def getCheckpointDir(self):
        """The folder that checkpoints are written to."""
        return self._checkpoint_dir

    def _checkpointFile(self, name, input_deserializer):
        relation = self._session.read.parquet(name)
        count = relation.selectExpr("max(p)").first()[0]
        return RDD(Source.of_shuffle(relation._plan, 0 if count is None else count + 1), self)


def _paths(name):
    """Paths between commas, as Hadoop takes them: a comma within braces is part of a pattern."""
    paths, depth = [""], 0
    for letter in name:
        depth += (letter == "{") - (letter == "}" and depth > 0)
        if letter == "," and not depth:
            paths.append("")
        else:
            paths[-1] += letter
    return [path.strip() for path in paths if path.strip()]


def _encoded(line):
    return line.encode("utf-8")


def _both_encoded(file):
    path, text = file
    return _encoded(path), _encoded(text)


def _as_hadoop_names_it(file):
    path, text = file
    # The column holds a URI, Hadoop's path is written as it is.
    path = urllib.parse.unquote(path)
    return "file:" + path[len("file://") :] if path.startswith("file:///") else path, text
