//! Python functions of every kind, run by real workers in plans of one process.
#![expect(clippy::unwrap_used, reason = "a test may end by panicking, its helpers too")]

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use cerium_conf::SparkConf;
use cerium_engine::session::new_session_state;
use cerium_spark::analysis::Named;
use cerium_spark::analysis::call::Context;
use cerium_spark::connect::data_type::USER_DEFINED;
use cerium_spark::error::SparkError;
use cerium_spark::python::{self, PythonArgument, PythonFunction, TableFunctionArgument, eval_type};
use cerium_spark::session::SparkSession;
use datafusion::arrow::array::{ArrayRef, BinaryArray, RecordBatch, StructArray};
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::dataframe::DataFrame;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::expr::FieldMetadata;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, col, lit};
use datafusion::prelude::SessionContext;
use futures::StreamExt;

/// Python with PySpark, as `scripts/python` makes it; `None` where there is none.
static PYTHON: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
    let cache = std::env::var_os("CERIUM_CACHE").map_or_else(
        || Path::new(&std::env::var_os("HOME").unwrap_or_default()).join(".cache/cerium"),
        PathBuf::from,
    );
    Some(cache.join("python/bin/python")).filter(|python| python.is_file())
});

/// The folder of the pickled functions.
static FUNCTIONS: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python_functions.py");
    let done = Command::new(PYTHON.as_ref().unwrap()).arg(script).arg(folder.path()).status().unwrap();
    assert!(done.success());
    folder
});

/// Whether there is a Python to test with.
fn skipped() -> bool {
    if PYTHON.is_none() {
        eprintln!("SKIPPED: no Python with PySpark in $CERIUM_CACHE/python");
    }
    PYTHON.is_none()
}

fn context_with(settings: &[(&str, &str)]) -> SessionContext {
    let mut conf = SparkConf::new();
    conf.set("spark.pyspark.python", PYTHON.as_ref().unwrap().display().to_string());
    for (key, value) in settings {
        conf.set(*key, *value);
    }
    SessionContext::new_with_state(new_session_state(&conf, 2, Arc::default()).unwrap())
}

fn context() -> SessionContext {
    context_with(&[])
}

fn function(name: &str, eval_type: i32, output: DataType) -> Arc<PythonFunction> {
    Arc::new(PythonFunction {
        name: name.to_owned(),
        eval_type,
        command: std::fs::read(FUNCTIONS.path().join(name)).unwrap().into(),
        python_version: "3.11".to_owned(),
        output,
        metadata: BTreeMap::new(),
        deterministic: true,
        includes: vec![],
    })
}

fn call(function: &Arc<PythonFunction>, arguments: Vec<(Expr, Option<&str>)>) -> Expr {
    let session = context();
    let state = session.state();
    let schema = DFSchema::empty();
    let context = Context {
        state: &state,
        schema: &schema,
        time_zone: "UTC",
        conf: &SparkConf::default(),
        database: "default",
    };
    let arguments = arguments
        .into_iter()
        .map(|(expr, keyword)| PythonArgument {
            value: Named::new(expr, "x"),
            keyword: keyword.map(str::to_owned),
        })
        .collect();
    python::call(&context, Arc::clone(function), arguments).unwrap().expr
}

async fn table(context: &SessionContext, sql: &str) -> LogicalPlan {
    context.sql(sql).await.unwrap().into_unoptimized_plan()
}

async fn run(context: &SessionContext, plan: LogicalPlan) -> Result<Vec<RecordBatch>, DataFusionError> {
    DataFrame::new(context.state(), plan).collect().await
}

/// The rows as text, sorted, columns parted by blanks.
fn rows(batches: &[RecordBatch]) -> Vec<String> {
    let options = FormatOptions::default().with_null("null");
    let mut rows = vec![];
    for batch in batches {
        let columns: Vec<_> =
            batch.columns().iter().map(|c| ArrayFormatter::try_new(c.as_ref(), &options).unwrap()).collect();
        for row in 0..batch.num_rows() {
            let cells: Vec<_> = columns.iter().map(|column| column.value(row).to_string()).collect();
            rows.push(cells.join(" "));
        }
    }
    rows.sort();
    rows
}

