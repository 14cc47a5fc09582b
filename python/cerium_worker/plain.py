"""Row-at-a-time functions (PySpark's `udf` without Arrow) over Arrow batches.

Spark sends their rows and results as pickles, which its JVM reads and writes. Cerium sends
Arrow both ways and runs them as a function of `mapInArrow`; values are taken and results kept
or dropped exactly as Spark does: a result of another type than the declared one is null.
"""

import array
import datetime
import decimal
import functools
import inspect
import json

import pyarrow as pa

try:
    import numpy
except ImportError:
    numpy = None
from pyspark.serializers import CPickleSerializer
from pyspark.sql.pandas.types import to_arrow_type
from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    BooleanType,
    ByteType,
    DataType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    MapType,
    NullType,
    Row,
    ShortType,
    StringType,
    StructField,
    StructType,
    UserDefinedType,
    _create_row,
)
from pyspark.util import fail_on_stopiteration

try:
    from pyspark.sql.types import VariantType, VariantVal
except ImportError:  # PySpark 3.5
    VariantType = VariantVal = None


def load(calls, *commands):
    """The function of `mapInArrow` and its type; what the executor's command unpickles to.

    `calls` is a JSON list, one entry a command: `{"args": [column], "kwargs": {name: column}}`, under
    `profiler` its kind and the id of the results where one is asked for, and `bytearrays` where binary values
    are to be such.
    """
    functions = [_Call(call, command) for call, command in zip(json.loads(calls), commands)]
    names = ["_%d" % index for index in range(len(functions))]

    def evaluate(batches):
        for batch in batches:
            columns = {}
            results = [function(batch, columns) for function in functions]
            yield pa.RecordBatch.from_arrays(results, names)

    fields = [StructField(name, function.type) for name, function in zip(names, functions)]
    return evaluate, StructType(fields)


# PySpark's number of plain functions.
_ROW_AT_A_TIME = 100


class _Call:
    def __init__(self, call, command):
        function, self.type = CPickleSerializer().loads(command, encoding="bytes")
        if call.get("profiler"):
            function = profiled(function, *call["profiler"])
        self.function = fail_on_stopiteration(function)
        self.offsets = call["args"] + list(call["kwargs"].values())
        self.positional = len(call["args"])
        self.keywords = list(call["kwargs"])
        self.binary = bytearray if call.get("bytearrays") else bytes
        self.arrow_type = to_arrow_type(self.type)
        self.to_internal = self.type.toInternal if self.type.needConversion() else None
        self.as_it_is = _AS_IT_IS.get(type(self.type))
        self.clean = cleaner(self.type)
        if not isinstance(self.type, (StructType, UserDefinedType)):
            self.clean = without_rows(self.clean)

    def __call__(self, batch, columns):
        """The results for a batch. `columns` keeps decoded arguments for the next call."""
        for offset in self.offsets:
            if offset not in columns:
                columns[offset] = decode(batch.column(offset), batch.schema.field(offset), self.binary)
        if self.offsets:
            rows = zip(*[columns[offset] for offset in self.offsets])
        else:
            rows = (() for _ in range(batch.num_rows))
        if self.keywords:
            split, names = self.positional, self.keywords
            results = [self.function(*row[:split], **dict(zip(names, row[split:]))) for row in rows]
        else:
            results = [self.function(*row) for row in rows]
        return self.encode(results)

    def encode(self, results):
        # Where each result is of the type declared, as is usual, Arrow takes them all at once.
        if self.as_it_is is not None and self.as_it_is.issuperset(map(type, results)):
            try:
                return pa.array(results, type=self.arrow_type)
            except (pa.ArrowInvalid, OverflowError):
                pass
        convert, clean = self.to_internal, self.clean
        if convert is not None:
            results = [convert(value) for value in results]
        return pa.array([None if v is None else clean(v) for v in results], type=self.arrow_type)


def profiled(function, kind, result_id):
    """The function under one of PySpark's own profilers."""
    from pyspark import worker

    wrap = {"perf": "wrap_perf_profiler", "memory": "wrap_memory_profiler"}.get(kind)
    wrap = getattr(worker, wrap, None) if wrap else None
    if wrap is None:
        return function
    # PySpark 4.0 leaves out the kind of function.
    arguments = len(inspect.signature(wrap).parameters)
    return wrap(function, result_id) if arguments == 2 else wrap(function, _ROW_AT_A_TIME, result_id)


