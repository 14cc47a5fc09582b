"""Where the elements of an RDD come from before the first step of its pipeline."""

from cerium_rdd import plan, slices, worker


_EMPTY = "EmptyRDD", "emptyRDD at NativeMethodAccessorImpl.java:0"


class Source:
    """A relation, and what a worker reads elements from its rows with."""

    # What Spark would call its RDD, and where it would say it comes from.
    shown = "MapPartitionsRDD", "javaToPython at NativeMethodAccessorImpl.java:0"
    # Whether a step of Spark's own makes the elements.
    made_by_python = False

    def __init__(self, relation, reader, partitions):
        self.relation = relation
        self.reader = reader
        self.known_partitions = partitions
        # Whether there are as many within any other plan; of a small table there may be fewer.
        self.fixed = partitions is not None

    @classmethod
    def of_batches(cls, relation, partitions, fixed=True):
        """A relation of pickled lists."""
        source = cls(relation, worker.ReadBatches(), partitions)
        source.fixed = source.fixed and fixed
        return source

    @classmethod
    def of_shuffle(cls, keyed, partitions):
        """Pickled lists after they went to the partitions that they are for; none where there are no partitions."""
        if partitions == 0:
            return Slices(slices.PickledSlices([]), 0)
        source = cls(plan.Shuffle(keyed, partitions), worker.ReadShuffled(), partitions)
        source.shown = "MapPartitionsRDD", "mapPartitions at PythonRDD.scala:170"
        return source

    def partitions(self, context):
        """How many partitions there are."""
        if self.known_partitions is None:
            # Below a function, as it is when tasks read it: few rows are left spread there.
            read = worker.Run(self.reader, (), worker.WriteBatches())
            below = plan.Map.to_batches(self.relation, "partitions", read, context)
            self.known_partitions = context._count_partitions(below)
        return self.known_partitions

    def only(self, partitions):
        """The source with these partitions alone, and those that tasks still have to leave out."""
        return self, frozenset(partitions)


class Slices(Source):
    """Partitions that tasks make by themselves; the relation only tells them which."""

    def __init__(self, parts, count, chosen=None):
        self.slices = parts
        self.made_by_python = isinstance(parts, slices.RangeSlices)
        self.shown = ("ParallelCollectionRDD", "readRDDFromFile at PythonRDD.scala:299") if count else _EMPTY
        chosen = range(count) if chosen is None else chosen
        super().__init__(plan.Numbers(len(chosen)), worker.ReadSlices(parts, chosen, count), count)

    def only(self, partitions):
        return Slices(self.slices, self.known_partitions, sorted(set(partitions))), None

    def after(self, steps):
        """The partitions after the steps of a pipeline."""
        return slices.Made(self.slices, steps) if steps else self.slices
