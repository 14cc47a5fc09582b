"""RDD methods that give elements to files, by the writers of DataFrames, and to programs."""

from pyspark.errors import IllegalArgumentException, PySparkNotImplementedError

from cerium_rdd.steps.elements import PickledLists, Pipe, Texts

# Hadoop's codecs by the names of their classes, as the writers of text call them.
_CODECS = {
    "org.apache.hadoop.io.compress.BZip2Codec": "bzip2",
    "org.apache.hadoop.io.compress.DefaultCodec": "deflate",
    "org.apache.hadoop.io.compress.DeflateCodec": "deflate",
    "org.apache.hadoop.io.compress.GzipCodec": "gzip",
    "org.apache.hadoop.io.compress.Lz4Codec": "lz4",
    "org.apache.hadoop.io.compress.SnappyCodec": "snappy",
    "org.apache.hadoop.io.compress.ZStandardCodec": "zstd",
}
_INSTEAD = "it needs Hadoop's Java classes; saveAsTextFile, saveAsPickleFile or the writer of toDF() do not"


class Saving:
    """Text, pickles, programs, and what only Hadoop can write."""

    def pipe(self, command, env=None, checkCode=False):
        """The lines that a program prints which reads the elements as lines, one program a partition."""
        return self.mapPartitionsWithIndex(Pipe(command, dict(env or {}), checkCode))

    def saveAsTextFile(self, path, compressionCodecClass=None):
        """Writes elements as lines: strings as they are, bytes as UTF-8, all else by `str`."""
        writer = self.mapPartitionsWithIndex(Texts()).toDF("value string").write
        if compressionCodecClass is not None:
            codec = _CODECS.get(compressionCodecClass)
            if codec is None:
                known = ", ".join(sorted(_CODECS))
                raise IllegalArgumentException(f"{compressionCodecClass} is no codec known here; these are: {known}")
            writer = writer.option("compression", codec)
        writer.text(path)

    def saveAsPickleFile(self, path, batchSize=10):
        """Writes pickled lists of `batchSize` elements (0: as many as seems good) for `pickleFile`."""
        self.mapPartitionsWithIndex(PickledLists(batchSize)).toDF("b binary").write.parquet(path)

    def saveAsSequenceFile(self, path, compressionCodecClass=None):
        """Not there."""
        raise _not_there("saveAsSequenceFile")

    def saveAsHadoopFile(self, path, outputFormatClass, *_, **__):
        """Not there."""
        raise _not_there("saveAsHadoopFile")

    def saveAsHadoopDataset(self, conf, keyConverter=None, valueConverter=None):
        """Not there."""
        raise _not_there("saveAsHadoopDataset")

    def saveAsNewAPIHadoopFile(self, path, outputFormatClass, *_, **__):
        """Not there."""
        raise _not_there("saveAsNewAPIHadoopFile")

    def saveAsNewAPIHadoopDataset(self, conf, keyConverter=None, valueConverter=None):
        """Not there."""
        raise _not_there("saveAsNewAPIHadoopDataset")


def _not_there(method):
    return PySparkNotImplementedError(
        errorClass="NOT_IMPLEMENTED", messageParameters={"feature": f"RDD.{method} ({_INSTEAD})"}
    )
