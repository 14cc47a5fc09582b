"""Keeping what was computed: `cache`, `persist` and checkpoints."""

import warnings

from pyspark.errors import SparkException, UnsupportedOperationException
from pyspark.storagelevel import StorageLevel

from cerium_rdd import plan
from cerium_rdd.source import Source


class Caching:
    """What is kept is a relation of pickled lists, from the first action on that needs it."""

    _kept = None
    _storage_level = StorageLevel.NONE

    def _start(self):
        """The source and the steps that come after it: none where the elements are kept."""
        if self._kept is None:
            return self._source, self._steps
        return self._kept, ()

    def _keep(self, make):
        """Has a relation of the elements kept, as `make` says."""
        relation = make(self._batches())
        self._kept = Source.of_batches(relation, None if self._counts_late() else self.getNumPartitions())

    def _counts_late(self):
        return self._source._partitions is None

    def cache(self):
        """Keeps the elements in memory."""
        return self.persist(StorageLevel.MEMORY_ONLY)

    def persist(self, storageLevel=StorageLevel.MEMORY_ONLY):
        """Keeps the elements once an action computed them."""
        if self.is_cached and self._storage_level != storageLevel:
            raise UnsupportedOperationException("Cannot change storage level of an RDD after it was already assigned a level")
        if not self.is_cached:
            self.is_cached = True
            self._storage_level = storageLevel
            self._keep(lambda relation: plan.Kept(relation, storageLevel))
        return self

    def unpersist(self, blocking=False):
        """Lets go of the elements."""
        if self.is_cached:
            self.is_cached = False
            self._storage_level = StorageLevel.NONE
            kept, self._kept = self._kept, None
            kept.relation.release(self.ctx._session.client, blocking)
        return self

    def getStorageLevel(self):
        """Where the elements are kept."""
        return self._storage_level

    def checkpoint(self):
        """Computes the elements once, and forgets how, at the next action."""
        if self.ctx._checkpoint_dir is None:
            raise SparkException("Checkpoint directory has not been set in the SparkContext")
        self._keep(lambda relation: plan.Checkpointed(relation, self.ctx._session, False))
        self.is_checkpointed = True

    def localCheckpoint(self):
        """The same without a directory."""
        self._keep(lambda relation: plan.Checkpointed(relation, self.ctx._session, True))
        self.is_checkpointed = True

    def isCheckpointed(self):
        """Whether an action has made the checkpoint."""
        return isinstance(self._checkpoint(), plan.Checkpointed) and self._checkpoint().done

    def isLocallyCheckpointed(self):
        """Whether a local checkpoint was asked for."""
        return isinstance(self._checkpoint(), plan.Checkpointed) and self._checkpoint().local

    def getCheckpointFile(self):
        """Checkpoints are no files of the program: none."""
        return None

    def _checkpoint(self):
        return None if self._kept is None else self._kept.relation

    def cleanShuffleDependencies(self, blocking=False):
        """Shuffles are removed when no relation needs them: nothing to do."""
        warnings.warn("cleanShuffleDependencies has no effect: shuffles end with their query.", stacklevel=2)
