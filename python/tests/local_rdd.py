"""RDDs whose partitions are lists of this process: the methods that mixins add, without a server."""

import itertools

from pyspark import cloudpickle

from cerium_rdd.rdd import RDD



class LocalContext:
    """Makes RDDs of lists, cut evenly."""

    def __init__(self):
        self.ids = itertools.count()
        self._conf = {}

    def _next_rdd_id(self):
        return next(self.ids)

    def parallelize(self, values, numSlices=4):
        values, cuts = list(values), range(numSlices)
        size = len(values)
        return LocalRDD(self, [values[i * size // numSlices : (i + 1) * size // numSlices] for i in cuts])

    def emptyRDD(self):
        return LocalRDD(self, [])

    def union(self, rdds):
        return LocalRDD(self, [part for rdd in rdds for part in rdd.partitions])

    def runJob(self, rdd, function, partitions):
        return [value for i in partitions for value in function(iter(rdd.partitions[i]))]


class LocalRDD(RDD):
    """The primitives, done at once; functions go through a pickle as on their way to a worker."""

    def __init__(self, context, partitions, partitioner=None):
        super().__init__(None, context, partitioner=partitioner)
        self.partitions = partitions

    def mapPartitionsWithIndex(self, f, preservesPartitioning=False):
        made = [
            list(cloudpickle.loads(cloudpickle.dumps(f))(i, iter(part))) for i, part in enumerate(self.partitions)
        ]
        return LocalRDD(self.ctx, made, self.partitioner if preservesPartitioning else None)

    def _placed(self, choose, count, partitioner=None):
        made = [[] for _ in range(count)]
        for i, part in enumerate(self.partitions):
            for place, element in choose(i, iter(part)):
                made[place].append(element)
        return LocalRDD(self.ctx, made, partitioner)

    def collect(self):
        return [element for part in self.partitions for element in part]

    def getNumPartitions(self):
        return len(self.partitions)
