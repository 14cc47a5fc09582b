"""RDD: partitions of Python objects and the pipeline that makes them.

What needs no shuffle only composes functions. An action or a shuffle runs all that was composed
as one function of `mapInArrow` over the rows of the source.
"""

from pyspark.errors import PySparkNotImplementedError, PySparkRuntimeError

from cerium_rdd import plan, sides, slices, worker
from cerium_rdd.actions import Actions
from cerium_rdd.barrier import RDDBarrier
from cerium_rdd.caching import Caching
from cerium_rdd.ordered import OrderedFunctions
from cerium_rdd.pairing import Pairing
from cerium_rdd.pairs import PairFunctions
from cerium_rdd.partitioner import Partitioner, portable_hash
from cerium_rdd.sampling import Sampling
from cerium_rdd.saving import Saving
from cerium_rdd.sets import SetFunctions
from cerium_rdd.source import Slices, Source
from cerium_rdd.statistics import Statistics
from cerium_rdd.steps import basic, placing
from cerium_rdd.trees import Trees


class RDD(
    Actions,
    Caching,
    Pairing,
    PairFunctions,
    OrderedFunctions,
    SetFunctions,
    Statistics,
    Sampling,
    Saving,
    Trees,
):
    """Partitions of Python objects; immutable, computed when an action asks for them."""

    def __init__(self, source, ctx, steps=(), partitioner=None):
        self.ctx = ctx
        self.partitioner = partitioner
        self.is_cached = False
        self.is_checkpointed = False
        self.has_resource_profile = False
        self._source = source
        self._steps = steps
        self._name = None
        self._id = None

    def __class_getitem__(cls, item):
        return cls

    def __getnewargs__(self):
        raise PySparkRuntimeError(errorClass="RDD_TRANSFORM_ONLY_VALID_ON_DRIVER", messageParameters={})

    def __repr__(self):
        return self._line()

    def id(self):
        """A number that no other RDD of the context has, given when it is first asked for."""
        if self._id is None:
            self._id = self.ctx._next_rdd_id()
        return self._id

    @property
    def context(self):
        """The context it was made by."""
        return self.ctx

    # How it is run.

    def _run(self, writer, only=None, steps=()):
        """The rows to read, and what a task does: the pipeline so far, `steps`, and the writer."""
        source, before = self._start()
        source, only = (source, None) if only is None else source.only(only)
        function = worker.Run(source.reader, before + steps, writer, only)
        return source.relation, function

    def _batches(self, only=None, steps=()):
        """A relation of pickled lists with the elements."""
        source, before = self._start()
        if not before and not steps and only is None and type(source.reader) is worker.ReadBatches:
            return source.relation
        return self._mapped(only, steps)

    def _mapped(self, only=None, steps=()):
        """The same, made by a function in any case."""
        relation, function = self._run(worker.WriteBatches(), only, steps)
        return plan.Map.to_batches(relation, self._task_name(), function, self.ctx)

    def _slices(self):
        """The partitions, where tasks make them by themselves."""
        source, steps = self._start()
        return source.after(steps) if isinstance(source, Slices) else None

    def _is_narrow(self):
        # A shuffle would run again for each partition.
        return plan.is_narrow(self._start()[0].relation)

    def _is_fixed(self):
        return self._start()[0].fixed

    def _with(self, source, partitioner=None):
        """An RDD of another source."""
        return RDD(source, self.ctx, partitioner=partitioner)

    def _reserialize(self, serializer=None):
        # Elements are written one way only.
        return self

    _pickled = _reserialize

    def _task_name(self):
        return self._name or "RDD %d" % self.id()

    def getNumPartitions(self):
        """How many partitions it has."""
        return self._source.partitions(self.ctx)

    # Narrow steps.

    def mapPartitionsWithIndex(self, f, preservesPartitioning=False):
        """What `f` makes of the number and the elements of each partition."""
        partitioner = self.partitioner if preservesPartitioning else None
        source, steps = self._start()
        return PipelinedRDD(source, self.ctx, steps + (f,), partitioner)

    def mapPartitionsWithSplit(self, f, preservesPartitioning=False):
        """The old name of `mapPartitionsWithIndex`."""
        import warnings

        warnings.warn("mapPartitionsWithSplit is deprecated; use mapPartitionsWithIndex instead.", FutureWarning, stacklevel=2)
        return self.mapPartitionsWithIndex(f, preservesPartitioning)

    def mapPartitions(self, f, preservesPartitioning=False):
        """What `f` makes of the elements of each partition."""
        return self.mapPartitionsWithIndex(basic.Partitions(f), preservesPartitioning)

    def map(self, f, preservesPartitioning=False):
        """What `f` makes of each element."""
        return self.mapPartitionsWithIndex(basic.Each(f), preservesPartitioning)

    def flatMap(self, f, preservesPartitioning=False):
        """All that `f` makes of each element."""
        return self.mapPartitionsWithIndex(basic.Flat(f), preservesPartitioning)

    def filter(self, f):
        """The elements for which `f` holds."""
        return self.mapPartitionsWithIndex(basic.Where(f), True)

    def glom(self):
        """The elements of each partition as a list."""
        return self.mapPartitions(_listed)

    # What moves elements between partitions.

    def union(self, other):
        """The elements of both, in partitions of their own unless both have the same partitioner."""
        return self.ctx.union([self, other])

    def __add__(self, other):
        if not isinstance(other, RDD):
            raise TypeError
        return self.union(other)

    def partitionBy(self, numPartitions, partitionFunc=portable_hash):
        """Pairs in the partitions that a function of their keys chooses."""
        count = self._defaultReducePartitions() if numPartitions is None else numPartitions
        partitioner = Partitioner(count, partitionFunc)
        if self.partitioner == partitioner:
            return self
        return self._placed(placing.ByKey(partitioner), count, partitioner)

    def _keyed(self, choose, count):
        """A relation of pickled lists for a shuffle; `choose(split, elements)` pairs elements with partitions."""
        relation, function = self._run(worker.WriteKeyed(count), steps=(choose,))
        return plan.Map.to_keyed(relation, self._task_name(), function, self.ctx)

    def _placed(self, choose, count, partitioner=None):
        """The elements in the partitions that `choose(split, elements)` pairs them with."""
        return self._with(Source.of_shuffle(self._keyed(choose, count), count), partitioner)

    def _met(self, other, choose, other_choose, count, step):
        """What `step` makes of the elements of two RDDs that came to the same partitions.

        It gets tuples of a side, 0 or 1, and a list of elements.
        """
        left = self.mapPartitionsWithIndex(sides.Side(0))._keyed(choose, count)
        right = other.mapPartitionsWithIndex(sides.Side(1))._keyed(other_choose, count)
        return RDD(Source.of_shuffle(plan.Union(left, right), count), self.ctx, (step,))

    def _beside(self, others, partitioner=None):
        """The elements of several RDDs with as many partitions, each partition with those of its number."""
        relation = plan.balanced(plan.Together, [rdd._mapped() for rdd in [self, *others]])
        return self._with(Source.of_batches(relation, self.getNumPartitions()), partitioner)

    def _defaultReducePartitions(self):
        return int(self.ctx._conf.get("spark.default.parallelism") or self.getNumPartitions())

    def repartition(self, numPartitions):
        """The elements spread evenly over so many partitions."""
        return self.coalesce(numPartitions, shuffle=True)

    def coalesce(self, numPartitions, shuffle=False):
        """The elements in fewer partitions; with a shuffle, in as many as asked for."""
        if not numPartitions > 0:
            raise ValueError("Number of partitions must be positive.")
        if shuffle:
            return self._placed(placing.Evenly(numPartitions), numPartitions)
        count = self.getNumPartitions()
        if numPartitions >= count:
            return self.mapPartitionsWithIndex(basic.same)
        cuts = [part * count // numPartitions for part in range(numPartitions + 1)]
        parts = self._slices()
        if parts is not None:
            return self._with(Slices(slices.Joined(parts, cuts), numPartitions))
        return self._placed(placing.Neighbours(cuts), numPartitions)

    def barrier(self):
        """Says that there is no barrier mode."""
        return RDDBarrier(self)

    def withResources(self, profile):
        """Says that executors have no resource profiles of their own."""
        raise PySparkNotImplementedError(
            "[NOT_IMPLEMENTED] RDD.withResources is not implemented: all executors of an application are "
            "alike. Set spark.executor.* for all of them."
        )

    def getResourceProfile(self):
        """The profile it was given: none."""
        return None

    # What is known about it.

    def name(self):
        """The name it was given."""
        return self._name

    def setName(self, name):
        """Gives it a name."""
        self._name = name
        return self

    def _line(self):
        """How Spark's JVM shows it: named after what comes last in it."""
        kind, where = _PYTHON if self._is_python() else self._source.shown
        name = "%s " % self._name if self._name else ""
        return "%s%s[%d] at %s" % (name, kind, self.id(), where)

    def _is_python(self):
        return bool(self._steps) or self._source.made_by_python

    def toDebugString(self):
        """What it is made of, as bytes."""
        count = self.getNumPartitions()
        lines = ["(%d) %s []" % (count, self._line())]
        if self._is_python():
            lines.append(" |  %s[%d] at %s []" % (self._source.shown[0], self.id(), self._source.shown[1]))
        return "\n".join(lines).encode("utf-8")

    def toDF(self, schema=None, sampleRatio=None):
        """A DataFrame of its rows."""
        return self.ctx._session.createDataFrame(self, schema, sampleRatio)


class PipelinedRDD(RDD):
    """One whose elements the steps of a pipeline make."""


_PYTHON = "PythonRDD", "RDD at PythonRDD.scala:58"


def _listed(elements):
    yield list(elements)


RDD.__module__ = PipelinedRDD.__module__ = "pyspark.rdd"