# The types of results that Arrow turns into a declared type as the JVM does.
_NOTHING = type(None)
_AS_IT_IS = {
    BooleanType: frozenset((bool, _NOTHING)),
    ByteType: frozenset((int, _NOTHING)),
    ShortType: frozenset((int, _NOTHING)),
    IntegerType: frozenset((int, _NOTHING)),
    LongType: frozenset((int, _NOTHING)),
    DoubleType: frozenset((float, _NOTHING)),
    StringType: frozenset((str, _NOTHING)),
    BinaryType: frozenset((bytes, _NOTHING)),
}


def decode(array, field, binary=bytes):
    """The Python objects that Spark gives a function for the values of a field's array."""
    values = _decode(array, binary)
    mark = (field.metadata or {}).get(_USER_DEFINED)
    user_defined = mark and _user_defined(mark)
    if not user_defined:
        return values
    return [None if value is None else user_defined.deserialize(value) for value in values]


# How a field tells that its type is a user-defined one.
_USER_DEFINED = b"__udt"


@functools.lru_cache(maxsize=None)
def _user_defined(mark):
    """The type that a mark names; nothing where Python has none."""
    parts = json.loads(mark)
    return UserDefinedType.fromJson(parts) if "pyClass" in parts else None


def _decode(array, binary):
    kind = array.type
    if numpy is not None:
        # Many times faster than one by one.
        if pa.types.is_integer(kind) or pa.types.is_floating(kind):
            return _numbers(array)
        if pa.types.is_string(kind):
            return array.to_numpy(zero_copy_only=False).tolist()
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        return [None if v is None else _local(v) for v in array.cast(pa.int64()).to_pylist()]
    if pa.types.is_binary(kind) and binary is not bytes:
        return [None if v is None else binary(v) for v in array.to_pylist()]
    if pa.types.is_struct(kind):
        names = [field.name for field in kind]
        fields = [decode(child, field, binary) for child, field in zip(array.flatten(), kind)]
        values = zip(*fields) if fields else (() for _ in range(len(array)))
        valid = array.is_valid().to_pylist()
        if _is_variant(kind):
            return [VariantVal(*row) if ok else None for ok, row in zip(valid, values)]
        return [_create_row(names, row) if ok else None for ok, row in zip(valid, values)]
    if pa.types.is_map(kind):
        keys, items = decode(array.keys, kind.key_field, binary), decode(array.items, kind.item_field, binary)
        return _slices(array, lambda start, end: dict(zip(keys[start:end], items[start:end])))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        values = decode(array.values, kind.value_field, binary)
        return _slices(array, lambda start, end: values[start:end])
    return array.to_pylist()


def _is_variant(kind):
    """Whether a struct is a VARIANT: PySpark marks its second field."""
    if VariantVal is None or [field.name for field in kind] != ["value", "metadata"]:
        return False
    return (kind.field(1).metadata or {}).get(b"variant") == b"true"


def _numbers(array):
    if array.null_count == 0:
        return array.to_numpy().tolist()
    values = array.fill_null(0).to_numpy().tolist()
    for index in numpy.flatnonzero(array.is_null().to_numpy(zero_copy_only=False)).tolist():
        values[index] = None
    return values


def _slices(array, make):
    offsets, valid = array.offsets.to_pylist(), array.is_valid().to_pylist()
    return [make(offsets[i], offsets[i + 1]) if ok else None for i, ok in enumerate(valid)]


