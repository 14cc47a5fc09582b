"""Between RDDs and DataFrames."""

from pyspark.errors import PySparkTypeError, PySparkValueError
from pyspark.sql.types import DataType, StructField, StructType

from cerium_rdd import plan, rows
from cerium_rdd.rdd import RDD
from cerium_rdd.source import Source

# How many rows a type is inferred from where no ratio is given.
_FIRST = 100


def rdd_of(frame):
    """The rows of a DataFrame in its own partitions."""
    reader = rows.ReadRows(frame.schema)
    return RDD(Source(frame._plan, reader, None), frame._session.sparkContext)


def of_rdd(session, rdd, schema, ratio, verify):
    """A DataFrame of the rows of an RDD, whose types are those of `schema` or are inferred."""
    from pyspark.sql.connect.dataframe import DataFrame

    if isinstance(schema, str):
        schema = session.client._analyze(method="ddl_parse", ddl_string=schema).parsed
    wrapped = isinstance(schema, DataType) and not isinstance(schema, StructType)
    if wrapped:
        schema = StructType([StructField("value", schema)])
    inferred = schema is None or isinstance(schema, (list, tuple))
    if inferred:
        schema = _inferred(rdd, ratio, schema)
    elif not isinstance(schema, StructType):
        raise PySparkTypeError(
            errorClass="NOT_LIST_OR_NONE_OR_STRUCT",
            messageParameters={"arg_name": "schema", "arg_type": type(schema).__name__},
        )
    relation, function = rdd._run(rows.WriteRows(schema, verify, wrapped, inferred))
    return DataFrame(plan.Map(relation, rdd._task_name(), function, schema), session)


def _inferred(rdd, ratio, names):
    """The type of rows, named as `names` says."""
    from pyspark.sql.types import _has_nulltype, _merge_type

    first = rdd.first()
    if isinstance(first, (list, tuple, dict, str)) and not first:
        raise PySparkValueError(
            errorClass="CANNOT_INFER_EMPTY_SCHEMA", messageParameters={}
        )
    infer = rows.InferType(None if names is None else list(names))
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
        if _has_nulltype(schema):
            raise PySparkValueError(errorClass="CANNOT_DETERMINE_TYPE", messageParameters={})
    if names is not None:
        for place, name in enumerate(names):
            schema.fields[place].name = name
        schema = StructType(schema.fields)
    return schema
