"""Between RDDs and DataFrames."""

from pyspark.errors import PySparkTypeError, PySparkValueError
from pyspark.sql.types import DataType, StructField, StructType

from cerium_rdd import plan, rows
from cerium_rdd.context import SparkContext
from cerium_rdd.rdd import RDD
from cerium_rdd.source import Source

# How many rows a type is inferred from where no ratio is given.
_FIRST = 100


def rdd_of(frame):
    """The rows of a DataFrame in its own partitions."""
    reader = rows.ReadRows(frame.schema)
    return RDD(Source(frame._plan, reader, None), SparkContext._within(frame._session))


def of_rdd(session, rdd, schema, ratio, verify):
    """A DataFrame of the rows of an RDD, whose types are those of `schema` or are inferred."""
    from pyspark.sql.connect.dataframe import DataFrame

    if isinstance(schema, str):
        schema = session.client._analyze(method="ddl_parse", ddl_string=schema).parsed
    wrapped = isinstance(schema, DataType) and not isinstance(schema, StructType)
    if wrapped:
        schema = StructType([StructField("value", schema)])
    inferred = None
    if schema is None or isinstance(schema, (list, tuple)):
        inferred = _inferred(session, rdd, ratio, schema)
        schema = _renamed(inferred, schema or ())
    elif not isinstance(schema, StructType):
        raise PySparkTypeError(
            errorClass="NOT_LIST_OR_NONE_OR_STRUCT",
            messageParameters={"arg_name": "schema", "arg_type": type(schema).__name__},
        )
    relation, function = rdd._run(rows.WriteRows(schema, verify, wrapped, inferred))
    return DataFrame(plan.Map(relation, rdd._task_name(), function, schema, rdd.ctx, outlives=True), session)


def _inferred(session, rdd, ratio, names):
    """The type of rows; `names` are for those that have none of their own."""
    from pyspark.sql.types import _has_nulltype, _merge_type

    first = rdd.first()
    if isinstance(first, (list, tuple, dict, str)) and not first:
        raise PySparkValueError(
            errorClass="CANNOT_INFER_EMPTY_SCHEMA", messageParameters={}
        )
    infer = rows.InferType(None if names is None else list(names), _inference(session.conf))
    if ratio is None:
        schema = infer(first)
        if _has_nulltype(schema):
            for row in rdd.take(_FIRST)[1:]:
                schema = _merge_type(schema, infer(row))
                if not _has_nulltype(schema):
                    break
            else:
                raise PySparkValueError(errorClass="CANNOT_DETERMINE_TYPE", messageParameters={})
    else:
        sampled = rdd.sample(False, float(ratio)) if ratio < 0.99 else rdd
        schema = sampled.map(infer).reduce(_merge_type)
    return schema


def _renamed(schema, names):
    """A type of rows whose first fields are called as `names` says."""
    fields = schema.fields
    if len(names) > len(fields):
        raise IndexError("list index out of range")
    pairs = zip(names, fields)
    renamed = [StructField(name, field.dataType, field.nullable, field.metadata) for name, field in pairs]
    return StructType(renamed + fields[len(names) :])


def _inference(conf):
    """What the session's settings say of types that a value alone leaves open."""

    def is_on(key):
        return (conf.get(key, "false") or "false").lower() == "true"

    return {
        "infer_dict_as_struct": is_on("spark.sql.pyspark.inferNestedDictAsStruct.enabled"),
        "infer_array_from_first_element": is_on("spark.sql.pyspark.legacy.inferArrayTypeFromFirstElement.enabled"),
        "infer_map_from_first_pair": is_on("spark.sql.pyspark.legacy.inferMapTypeFromFirstPair.enabled"),
        "prefer_timestamp_ntz": conf.get("spark.sql.timestampType", "TIMESTAMP_LTZ") == "TIMESTAMP_NTZ",
    }