async fn select(context: &SessionContext, from: &str, exprs: Vec<Expr>) -> Vec<String> {
    let plan = LogicalPlanBuilder::from(table(context, from).await).project(exprs).unwrap().build().unwrap();
    rows(&run(context, plan).await.unwrap())
}

fn rows_type() -> DataType {
    DataType::Struct(Fields::from(vec![
        Field::new("k", DataType::Utf8, true),
        Field::new("v", DataType::Int64, true),
    ]))
}

const NUMBERS: &str = "select * from (values (1), (2), (3)) t(x)";
const PAIRS: &str = "select * from (values ('a', 1), ('b', 5), ('a', 2), ('b', 7), ('a', 4)) t(k, v)";

#[tokio::test(flavor = "multi_thread")]
async fn scalar_functions_of_each_kind_give_a_value_for_each_row() {
    if skipped() {
        return;
    }
    let context = context();
    for (name, kind) in [
        ("plus_one", eval_type::BATCHED),
        ("plus_one", eval_type::ARROW_BATCHED),
        ("plus_one", eval_type::SCALAR_PANDAS),
        ("plus_one_each", eval_type::SCALAR_PANDAS_ITER),
        ("arrow_plus_one", eval_type::SCALAR_ARROW),
        ("arrow_plus_one_each", eval_type::SCALAR_ARROW_ITER),
    ] {
        let f = function(name, kind, DataType::Int64);
        let found = select(&context, NUMBERS, vec![col("x"), call(&f, vec![(col("x"), None)])]).await;
        assert_eq!(found, ["1 2", "2 3", "3 4"], "{name} {kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_found_wherever_they_stand() {
    if skipped() {
        return;
    }
    let context = context();
    let plain = function("plus_one", eval_type::BATCHED, DataType::Int64);
    let pandas = function("plus_one", eval_type::SCALAR_PANDAS, DataType::Int64);
    // Calls of calls, of different kinds, twice the same, in expressions and arguments.
    let inner = call(&pandas, vec![(col("x") * lit(10_i64), None)]);
    let nested = call(&plain, vec![(inner.clone(), None)]) + inner;
    assert_eq!(select(&context, NUMBERS, vec![nested]).await, ["23", "43", "63"]);
    // In a filter, whose columns stay as they are.
    let above = call(&plain, vec![(col("x"), None)]).gt(lit(2_i64)).and(col("x").lt(lit(3_i64)));
    let plan = LogicalPlanBuilder::from(table(&context, NUMBERS).await).filter(above).unwrap();
    assert_eq!(rows(&run(&context, plan.build().unwrap()).await.unwrap()), ["2"]);
    // In a join, with the columns of one side and of both.
    let left = table(&context, "select x a from (values (1), (2)) t(x)").await;
    let right = table(&context, "select x b from (values (2), (3)) t(x)").await;
    let on = call(&plain, vec![(col("a"), None)])
        .eq(col("b"))
        .and(call(&plain, vec![(col("a") + col("b"), None)]).gt(lit(4_i64)));
    let plan = LogicalPlanBuilder::from(left)
        .join_on(right, datafusion::common::JoinType::Inner, vec![on])
        .unwrap()
        .build()
        .unwrap();
    assert_eq!(rows(&run(&context, plan).await.unwrap()), ["2 3"]);
    // As group and within an aggregate.
    let total = datafusion::functions_aggregate::expr_fn::sum(call(&plain, vec![(col("v"), None)]));
    let label = function("kind", eval_type::BATCHED, DataType::Utf8);
    let plan = LogicalPlanBuilder::from(table(&context, PAIRS).await)
        .aggregate(vec![call(&label, vec![(col("k"), None)])], vec![total])
        .unwrap();
    let found = rows(&run(&context, plan.build().unwrap()).await.unwrap());
    assert_eq!(found, ["str:'a' 10", "str:'b' 14"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn keywords_and_no_arguments_at_all() {
    if skipped() {
        return;
    }
    let context = context();
    for kind in [eval_type::BATCHED, eval_type::ARROW_BATCHED] {
        let label = function("label", kind, DataType::Utf8);
        let exprs = vec![call(&label, vec![(col("x"), None), (lit("!"), Some("suffix"))])];
        assert_eq!(select(&context, NUMBERS, exprs).await, ["1!", "2!", "3!"]);
        let one = function("one_as_int", kind, DataType::Int32);
        assert_eq!(select(&context, NUMBERS, vec![call(&one, vec![])]).await, ["1", "1", "1"]);
    }
}

/// From Spark's table of the types that plain functions may return.
#[tokio::test(flavor = "multi_thread")]
async fn plain_functions_return_what_spark_makes_of_their_results() {
    if skipped() {
        return;
    }
    let context = context();
    let array = DataType::List(Arc::new(Field::new_list_field(DataType::Int32, true)));
    let map = cerium_spark::types::map(DataType::Utf8, DataType::Int32);
    let types = [
        ("boolean", DataType::Boolean),
        ("int", DataType::Int32),
        ("bigint", DataType::Int64),
        ("double", DataType::Float64),
        ("string", DataType::Utf8),
        ("binary", DataType::Binary),
        ("array", array),
        ("map", map),
    ];
    for (value, expected) in [
        ("true", ["true", "null", "null", "null", "true", "null", "null", "null"]),
        ("one", ["null", "1", "1", "null", "1", "null", "null", "null"]),
        ("float", ["null", "null", "null", "1.5", "1.5", "null", "null", "null"]),
        ("text", ["null", "null", "null", "null", "a", "61", "null", "null"]),
        ("list", ["null", "null", "null", "null", "[1, 2]", "null", "[1, 2]", "null"]),
        ("dict", ["null", "null", "null", "null", "{a=1}", "null", "null", "{a: 1}"]),
        ("big", ["null", "-2147483648", "2147483648", "null", "2147483648", "null", "null", "null"]),
    ] {
        let exprs = types
            .iter()
            .map(|(name, data_type)| {
                let f = function(&format!("{value}_as_{name}"), eval_type::BATCHED, data_type.clone());
                call(&f, vec![]).alias(*name)
            })
            .collect();
        assert_eq!(select(&context, "select 1", exprs).await, [expected.join(" ")], "{value}");
    }
    let bytes = function("bytes_as_array", eval_type::BATCHED, types[6].1.clone());
    let decimal = function("decimal", eval_type::BATCHED, DataType::Decimal128(10, 2));
    let date = function("none_as_date", eval_type::BATCHED, DataType::Date32);
    let exprs = vec![call(&bytes, vec![]), call(&decimal, vec![]), call(&date, vec![])];
    assert_eq!(select(&context, "select 1", exprs).await, ["[97, 98] 1.26 null"]);
}

/// Types of arguments as PySpark's documentation of its types gives them.
#[tokio::test(flavor = "multi_thread")]
async fn plain_functions_get_pythons_own_types() {
    if skipped() {
        return;
    }
    let context = context_with(&[("spark.executorEnv.TZ", "UTC")]);
    let kind = function("kind", eval_type::BATCHED, DataType::Utf8);
    for (sql, expected) in [
        ("1.5", "float:1.5"),
        ("cast(null as int)", "NoneType:None"),
        ("cast('1.25' as decimal(5, 2))", "Decimal:Decimal('1.25')"),
        ("date '2020-01-02'", "date:datetime.date(2020, 1, 2)"),
        (
            "arrow_cast(timestamp '2020-01-02 03:04:05', 'Timestamp(Microsecond, Some(\"UTC\"))')",
            "datetime:datetime.datetime(2020, 1, 2, 3, 4, 5)",
        ),
        ("array(1, 2)", "list:[1, 2]"),
        ("map(['a'], [1])", "dict:{'a': 1}"),
        ("named_struct('a', 1, 'b', 'x')", "Row:Row(a=1, b='x')"),
    ] {
        let from = format!("select {sql} as x");
        let found = select(&context, &from, vec![call(&kind, vec![(col("x"), None)])]).await;
        assert_eq!(found, [expected], "{sql}");
    }
    let pair = DataType::Struct(Fields::from(vec![
        Field::new("a", DataType::Int64, true),
        Field::new("b", DataType::Utf8, true),
    ]));
    let f = function("pair", eval_type::BATCHED, pair);
    let found = select(&context, "select 7 as x", vec![call(&f, vec![(col("x"), None)])]).await;
    assert_eq!(found, ["{a: 7, b: n7}"]);
}

/// Values whose type only a mark of their column tells: 1 as VARIANT, as its specification encodes it, and a
/// point of the type that PySpark has for its own tests.
#[tokio::test(flavor = "multi_thread")]
async fn plain_functions_get_variants_and_user_defined_types() {
    if skipped() {
        return;
    }
    let context = context();
    let named = function("named", eval_type::BATCHED, DataType::Utf8);
    let name = |expr: Expr| call(&named, vec![(expr, None)]);
    let DataType::Struct(fields) = cerium_spark::types::variant() else { panic!("a struct") };
    let bytes = |bytes: &[u8]| Arc::new(BinaryArray::from(vec![bytes])) as ArrayRef;
    let one = StructArray::new(fields, vec![bytes(&[0x0c, 1]), bytes(&[1, 0, 0])], None);
    let one = lit(ScalarValue::Struct(Arc::new(one)));
    let again = function("same_variant", eval_type::BATCHED, cerium_spark::types::variant());
    let exprs = vec![name(one.clone()), name(call(&again, vec![(one, None)]))];
    assert_eq!(select(&context, "select 1", exprs).await, ["VariantVal 1 VariantVal 1"]);

    let mark =
        (USER_DEFINED.to_owned(), r#"{"pyClass": "pyspark.testing.objects.ExamplePointUDT"}"#.to_owned());
    let mark = FieldMetadata::from(HashMap::from([mark]));
    let point = col("x").alias_with_metadata("p", Some(mark));
    let points = table(&context, "select [1.0, 2.0] as x").await;
    let points = LogicalPlanBuilder::from(points).project(vec![point]).unwrap().build().unwrap();
    let plan = LogicalPlanBuilder::from(points).project(vec![name(col("p"))]).unwrap().build().unwrap();
    assert_eq!(rows(&run(&context, plan).await.unwrap()), ["ExamplePoint (1.0,2.0)"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_functions_get_binary_values_as_the_session_says() {
    if skipped() {
        return;
    }
    let kind = function("kind", eval_type::BATCHED, DataType::Utf8);
    for (as_bytes, expected) in [("true", "bytes:b'ab'"), ("false", "bytearray:bytearray(b'ab')")] {
        let context = context_with(&[("spark.sql.execution.pyspark.binaryAsBytes", as_bytes)]);
        let found = select(&context, "select x'6162' as x", vec![call(&kind, vec![(col("x"), None)])]).await;
        assert_eq!(found, [expected]);
    }
}

#[test]
fn an_argument_is_given_once() {
    let session = context();
    let state = session.state();
    let schema = DFSchema::empty();
    let context = Context {
        state: &state,
        schema: &schema,
        time_zone: "UTC",
        conf: &SparkConf::default(),
        database: "default",
    };
    let argument = |keyword: Option<&str>| PythonArgument {
        value: Named::new(lit(1), "1"),
        keyword: keyword.map(str::to_owned),
    };
    let function = Arc::new(PythonFunction {
        name: "f".to_owned(),
        eval_type: eval_type::BATCHED,
        command: vec![].into(),
        python_version: "3.11".to_owned(),
        output: DataType::Int64,
        metadata: BTreeMap::new(),
        deterministic: true,
        includes: vec![],
    });
    let error = |first, second| {
        let arguments = vec![argument(first), argument(second)];
        python::call(&context, Arc::clone(&function), arguments).unwrap_err().class().to_owned()
    };
    assert_eq!(
        error(Some("a"), Some("a")),
        "DUPLICATE_ROUTINE_PARAMETER_ASSIGNMENT.DOUBLE_NAMED_ARGUMENT_REFERENCE"
    );
    assert_eq!(error(Some("a"), None), "UNEXPECTED_POSITIONAL_ARGUMENT");
}

async fn failure(context: &SessionContext, f: Arc<PythonFunction>) -> SparkError {
    let exprs = vec![call(&f, vec![(col("x"), None)])];
    let plan = LogicalPlanBuilder::from(table(context, NUMBERS).await).project(exprs).unwrap();
    let error = run(context, plan.build().unwrap()).await.unwrap_err();
    SparkError::from(error)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exception_arrives_with_its_traceback() {
    if skipped() {
        return;
    }
    let context = context();
    for kind in [eval_type::BATCHED, eval_type::ARROW_BATCHED] {
        let error = failure(&context, function("divide", kind, DataType::Int64)).await;
        assert_eq!(error.class(), "PYTHON_EXCEPTION");
        let text = error.message();
        assert!(text.starts_with("An exception was thrown from the Python worker."), "{text}");
        assert!(text.contains("in divide"), "{text}");
        assert!(text.contains("ZeroDivisionError"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_dies_fails_its_task_alone() {
    if skipped() {
        return;
    }
    let context = context();
    let error = failure(&context, function("leave", eval_type::BATCHED, DataType::Int64)).await;
    assert!(error.message().contains("Python worker exited unexpectedly (crashed)"), "{error}");
    let f = function("plus_one", eval_type::BATCHED, DataType::Int64);
    assert_eq!(select(&context, NUMBERS, vec![call(&f, vec![(col("x"), None)])]).await, ["2", "3", "4"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_are_used_again() {
    if skipped() {
        return;
    }
    // An environment of its own, so that no other test takes the worker.
    let context = context_with(&[("spark.executorEnv.CERIUM_TEST", "reuse")]);
    let pid = function("pid", eval_type::BATCHED, DataType::Int64);
    let first = select(&context, "select 1", vec![call(&pid, vec![])]).await;
    let second = select(&context, "select 1", vec![call(&pid, vec![])]).await;
    assert_eq!(first, second);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_task_kills_its_worker() {
    if skipped() {
        return;
    }
    let context = context();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pid");
    let hang = function("hang", eval_type::BATCHED, DataType::Int64);
    let exprs = vec![call(&hang, vec![(lit(path.to_str().unwrap()), None)])];
    let plan = LogicalPlanBuilder::from(table(&context, NUMBERS).await).project(exprs).unwrap();
    let mut stream = DataFrame::new(context.state(), plan.build().unwrap()).execute_stream().await.unwrap();
    let begun = wait_for(|| path.exists());
    tokio::select! {
        found = stream.next() => panic!("{found:?}"),
        () = begun => {}
    }
    let pid = std::fs::read_to_string(&path).unwrap();
    drop(stream);
    let process = PathBuf::from(format!("/proc/{pid}"));
    wait_for(|| !process.exists()).await;
}

async fn wait_for(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_said() {
    if skipped() {
        return;
    }
    let f = || function("plus_one", eval_type::BATCHED, DataType::Int64);
    let without = context_with(&[("spark.pyspark.python", "/nowhere/python")]);
    let text = failure(&without, f()).await.to_string();
    assert!(text.contains("cannot start Python as `/nowhere/python`"), "{text}");
    // A package of that name, but not PySpark.
    let stub = tempfile::tempdir().unwrap();
    std::fs::create_dir(stub.path().join("pyspark")).unwrap();
    std::fs::write(stub.path().join("pyspark/__init__.py"), "__version__ = '4.1.1'").unwrap();
    let empty = context_with(&[("spark.executorEnv.PYTHONPATH", stub.path().to_str().unwrap())]);
    let text = failure(&empty, f()).await.to_string();
    assert!(text.contains("the Python package `pyspark` is not installed"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_are_mapped() {
    if skipped() {
        return;
    }
    let context = context();
    let cases: [(&str, i32, &[&str]); 3] = [
        ("double_frames", eval_type::MAP_PANDAS_ITER, &["a 2", "a 4", "a 8", "b 10", "b 14"]),
        ("pass_batches", eval_type::MAP_ARROW_ITER, &["a 1", "a 2", "a 4", "b 5", "b 7"]),
        // Leaves its input where it is.
        ("no_batches", eval_type::MAP_ARROW_ITER, &[]),
    ];
    for (name, kind, expected) in cases {
        let f = function(name, kind, rows_type());
        let plan = python::map_partitions(table(&context, PAIRS).await, f).unwrap();
        assert_eq!(rows(&run(&context, plan).await.unwrap()), expected, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_declared_so_is_not_null() {
    if skipped() {
        return;
    }
    let context = context();
    let field = |name, data_type| Field::new(name, data_type, false);
    let fields = vec![field("k", DataType::Utf8), field("v", DataType::Int64)];
    let f = function("gaps", eval_type::MAP_PANDAS_ITER, DataType::Struct(fields.into()));
    let plan = python::map_partitions(table(&context, PAIRS).await, f).unwrap();
    let error = SparkError::from(run(&context, plan).await.unwrap_err());
    assert_eq!(error.class(), "NOT_NULL_ASSERT_VIOLATION", "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_are_mapped() {
    if skipped() {
        return;
    }
    let context = context();
    let all = vec!["a 1", "a 2", "a 4", "b 5", "b 7"];
    for (name, kind, expected) in [
        ("subtract_least", eval_type::GROUPED_MAP_PANDAS, vec!["a 0", "a 1", "a 3", "b 0", "b 2"]),
        ("name_key", eval_type::GROUPED_MAP_PANDAS, vec!["a 3", "b 2"]),
        ("arrow_group", eval_type::GROUPED_MAP_ARROW, all.clone()),
        ("arrow_batches", eval_type::GROUPED_MAP_ARROW_ITER, all.clone()),
        ("arrow_batches", eval_type::GROUPED_MAP_PANDAS_ITER, all.clone()),
    ] {
        let f = function(name, kind, rows_type());
        let keys = vec![Named::new(col("k"), "k")];
        let plan = python::group_map(table(&context, PAIRS).await, keys, vec![], f).unwrap();
        assert_eq!(rows(&run(&context, plan).await.unwrap()), expected, "{name} {kind}");
    }
    // By an expression, and without any key.
    let f = function("name_key", eval_type::GROUPED_MAP_PANDAS, rows_type());
    let upper = Named::new(datafusion::functions::expr_fn::upper(col("k")), "upper(k)");
    let plan = python::group_map(table(&context, PAIRS).await, vec![upper], vec![], f).unwrap();
    assert_eq!(rows(&run(&context, plan).await.unwrap()), ["A 3", "B 2"]);
    let f = function("subtract_least", eval_type::GROUPED_MAP_PANDAS, rows_type());
    let plan = python::group_map(table(&context, PAIRS).await, vec![], vec![], f).unwrap();
    assert_eq!(rows(&run(&context, plan).await.unwrap()), ["a 0", "a 1", "a 3", "b 4", "b 6"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_of_two_inputs_are_mapped() {
    if skipped() {
        return;
    }
    let context = context();
    for (name, kind) in
        [("join_counts", eval_type::COGROUPED_MAP_PANDAS), ("join_arrow", eval_type::COGROUPED_MAP_ARROW)]
    {
        let f = function(name, kind, rows_type());
        let right = "select * from (values ('b', 1), ('c', 2), ('b', 3)) t(k, w)";
        let keys = || vec![Named::new(col("k"), "k")];
        let (left, right) = (table(&context, PAIRS).await, table(&context, right).await);
        let plan = python::co_group_map(left, keys(), right, keys(), f).unwrap();
        assert_eq!(rows(&run(&context, plan).await.unwrap()), ["a 30", "b 22", "c 1"], "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_are_aggregated_and_windows_too() {
    if skipped() {
        return;
    }
    let context = context();
    for (name, kind) in
        [("total", eval_type::GROUPED_AGG_PANDAS), ("arrow_total", eval_type::GROUPED_AGG_ARROW)]
    {
        let f = function(name, kind, DataType::Int64);
        let total = || call(&f, vec![(col("v"), None)]);
        let plan = LogicalPlanBuilder::from(table(&context, PAIRS).await)
            .aggregate(vec![col("k")], vec![total()])
            .unwrap();
        assert_eq!(rows(&run(&context, plan.build().unwrap()).await.unwrap()), ["a 7", "b 12"], "{name}");
        let Expr::AggregateFunction(aggregate) = total() else { panic!("no aggregate") };
        use datafusion::logical_expr::ExprFunctionExt;
        let over = |args: Vec<Expr>| {
            let function =
                datafusion::logical_expr::expr::WindowFunction::new(Arc::clone(&aggregate.func), args);
            let order = vec![col("v").sort(true, true)];
            Expr::from(function).partition_by(vec![col("k")]).order_by(order).build().unwrap()
        };
        // A function of rows among its arguments.
        let plus_one = function("plus_one", eval_type::BATCHED, DataType::Int64);
        let more = call(&plus_one, vec![(col("v"), None)]);
        for (args, expected) in [
            (aggregate.params.args.clone(), ["a 1 1", "a 2 3", "a 4 7", "b 5 5", "b 7 12"]),
            (vec![more], ["a 1 2", "a 2 5", "a 4 10", "b 5 6", "b 7 14"]),
        ] {
            let plan = LogicalPlanBuilder::from(table(&context, PAIRS).await).window(vec![over(args)]);
            let found = rows(&run(&context, plan.unwrap().build().unwrap()).await.unwrap());
            assert_eq!(found, expected, "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn table_functions_make_rows() {
    if skipped() {
        return;
    }
    let context = context();
    let output = DataType::Struct(Fields::from(vec![
        Field::new("i", DataType::Int64, true),
        Field::new("n", DataType::Int64, true),
    ]));
    for kind in [eval_type::TABLE, eval_type::ARROW_TABLE] {
        let f = function("repeat", kind, output.clone());
        let argument = |expr| {
            let value = PythonArgument { value: Named::new(expr, "n"), keyword: None };
            vec![TableFunctionArgument::Value(value)]
        };
        let session = SparkSession::new(context.state(), SparkConf::new()).snapshot().unwrap();
        let plan = python::table_function(&session, Arc::clone(&f), argument(lit(2_i64)), None).unwrap();
        assert_eq!(rows(&run(&context, plan).await.unwrap()), ["0 2", "1 2"]);
        let input = table(&context, "select * from (values (0, 'z'), (1, 'a'), (2, 'b')) t(x, y)").await;
        let plan = python::table_function(&session, f, argument(col("x")), Some(input)).unwrap();
        assert_eq!(rows(&run(&context, plan).await.unwrap()), ["1 a 0 1", "2 b 0 2", "2 b 1 2"]);
        // As in Spark, what is of another type is null without Arrow, and an error with it.
        let f = function("text", kind, output.clone());
        let plan = python::table_function(&session, f, argument(lit(2_i64)), None).unwrap();
        let found = run(&context, plan).await;
        if kind == eval_type::TABLE {
            assert_eq!(rows(&found.unwrap()), ["null 2"]);
        } else {
            assert!(found.unwrap_err().to_string().contains("UDTF_ARROW_TYPE_CONVERSION_ERROR"));
        }
    }
}
