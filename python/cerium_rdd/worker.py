"""What runs in a Python worker: a task of an RDD, as one function of `mapInArrow`.

Instances are pickled by reference to this module, so the functions of a program are all that
travels with a task.
"""

import collections
import itertools
import operator
import pickle

from pyspark.taskcontext import TaskContext

from cerium_rdd import batches

# Tells a task which partition of the plan's node it computes: in a union that is another number
# than the task's own.
PARTITION = "spark.cerium.internal.partition"


def current_partition():
    """The partition that the task computes."""
    context = TaskContext.get()
    told = context.getLocalProperty(PARTITION)
    return context.partitionId() if told is None else int(told)


def run(steps, split, elements):
    """What the steps of a pipeline make of a partition's elements."""
    for step in steps:
        elements = step(split, elements)
    return elements


class Pickled:
    """A function as its pickle, in bytes or in a Broadcast's file, and the local properties of its job."""

    def __init__(self, pickled, properties):
        self.pickled = pickled
        self.properties = properties

    def __call__(self, records):
        if self.properties:
            TaskContext.get()._localProperties.update(self.properties)
        return self._function()(records)

    def _function(self):
        if isinstance(self.pickled, bytes):
            return pickle.loads(self.pickled)
        with open(self.pickled._path, "rb") as file:
            return pickle.load(file)


class Run:
    """Reads elements, takes them through the steps of a pipeline, writes what comes out."""

    def __init__(self, reader, steps, writer, only=None):
        self.reader = reader
        self.steps = steps
        self.writer = writer
        self.only = only

    def __call__(self, records):
        records = iter(records)
        split, elements = self.reader(records)
        if split is not None and (self.only is None or split in self.only):
            yield from self.writer(split, run(self.steps, split, elements))
        # A worker that leaves rows unread cannot take another task.
        for _ in records:
            pass


class ReadBatches:
    """Elements from rows with pickled lists."""

    def __call__(self, records):
        columns = (record.column(record.num_columns - 1) for record in records)
        return current_partition(), itertools.chain.from_iterable(map(batches.decode, columns))


class ReadShuffled:
    """Elements from rows that came through a shuffle, in the order of their tasks.

    Rows arrive in any order. As long as they fit into a bounded memory they wait for all others;
    what comes after that is read as it comes.
    """

    MEMORY = 1 << 28

    def __call__(self, records):
        return current_partition(), itertools.chain.from_iterable(self._lists(iter(records)))

    def _lists(self, records):
        waiting, length = [], 0
        for record in records:
            numbers, blobs = record.column("m").to_pylist(), batches.blobs(record.column("b"))
            waiting.extend(zip(numbers, blobs))
            length += record.nbytes
            if length > self.MEMORY:
                break
        waiting.sort(key=operator.itemgetter(0))
        # The last is taken first: what was read need not be held any longer.
        waiting.reverse()
        while waiting:
            yield pickle.loads(waiting.pop()[1])
        for record in records:
            yield from map(pickle.loads, batches.blobs(record.column("b")))


class ReadSlices:
    """Elements from the closure itself; a row says which slice is the task's.

    The slices asked for may be a part of all.
    """

    def __init__(self, slices, chosen, count):
        self.slices = slices
        self.chosen = chosen
        self.count = count

    def __call__(self, records):
        for record in records:
            if record.num_rows:
                split = self.chosen[record.column(0)[0].as_py()]
                context = TaskContext.get()
                if context is not None and len(self.chosen) < self.count:
                    # The task has its number among those that were chosen.
                    context._partitionId = split
                return split, self.slices.read(split)
        return None, ()


class ReadColumns:
    """Values of the only column, or tuples of some."""

    def __init__(self, columns):
        self.columns = columns

    def __call__(self, records):
        return current_partition(), itertools.chain.from_iterable(map(self._values, records))

    def _values(self, record):
        columns = [column.to_pylist() for column in record.columns]
        return columns[0] if self.columns == 1 else zip(*columns)


class WriteBatches:
    """Elements as rows with pickled lists."""

    def __call__(self, split, elements):
        return map(batches.record, batches.encode(elements))


class WriteKeyed:
    """Pairs of a partition and an element as rows for a shuffle.

    Rows are numbered, so that they are read in the order of their tasks. Elements wait in a list for
    each partition until they are about as many bytes as fit comfortably.
    """

    # Elements that wait, at first and at most; bytes they should make.
    FIRST, MOST, GOAL = 1 << 12, 1 << 20, 1 << 25

    def __init__(self, partitions):
        self.partitions = partitions

    def __call__(self, split, elements):
        most, sequence = self.FIRST, split << 28
        elements = iter(elements)
        while True:
            waiting = collections.defaultdict(list)
            for partition, element in itertools.islice(elements, most):
                waiting[partition].append(element)
            if not waiting:
                return
            partitions = [self._checked(partition) for partition in waiting]
            blobs = [batches.dumps(part) for part in waiting.values()]
            length = sum(map(len, blobs))
            yield batches.keyed_record(partitions, sequence, blobs)
            sequence += 1
            if length < self.GOAL // 2:
                most = min(most * 4, self.MOST)
            elif length > self.GOAL * 2:
                most = max(most // 2, 1)

    def _checked(self, partition):
        # A number of numpy's is one as well.
        if hasattr(partition, "__index__") and 0 <= operator.index(partition) < self.partitions:
            return operator.index(partition)
        raise TypeError(
            "a partition must be an integer from 0 to %d, and the partition function gave %r"
            % (self.partitions - 1, partition)
        )
