"""Where the elements of an RDD come from before the first step of its pipeline."""

from cerium_rdd import plan, slices, worker


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

    @classmethod
    def of_shuffle(cls, keyed, partitions):
        """Pickled lists after they went to the partitions that they are for."""
        return cls(plan.Shuffle(keyed, partitions), worker.ReadShuffled(), partitions)

    def partitions(self, context):
        """How many partitions there are."""
        if self._partitions is None:
            self._partitions = context._count_partitions(self.relation)
        return self._partitions

    def only(self, partitions):
        """The source with these partitions alone, and those that tasks still have to leave out."""
        return self, frozenset(partitions)


class Slices(Source):
    """Partitions that tasks make by themselves; the relation only tells them which."""

    def __init__(self, parts, count, chosen=None):
        self.slices = parts
        chosen = range(count) if chosen is None else chosen
        super().__init__(plan.Numbers(len(chosen)), worker.ReadSlices(parts, chosen), count)

    def only(self, partitions):
        return Slices(self.slices, self._partitions, sorted(set(partitions))), None

    def after(self, steps):
        """The partitions after the steps of a pipeline."""
        return slices.Made(self.slices, steps) if steps else self.slices
