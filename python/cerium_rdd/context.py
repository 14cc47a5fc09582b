"""SparkContext: the way into RDDs, over a session of Spark Connect."""

import itertools
import threading

from pyspark.conf import SparkConf
from pyspark.errors import PySparkRuntimeError

from cerium_rdd import batches, plan, slices
from cerium_rdd.rdd import RDD
from cerium_rdd.source import Slices, Source


class SparkContext:
    """The way into RDDs; one is active at a time and belongs to the session of the program."""

    # PySpark's own classes ask for these.
    _gateway = None
    _jvm = None
    _lock = threading.RLock()
    _active_spark_context = None
    _next_accum_id = 0
    PACKAGE_EXTENSIONS = (".zip", ".egg", ".jar")

    def __init__(
        self,
        master=None,
        appName=None,
        sparkHome=None,
        pyFiles=None,
        environment=None,
        batchSize=0,
        serializer=None,
        conf=None,
        gateway=None,
        jsc=None,
        profiler_cls=None,
        udf_profiler_cls=None,
        memory_profiler_cls=None,
    ):
        self._assert_on_driver()
        from pyspark.sql import SparkSession

        with SparkContext._lock:
            if SparkContext._active_spark_context is not None:
                raise ValueError("Cannot run multiple SparkContexts at once")
            conf = conf or SparkConf()
            if master:
                conf.setMaster(master)
            if appName:
                conf.setAppName(appName)
            self._begin(SparkSession.builder.config(conf=conf).getOrCreate(), batchSize)
        for path in pyFiles or ():
            self.addPyFile(path)

    @classmethod
    def _of(cls, session):
        """The context of a session."""
        with cls._lock:
            context = cls._active_spark_context
            if context is None:
                context = cls.__new__(cls)
                context._begin(session, 0)
            return context

    def _begin(self, session, batch_size):
        self._session = session
        self._batchSize = batch_size
        self._rdd_ids = itertools.count()
        SparkContext._active_spark_context = self

    @classmethod
    def getOrCreate(cls, conf=None):
        """The active context, or a new one."""
        with cls._lock:
            if cls._active_spark_context is None:
                cls(conf=conf or SparkConf())
            return cls._active_spark_context

    @staticmethod
    def _assert_on_driver():
        from pyspark.taskcontext import TaskContext

        if TaskContext.get() is not None:
            raise PySparkRuntimeError(errorClass="CONTEXT_ONLY_VALID_ON_DRIVER", messageParameters={})

    def __getnewargs__(self):
        raise PySparkRuntimeError(errorClass="CONTEXT_ONLY_VALID_ON_DRIVER", messageParameters={})

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.stop()

    def stop(self):
        """Ends the context and its session."""
        with SparkContext._lock:
            if SparkContext._active_spark_context is self:
                SparkContext._active_spark_context = None
        self._session.stop()

    # How RDDs run.

    def _next_rdd_id(self):
        return next(self._rdd_ids)

    def _fetch(self, relation):
        """The elements of a relation of pickled lists, as they arrive."""
        client = self._session.client
        for answer in client.to_table_as_iterator(relation.to_proto(client), {}):
            if hasattr(answer, "itercolumns"):
                yield from batches.decode(answer.column(0))

    def _count_partitions(self, relation):
        """How many partitions a relation has."""
        probe = RDD(Source.of_batches(relation, None), self).mapPartitions(lambda elements: [1])
        return sum(self._fetch(probe._batches()))

    def _task_properties(self):
        return None

    def _conf_int(self, key):
        value = self._session.conf.get(key, None)
        return None if value is None else int(value)

    # Sources.

    def parallelize(self, c, numSlices=None):
        """An RDD of the elements of a collection."""
        count = self.defaultParallelism if numSlices is None else int(numSlices)
        if isinstance(c, range):
            return RDD(Slices(slices.RangeSlices(c, count), count), self)
        values = c if isinstance(c, (list, tuple)) else list(c)
        cut = slices.PickledSlices.of(values, count, self._batchSize or 1024)
        return RDD(Slices(cut, count), self)

    def range(self, start, end=None, step=1, numSlices=None):
        """An RDD of numbers, as Python's `range` has them."""
        values = range(start) if end is None else range(start, end, step)
        return self.parallelize(values, numSlices)

    def emptyRDD(self):
        """An RDD without partitions."""
        return RDD(Slices(slices.RangeSlices(range(0), 1), 1), self)

    def union(self, rdds):
        """The elements of several RDDs."""
        first = rdds[0]
        relation, total = first._batches(), first.getNumPartitions()
        for other in rdds[1:]:
            relation, total = plan.Union(relation, other._batches()), total + other.getNumPartitions()
        return RDD(Source.of_batches(relation, total), self)

    @property
    def defaultParallelism(self):
        """How many partitions there are where none are asked for."""
        return self._conf_int("spark.default.parallelism") or 2

    def runJob(self, rdd, partitionFunc, partitions=None, allowLocal=False):
        """What a function makes of some partitions, put together."""
        from cerium_rdd import worker

        partitions = None if partitions is None else list(partitions)
        return list(self._fetch(rdd._batches(partitions, (worker.Partitions(partitionFunc),))))


SparkContext.__module__ = "pyspark.context"
