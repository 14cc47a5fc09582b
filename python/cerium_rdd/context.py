"""SparkContext: the way into RDDs, over a session of Spark Connect."""

import atexit
import collections
import functools
import itertools
import os
import re
import shutil
import sys
import tempfile
import threading

import pyarrow as pa
from pyspark.accumulators import Accumulator, AddingAccumulatorParam
from pyspark.conf import SparkConf
from pyspark.errors import PySparkRuntimeError
from pyspark.errors.exceptions.connect import SparkException
from pyspark.serializers import CPickleSerializer

from cerium_rdd import batches, control, plan, slices
from cerium_rdd.application import Application
from cerium_rdd.broadcast import Broadcast
from cerium_rdd.distribution import Distribution
from cerium_rdd.inputs import Inputs
from cerium_rdd.jobs import Jobs
from cerium_rdd.jvm import JavaContext, Jvm
from cerium_rdd.rdd import RDD
from cerium_rdd.source import Slices, Source

# Data of more bytes than this travels to executors once, not with each task.
_LARGE = 1 << 20
_EXECUTOR_ENV = "spark.executorEnv."


class SparkContext(Application, Jobs, Inputs, Distribution):
    """The way into RDDs; one is active at a time and belongs to the session of the program."""

    # PySpark's own classes ask for these.
    _gateway = None
    _jvm = None
    _lock = threading.RLock()
    _active_spark_context = None
    _next_accum_id = 0

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

        if gateway is not None:
            raise _no_gateway(gateway)
        settings = dict(conf.getAll()) if conf is not None else {}
        if master:
            settings["spark.master"] = master
        if appName:
            settings["spark.app.name"] = appName
        for key, value in (environment or {}).items():
            settings[_EXECUTOR_ENV + key] = str(value)
        _check_master(settings.get("spark.master"))
        with SparkContext._lock:
            running = SparkContext._active_spark_context
            if running is not None and running._made:
                raise ValueError(
                    "Cannot run multiple SparkContexts at once; existing SparkContext(app=%s, master=%s)"
                    % (running.appName, running.master)
                )
            builder = SparkSession.builder
            for key, value in settings.items():
                builder.config(key, value)
            self._begin(builder.getOrCreate(), settings, batchSize)
            self._made = True
        for path in pyFiles or ():
            self.addPyFile(path)

    @classmethod
    def _of(cls, session):
        """The context of a session."""
        with cls._lock:
            context = cls._active_spark_context
            if context is None or context._session.is_stopped:
                context = cls.__new__(cls)
                context._begin(session, {}, 0)
            return context

    @classmethod
    def _within(cls, session):
        """The context, running its jobs in a session, whose views and settings may be others than the context's."""
        context = cls._of(session)
        if context._session is session:
            return context
        within = cls.__new__(cls)
        within.__dict__.update(context.__dict__, _session=session)
        return within

    def _begin(self, session, settings, batch_size):
        self._session = session
        self._settings = settings
        self._batchSize = batch_size
        self.serializer = self._unbatched_serializer = CPickleSerializer()
        self._made = False
        self._rdd_ids = itertools.count()
        self._checkpoint_dir = None
        self._known = None
        self._temp_dir = tempfile.mkdtemp(prefix="spark-")
        atexit.register(shutil.rmtree, self._temp_dir, ignore_errors=True)
        # Broadcasts that nothing refers to any more.
        self._let_go = collections.deque()
        self._begin_jobs()
        self._begin_distribution()
        self.environment = {"PYTHONHASHSEED": os.environ.get("PYTHONHASHSEED", "0")}
        self.environment.update(
            (key[len(_EXECUTOR_ENV) :], value) for key, value in settings.items() if key.startswith(_EXECUTOR_ENV)
        )
        self.pythonExec = os.environ.get("PYSPARK_PYTHON", "python3")
        self.pythonVer = "%d.%d" % sys.version_info[:2]
        self.sparkHome = os.environ.get("SPARK_HOME")
        self._jsc, self._jvm = JavaContext(self), Jvm()
        SparkContext._active_spark_context = self

    @classmethod
    def getOrCreate(cls, conf=None):
        """The active context, or a new one."""
        with cls._lock:
            context = cls._active_spark_context
            if context is None or context._session.is_stopped:
                cls._active_spark_context = None
                context = cls(conf=conf or SparkConf())
            return context

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
        self._jsc = None
        self._session.stop()
        shutil.rmtree(self._temp_dir, ignore_errors=True)

    # How RDDs run.

    def _next_rdd_id(self):
        return next(self._rdd_ids)

    def _fetch(self, relation, partitions=None):
        """The elements of a relation of pickled lists as they arrive, or those of some partitions."""
        if self._jsc is None:
            raise PySparkRuntimeError("Cannot call methods on a stopped SparkContext.")
        while self._let_go:
            self._control("destroy_broadcast", content=self._let_go.popleft())
        for answer in control.rows_of(self._session, relation, partitions):
            if isinstance(answer, pa.RecordBatch):
                yield from batches.decode(answer.column(0))

    def _control(self, operation, **arguments):
        """The answer of the server to an operation beyond Spark Connect."""
        return control.ask(self._session, operation, **arguments)

    # What is made of the program's own data.

    def parallelize(self, c, numSlices=None):
        """An RDD of the elements of a collection."""
        count = self.defaultParallelism if numSlices is None else int(numSlices)
        if count < 1:
            raise ValueError("Positive number of partitions required")
        if isinstance(c, range):
            return RDD(Slices(slices.RangeSlices(c, count), count), self)
        values = c if isinstance(c, (list, tuple)) else list(c)
        cut = slices.PickledSlices.of(values, count, self._batchSize or 1024)
        if cut.length() > _LARGE:
            cut = slices.StoredSlices.of(cut, functools.partial(Broadcast._of_bytes, self))
        return RDD(Slices(cut, count), self)

    def range(self, start, end=None, step=1, numSlices=None):
        """An RDD of numbers, as Python's `range` has them."""
        values = range(start) if end is None else range(start, end, step)
        return self.parallelize(values, numSlices)

    def emptyRDD(self):
        """An RDD without partitions."""
        return RDD(Slices(slices.PickledSlices([]), 0), self)

    def union(self, rdds):
        """The elements of several RDDs.

        Their partitions one after another; where all have the same partitioner, each partition with
        the others of its number.
        """
        first, counts = rdds[0], [rdd.getNumPartitions() for rdd in rdds]
        partitioner = first.partitioner
        if partitioner is not None and all(rdd.partitioner == partitioner for rdd in rdds):
            return first._beside(rdds[1:], partitioner)
        parts = [rdd._slices() for rdd in rdds]
        if all(part is not None for part in parts):
            return first._with(Slices(slices.United(parts, counts), sum(counts)))
        relation = plan.balanced(plan.Union, [rdd._batches() for rdd in rdds])
        fixed = all(rdd._is_fixed() for rdd in rdds)
        return first._with(Source.of_batches(relation, sum(counts), fixed))

    def broadcast(self, value):
        """Sends a value to each executor once."""
        return Broadcast(self, value)

    def accumulator(self, value, accum_param=None):
        """A variable that tasks add to and the program reads."""
        if accum_param is None:
            zero = next((kind(0) for kind in (int, float, complex) if isinstance(value, kind)), None)
            if zero is None:
                raise TypeError("No default accumulator param for type %s" % type(value))
            accum_param = AddingAccumulatorParam(zero)
        with SparkContext._lock:
            SparkContext._next_accum_id += 1
            return Accumulator(SparkContext._next_accum_id - 1, value, accum_param)


def _check_master(master):
    """Refuses what is no master to Spark either; one that is only is not where the program runs."""
    if master is None or re.fullmatch(r"(local(\[.*\]|-cluster\[.*\])?|yarn|(spark|k8s|mesos|sc)://.*|cerium)", master):
        return
    raise SparkException("Could not parse Master URL: '%s'" % master)


def _no_gateway(gateway):
    if gateway.gateway_parameters.auth_token is None:
        return ValueError(
            "You are trying to pass an insecure Py4j gateway to Spark. This is not allowed as it is a security risk."
        )
    return PySparkRuntimeError("There is no JVM that a Py4J gateway could lead to: Cerium runs without one.")


SparkContext.__module__ = "pyspark.context"
