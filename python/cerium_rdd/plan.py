"""Relations of Spark Connect that RDDs are made of, and how they are run."""

import sys

from pyspark.serializers import CloudPickleSerializer
from pyspark.sql.connect import proto
from pyspark.sql.connect.dataframe import DataFrame
from pyspark.sql.connect.plan import LogicalPlan
from pyspark.sql.connect.types import pyspark_types_to_proto_types
from pyspark.sql.types import BinaryType, IntegerType, LongType, StructField, StructType
from pyspark.util import PythonEvalType

from cerium_rdd import broadcast, worker

_BATCHES = StructType([StructField("b", BinaryType())])
_KEYED = StructType([StructField("p", IntegerType()), StructField("m", LongType()), StructField("b", BinaryType())])
_PYTHON = "%d.%d" % sys.version_info[:2]
# The field of an expression that sends a row to the partition that a column names; clients of
# Spark 4.0 do not know it yet.
_DIRECT_PARTITION = 22
# Functions of more bytes travel to each executor once: Spark's spark.broadcast.UDFCompressionThreshold.
_LARGE = 1 << 20

# Relations, of the client and of here, whose partitions are those of their only child, or that have none.
_NARROW = frozenset(
    "Map Numbers Range Read DataSource LocalRelation Project Filter WithColumns WithColumnsRenamed Drop SubqueryAlias "
    "ToSchema MapPartitions Hint".split()
)


class Map(LogicalPlan):
    """A function of `mapInArrow`, pickled once, when it first runs."""

    def __init__(self, child, name, function, schema, context, outlives=False):
        super().__init__(child)
        self._name = name
        self._function = function
        self._pickled = None
        self._schema = schema
        self._context = context
        # Whether the server may still need it when this object is gone, as for a view.
        self._outlives = outlives
        # By how plans name them: they are there for as long as what was pickled with them.
        self._broadcasts = {}

    @classmethod
    def to_batches(cls, child, name, function, context):
        """One whose rows are pickled lists."""
        return cls(child, name, function, _BATCHES, context)

    @classmethod
    def to_keyed(cls, child, name, function, context):
        """One whose rows are pickled lists, each with the partition it is for."""
        return cls(child, name, function, _KEYED, context)

    def _pickle(self):
        with broadcast.collecting() as found:
            pickled = CloudPickleSerializer().dumps(self._function)
        if len(pickled) > _LARGE:
            pickled = broadcast.Broadcast._of_bytes(self._context, pickled)
            found[pickled._include()] = pickled
        self._function, self._pickled, self._broadcasts = None, pickled, found

    def plan(self, session):
        if self._pickled is None:
            self._pickle()
        for used in self._broadcasts.values():
            used.offer_to(session)
        if self._outlives:
            _keep_broadcasts(self)
        # Properties are those of the thread whose action it is.
        told = worker.Pickled(self._pickled, self._context._task_properties())
        relation = self._create_proto_relation()
        relation.map_partitions.input.CopyFrom(self._child.plan(session))
        function = relation.map_partitions.func
        function.function_name = self._name
        function.deterministic = True
        function.python_udf.output_type.CopyFrom(pyspark_types_to_proto_types(self._schema))
        function.python_udf.eval_type = PythonEvalType.SQL_MAP_ARROW_ITER_UDF
        function.python_udf.command = CloudPickleSerializer().dumps((told, self._schema))
        function.python_udf.python_ver = _PYTHON
        function.python_udf.additional_includes.extend(sorted(self._broadcasts))
        return relation


class Shuffle(LogicalPlan):
    """Sends rows to the partitions that their column `p` names."""

    def __init__(self, child, partitions):
        super().__init__(child)
        self._partitions = partitions

    def plan(self, session):
        relation = self._create_proto_relation()
        shuffle = relation.repartition_by_expression
        shuffle.input.CopyFrom(self._child.plan(session))
        shuffle.num_partitions = self._partitions
        # A message of one field, the child, within one of one field.
        child = _field(1, _column("p").SerializeToString())
        shuffle.partition_exprs.append(proto.Expression.FromString(_field(_DIRECT_PARTITION, child)))
        return relation


