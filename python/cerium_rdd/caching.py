"""Keeping what was computed: `cache`, `persist` and checkpoints."""

import warnings

from pyspark.errors import UnsupportedOperationException
from pyspark.errors.exceptions.connect import SparkException
from pyspark.storagelevel import StorageLevel

from cerium_rdd import plan, sides
from cerium_rdd.source import Source


class Caching:
    """What is kept is a relation of pickled lists, from the first action on that needs it."""

    _kept = None
    _checkpoint = None
    # Elements are written one way only.
    _jrdd_deserializer = None
    _storage_level = StorageLevel.NONE

    def _start(self):
        """The source and the steps that come after it: none where the elements are kept."""
        if self._kept is None:
            return self._source, self._steps
        return self._kept, ()

    def _keep(self, level):
        """Has a relation of the elements kept."""
        kept = plan.Kept(self._batches(), self.ctx._session, level)
        self._kept = Source.of_batches(kept, self._source.known_partitions, self._source.fixed)

    def cache(self):
        """Keeps the elements in memory."""
        return self.persist(StorageLevel.MEMORY_ONLY)

    def persist(self, storageLevel=StorageLevel.MEMORY_ONLY):
        """Keeps the elements once an action computed them."""
        if not isinstance(storageLevel, StorageLevel):
            raise TypeError("storageLevel must be of type pyspark.StorageLevel")
        if self.is_cached and self._storage_level != storageLevel:
            raise UnsupportedOperationException(
                "Cannot change storage level of an RDD after it was already assigned a level"
            )
        if not self.is_cached:
            self.is_cached = True
            self._storage_level = storageLevel
            self._keep(storageLevel)
        return self

    def unpersist(self, blocking=False):
        """Lets go of the elements."""
        self.is_cached = False
        self._storage_level = StorageLevel.NONE
        if self._kept is not None and self._checkpoint is None:
            kept, self._kept = self._kept, None
            kept.relation.release(self.ctx._session.client, blocking)
        return self

    def getStorageLevel(self):
        """Where the elements are kept."""
        return self._storage_level

    def checkpoint(self):
        """Writes the elements to files at the next action, and reads them from there afterwards."""
        if self.ctx._checkpoint_dir is None:
            raise SparkException("Checkpoint directory has not been set in the SparkContext")
        if self.is_checkpointed:
            return
        path = "%s/rdd-%d" % (self.ctx._checkpoint_dir, self.id())
        count = self.getNumPartitions()
        written = plan.Written(self._keyed(sides.here, count), self.ctx._session, path)
        self._kept = Source.of_shuffle(written, count)
        self._checkpoint, self.is_checkpointed = written, True

    def localCheckpoint(self):
        """The same on the executors, without files."""
        self._keep(StorageLevel.MEMORY_AND_DISK)
        self._checkpoint, self.is_checkpointed = self._kept.relation, True

    def isCheckpointed(self):
        """Whether an action has made the checkpoint."""
        return self._checkpoint is not None and self._checkpoint.done

    def isLocallyCheckpointed(self):
        """Whether a local checkpoint was asked for."""
        return isinstance(self._checkpoint, plan.Kept)

    def getCheckpointFile(self):
        """Where the checkpoint was written to, None before and where it is no file."""
        return self._checkpoint.path if self.isCheckpointed() else None

    def cleanShuffleDependencies(self, blocking=False):
        """Shuffles are removed when no relation needs them: nothing to do."""
        warnings.warn("cleanShuffleDependencies has no effect: shuffles end with their query.", stacklevel=2)