def _local(micros):
    """A moment as a datetime of the local time zone, without one."""
    return datetime.datetime.fromtimestamp(micros // 1000000).replace(microsecond=micros % 1000000)


def cleaner(data_type: DataType):
    """Turns a result that is not null, as `toInternal` left it, into what pyarrow takes for it."""
    if isinstance(data_type, UserDefinedType):
        return cleaner(data_type.sqlType())
    if isinstance(data_type, BooleanType):
        return lambda v: v if isinstance(v, bool) else None
    if isinstance(data_type, (ByteType, ShortType, IntegerType, LongType)):
        bits = {ByteType: 8, ShortType: 16, IntegerType: 32, LongType: 64}[type(data_type)]
        return lambda v: _integer(v, bits)
    if isinstance(data_type, (FloatType, DoubleType)):
        return lambda v: v if isinstance(v, float) else None
    if isinstance(data_type, DecimalType):
        return lambda v: _decimal(v, data_type.precision, data_type.scale)
    if isinstance(data_type, StringType):
        return _string
    if isinstance(data_type, BinaryType):
        return _binary
    if isinstance(data_type, ArrayType):
        element = cleaner(data_type.elementType)
        return lambda v: _array(v, element)
    if isinstance(data_type, MapType):
        key, value = cleaner(data_type.keyType), cleaner(data_type.valueType)
        return lambda v: _map(v, key, value)
    if isinstance(data_type, StructType):
        fields = [(field.name, cleaner(field.dataType)) for field in data_type]
        return lambda v: _struct(v, fields)
    if isinstance(data_type, NullType):
        return lambda v: None
    if VariantType is not None and isinstance(data_type, VariantType):
        # What `toInternal` makes of a value.
        return lambda v: (v["value"], v["metadata"]) if isinstance(v, dict) else None
    if isinstance(data_type, DateType):
        return lambda v: _integer(v, 32)
    # Timestamps and intervals are whole microseconds by now.
    return lambda v: _integer(v, 64)


class PickleException(ValueError):
    """What the JVM raises for a pickle of an object that it has no class for."""


def without_rows(clean):
    """The same for a type that a `Row`, which the JVM cannot make anything else of, is an error for."""

    def checked(value):
        if isinstance(value, Row):
            raise PickleException(
                "expected zero arguments for construction of ClassDict (for pyspark.sql.types._create_row)"
            )
        return clean(value)

    return checked


def _integer(value, bits):
    """A whole number, cut to its width as the JVM does; one above 64 bits is no number to it."""
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    if not -(1 << 63) <= value < 1 << 63:
        return None
    half = 1 << (bits - 1)
    return (value + half) % (half << 1) - half


def _decimal(value, precision, scale):
    if not isinstance(value, decimal.Decimal) or not value.is_finite():
        return None
    context = decimal.Context(prec=100, rounding=decimal.ROUND_HALF_UP)
    scaled = value.quantize(decimal.Decimal(1).scaleb(-scale), context=context)
    digits = len(scaled.as_tuple().digits)
    if digits > precision:
        raise ValueError("Decimal precision %d exceeds max precision %d." % (digits, precision))
    return scaled


def _string(value):
    """Java's `toString` of what the value is to the JVM."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _java_double(value)
    if isinstance(value, dict):
        return "{%s}" % ", ".join("%s=%s" % (_text(k), _text(v)) for k, v in value.items())
    if isinstance(value, list):
        return "[%s]" % ", ".join(_text(v) for v in value)
    java = _java_name(value)
    return str(value) if java is None else java


def _java_name(value):
    """What Java calls an object that has no text of its own there."""
    if isinstance(value, (bytes, bytearray)):
        name = "[B"
    elif isinstance(value, tuple):
        name = "[Ljava.lang.Object;"
    elif type(value) is array.array and value.typecode in "bhilqfd":
        name = "[" + {"b": "B", "h": "S", "i": "I", "l": "J", "q": "J", "f": "F", "d": "D"}[value.typecode]
    elif isinstance(value, datetime.date):
        return "java.util.GregorianCalendar[time=?]"
    else:
        return None
    return "%s@%x" % (name, hash(id(value)) & 0xFFFFFFFF)


def _text(value):
    return "null" if value is None else _string(value)


def _java_double(value):
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return format(decimal.Decimal(repr(value)), "f") if "e" in repr(value) else repr(value)
    sign, digits, exponent = decimal.Decimal(repr(value)).normalize().as_tuple()
    text = "".join(map(str, digits))
    return "%s%s.%sE%d" % ("-" if sign else "", text[0], text[1:] or "0", exponent + len(text) - 1)


def _binary(value):
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    return value.encode("utf-8") if isinstance(value, str) else None


def _array(value, element):
    if isinstance(value, (list, tuple, bytes, bytearray)) or type(value).__name__ == "array":
        return [None if v is None else element(v) for v in value]
    return None


def _map(value, key, item):
    if not isinstance(value, dict):
        return None
    return [(key(k), None if v is None else item(v)) for k, v in value.items()]


def _struct(value, fields):
    if not isinstance(value, (tuple, list)):
        return None
    if len(value) != len(fields):
        raise ValueError(
            "Input row doesn't have expected number of values required by the schema. "
            "%d fields are required while %d values are provided." % (len(fields), len(value))
        )
    return tuple(None if v is None else clean(v) for v, (_, clean) in zip(value, fields))
