//! Python table functions of a PySpark client; Spark 4.1.1 prints the same for the same programs.

use tempfile::TempDir;

use crate::python::{printed, run_text};

/// The imports and the session of each program.
const START: &str = "
from dataclasses import dataclass
from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession
from pyspark.sql.functions import OrderingColumn, PartitioningColumn, SelectedColumn, col, lit, udtf
from pyspark.sql.types import IntegerType, StringType, StructType
from pyspark.sql.udtf import AnalyzeResult
spark = SparkSession.builder.getOrCreate()
def show(df):
    print(df.columns, sorted(map(tuple, df.collect()), key=str))
";

#[test]
fn analyze_tells_columns_and_how_rows_come() {
    let folder = TempDir::new().unwrap();
    let output = run_text(
        &folder,
        &(START.to_owned()
            + "
@dataclass
class Told(AnalyzeResult):
    column: str = ''
@udtf
class Last:
    def __init__(self, told):
        self.told = told
        self.seen = []
    @staticmethod
    def analyze(column, table):
        if column.value is None:
            raise ValueError('the column must be a constant')
        schema = StructType().add('k', StringType()).add('seen', StringType())
        order = [OrderingColumn(column.value, ascending=False)]
        return Told(schema, partitionBy=[PartitioningColumn('k')], orderBy=order, column=column.value)
    def eval(self, column, row):
        self.k = row['k']
        self.seen.append(row[self.told.column])
    def terminate(self):
        yield self.k, str(self.seen)
spark.udtf.register('last', Last)
rows = spark.createDataFrame([('a', 1), ('b', 5), ('a', 3), ('b', 7), ('a', 2)], 'k string, v int')
rows.createOrReplaceTempView('rows')
show(spark.sql(\"select * from last('v', table(rows))\"))
show(Last(lit('v'), rows.asTable()))
for query in ['select * from last(cast(rand() as string), table(rows))',
              \"select * from last('v', table(rows) partition by k)\"]:
    try:
        spark.sql(query).collect()
    except AnalysisException as error:
        print(error.getCondition(), error.getSqlState(), 'must be a constant' in str(error))
"),
        "",
    );
    assert_eq!(
        printed(&output),
        "['k', 'seen'] [('a', '[3, 2, 1]'), ('b', '[7, 5]')]
['k', 'seen'] [('a', '[3, 2, 1]'), ('b', '[7, 5]')]
TABLE_VALUED_FUNCTION_FAILED_TO_ANALYZE_IN_PYTHON 38000 True
TABLE_VALUED_FUNCTION_REQUIRED_METADATA_INCOMPATIBLE_WITH_CALL 22023 False
"
    );
}

#[test]
fn tables_and_columns_before_lateral_are_arguments() {
    let folder = TempDir::new().unwrap();
    let output = run_text(
        &folder,
        &(START.to_owned()
            + "
class Sum:
    def __init__(self):
        self.key, self.total = None, 0
    def eval(self, row):
        assert row.asDict().keys() == {'k', 'v'}
        self.key, self.total = row['k'], self.total + row['v']
    def terminate(self):
        yield self.key, self.total
total = udtf(Sum, returnType='k: string, total: int')
spark.udtf.register('total', total)
class Twice:
    def eval(self, x):
        if x != 2:
            yield x * 2,
spark.udtf.register('twice', udtf(Twice, returnType='x: int'))
rows = spark.createDataFrame([('a', 1), ('b', 5), ('a', 3)], 'k string, v int')
rows.createOrReplaceTempView('rows')
show(spark.sql('select * from total(table(rows) partition by upper(k))'))
show(spark.sql('select max(total) from total(row => table(select * from rows) with single partition order by v)'))
show(total(rows.asTable().partitionBy('k').orderBy(col('v').desc())))
show(spark.sql('select * from values (1), (2), (3) t(x), lateral twice(x + 0)'))
show(spark.sql('select t.x, f.x from values (1), (2), (3) t(x) left join lateral twice(x) f on f.x > 2'))
for arguments in ['table(rows), table(rows)', 'table rows', 'row => 1, row => 2', 'table(rows) partition by k, v']:
    try:
        spark.sql('select * from total(' + arguments + ')').collect()
    except AnalysisException as error:
        print(type(error).__name__, error.getCondition())
"),
        "",
    );
    assert_eq!(
        printed(&output),
        "['k', 'total'] [('a', 4), ('b', 5)]
['max(total)'] [(9,)]
['k', 'total'] [('a', 4), ('b', 5)]
['x', 'x'] [(1, 2), (3, 6)]
['x', 'x'] [(1, None), (2, None), (3, 6)]
AnalysisException TABLE_VALUED_FUNCTION_TOO_MANY_TABLE_ARGUMENTS
ParseException INVALID_SQL_SYNTAX.INVALID_TABLE_FUNCTION_IDENTIFIER_ARGUMENT_MISSING_PARENTHESES
AnalysisException DUPLICATE_ROUTINE_PARAMETER_ASSIGNMENT.DOUBLE_NAMED_ARGUMENT_REFERENCE
ParseException _LEGACY_ERROR_TEMP_0064
"
    );
}
