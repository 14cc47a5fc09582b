"""Where the elements of an RDD come from before the first step of its pipeline."""

from cerium_rdd import plan, worker


class Source:
    """A relation, and what a worker reads elements from its rows with."""

    def __init__(self, relation, reader, partitions):
        self.relation = relation
        self.reader = reader
        self._partitions = partitions

    @classmethod
    def of_batches(cls, relation, partitions):
        """A relation of pickled lists."""
        return cls(relation, worker.ReadBatches(), partitions)

    def partitions(self, context):
        """How many partitions there are."""
        if self._partitions is None:
            self._partitions = context._count_partitions(self.relation)
        return self._partitions

    def only(self, partitions):
        """The source with these partitions alone, and those that tasks still have to leave out."""
        return self, frozenset(partitions)


class Slices(Source):
    """Data of the program itself."""

    def __init__(self, slices, count, chosen=None):
        self._slices = slices
        self._count = count
        chosen = range(count) if chosen is None else chosen
        reader = worker.ReadSlices(slices, chosen)
        super().__init__(plan.Numbers(len(chosen)), reader, len(chosen))

    def only(self, partitions):
        return Slices(self._slices, self._count, sorted(set(partitions))), None
