"""Barrier stages, which there are none of."""

from pyspark.errors import PySparkNotImplementedError


class RDDBarrier:
    """Stands for an RDD whose tasks start together; making one says that none do."""

    def __init__(self, rdd):
        raise PySparkNotImplementedError(
            "[NOT_IMPLEMENTED] Barrier mode is not implemented: Cerium starts each task when there is room "
            "for it, not all tasks of a stage at once. Run programs that need it on the Apache Spark of "
            "their image."
        )


RDDBarrier.__module__ = "pyspark.rdd"