class Union(LogicalPlan):
    """The partitions of one and then those of the other."""

    def __init__(self, left, right):
        super().__init__(left)
        self._right = right

    def plan(self, session):
        relation = self._create_proto_relation()
        relation.set_op.left_input.CopyFrom(self._child.plan(session))
        relation.set_op.right_input.CopyFrom(self._right.plan(session))
        relation.set_op.set_op_type = proto.SetOperation.SET_OP_TYPE_UNION
        relation.set_op.is_all = True
        return relation


class Together(Union):
    """The partitions of one with those of the other that have the same number, which must be as many.

    Neither may be a union itself: the server would not tell the two apart.
    """

    def plan(self, session):
        relation = self._create_proto_relation()
        relation.hint.input.CopyFrom(super().plan(session))
        relation.hint.name = "cerium_together"
        return relation


def _keep_broadcasts(relation):
    """Has the Broadcasts of all functions of a relation live as long as the session."""
    waiting, seen = [relation], set()
    while waiting:
        relation = waiting.pop()
        if relation is None or id(relation) in seen:
            continue
        seen.add(id(relation))
        for used in getattr(relation, "_broadcasts", {}).values():
            used.keep()
        waiting += (getattr(relation, side, None) for side in ("_child", "_right"))


def balanced(join, relations):
    """Relations joined two by two, in their order: a message may be nested only so deep."""
    while len(relations) > 1:
        pairs = (relations[at : at + 2] for at in range(0, len(relations), 2))
        relations = [join(*pair) if len(pair) == 2 else pair[0] for pair in pairs]
    return relations[0]


class Kept(LogicalPlan):
    """A relation that the server is told to keep before it first runs.

    Then it is known by an id: what is made of it does not carry all that it was made of.
    """

    path = None

    def __init__(self, child, spark, level):
        super().__init__(child)
        self._spark = spark
        self._level = level
        self._known = None
        self._released = False

    @property
    def done(self):
        """Whether the server was told."""
        return self._known is not None

    def plan(self, session):
        if self._known is None:
            if self._released:
                return self._child.plan(session)
            self._known = DataFrame(self._child, self._spark).localCheckpoint(eager=False)._plan
            relation = self._known.plan(session)
            session._analyze(method="persist", relation=relation, storage_level=self._level)
        return self._known.plan(session)

    def release(self, session, blocking):
        """Has the server let go of it, or keep it in no action to come."""
        self._released = True
        if self._known is not None:
            session._analyze(method="unpersist", relation=self._known.plan(session), blocking=blocking)


class Written(LogicalPlan):
    """A relation that is written to files before it first runs, and then read from there."""

    def __init__(self, child, spark, path):
        super().__init__(child)
        self._spark = spark
        self.path = path
        self.done = False

    def plan(self, session):
        if not self.done:
            DataFrame(self._child, self._spark).write.parquet(self.path)
            self.done, self._child = True, None
        return self._spark.read.parquet(self.path)._plan.plan(session)


class Numbers(LogicalPlan):
    """One row in each partition: its number. Without partitions it is one that is empty."""

    def __init__(self, partitions):
        super().__init__(None)
        self._partitions = partitions

    def plan(self, session):
        relation = self._create_proto_relation()
        relation.range.start = 0
        relation.range.end = self._partitions
        relation.range.step = 1
        relation.range.num_partitions = max(self._partitions, 1)
        return relation


def is_narrow(relation):
    """Whether each partition is made without what other partitions hold, as far as is known here."""
    while type(relation).__name__ in _NARROW:
        relation = relation._child
        if relation is None:
            return True
    return False


def _column(name):
    column = proto.Expression()
    column.unresolved_attribute.unparsed_identifier = name
    return column


def _field(number, content):
    """A field of a message as it is written: its number, its length, its content."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value):
    digits = bytearray()
    while value > 0x7F:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    digits.append(value)
    return bytes(digits)
