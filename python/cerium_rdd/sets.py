"""RDD methods that treat elements as members of sets."""


class SetFunctions:
    """Distinct elements, and what two RDDs have in common."""

    def distinct(self, numPartitions=None):
        """Each element once."""
        return self.map(_with_none).reduceByKey(_first, numPartitions).keys()

    def intersection(self, other):
        """The elements that both have, each once."""
        both = self.map(_with_none).cogroup(other.map(_with_none))
        return both.filter(_in_all).keys()

    def subtract(self, other, numPartitions=None):
        """The elements that the other has not."""
        return self.map(_with_none).subtractByKey(other.map(_with_none), numPartitions).keys()


def _with_none(element):
    return element, None


def _first(value, _):
    return value


def _in_all(pair):
    return all(len(values) for values in pair[1])
