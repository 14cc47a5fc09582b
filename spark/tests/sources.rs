//! Reads the files of spark_truth/cases.json and compares with what Apache Spark answered.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use cerium_spark::source::resolve;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, RecordBatch};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Field, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, Schema,
    SchemaRef, TimeUnit, TimestampMicrosecondType,
};
use datafusion::execution::SessionStateBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use serde_json::{Map, Value, json};

/// Cases in which Cerium differs from Spark on purpose, and how.
const DIFFERENT: &[(&str, &str)] = &[(
    "parquet cut short schema",
    "the footer is read when the query is planned, so the error is the one Spark has without a schema",
)];

fn context() -> SessionContext {
    let config = SessionConfig::new().with_target_partitions(2);
    SessionContext::new_with_state(
        SessionStateBuilder::new().with_default_features().with_config(config).build(),
    )
}

/// `a INT, b STRUCT<x: LONG>` as an Arrow schema.
fn schema(ddl: &str) -> SchemaRef {
    let fields: Vec<Field> = split(ddl)
        .iter()
        .map(|column| {
            let (name, data_type) = column.trim().split_once([' ', ':']).unwrap();
            Field::new(name, parse_type(data_type.trim()), true)
        })
        .collect();
    Arc::new(Schema::new(fields))
}

fn split(list: &str) -> Vec<String> {
    let (mut parts, mut depth) = (vec![String::new()], 0);
    for c in list.chars() {
        match c {
            '<' | '(' => depth += 1,
            '>' | ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().unwrap().push(c);
    }
    parts
}

fn parse_type(name: &str) -> DataType {
    let inner = |prefix: &str| name.strip_prefix(prefix).and_then(|rest| rest.strip_suffix('>'));
    if let Some(item) = inner("ARRAY<") {
        return DataType::List(Arc::new(Field::new("element", parse_type(item), true)));
    }
    if let Some(fields) = inner("STRUCT<") {
        return DataType::Struct(schema(fields).fields().clone());
    }
    if let Some(pair) = inner("MAP<") {
        let pair = split(pair);
        let entries = DataType::Struct(
            vec![
                Field::new("key", parse_type(pair[0].trim()), false),
                Field::new("value", parse_type(pair[1].trim()), true),
            ]
            .into(),
        );
        return DataType::Map(Arc::new(Field::new("entries", entries, false)), false);
    }
    if let Some(args) = name.strip_prefix("DECIMAL(") {
        let (p, s) = args.trim_end_matches(')').split_once(',').unwrap();
        return DataType::Decimal128(p.trim().parse().unwrap(), s.trim().parse().unwrap());
    }
    match name {
        "BYTE" => DataType::Int8,
        "SHORT" => DataType::Int16,
        "INT" => DataType::Int32,
        "LONG" => DataType::Int64,
        "FLOAT" => DataType::Float32,
        "DOUBLE" => DataType::Float64,
        "BOOLEAN" => DataType::Boolean,
        "STRING" => DataType::Utf8,
        "DATE" => DataType::Date32,
        "TIMESTAMP" => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        "TIMESTAMP_NTZ" => DataType::Timestamp(TimeUnit::Microsecond, None),
        other => panic!("type {other}"),
    }
}

/// Spark's `simpleString` of a type.
fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Int8 => "tinyint".into(),
        DataType::Int16 => "smallint".into(),
        DataType::Int32 => "int".into(),
        DataType::Int64 => "bigint".into(),
        DataType::Float32 => "float".into(),
        DataType::Float64 => "double".into(),
        DataType::Boolean => "boolean".into(),
        DataType::Utf8 => "string".into(),
        DataType::Date32 => "date".into(),
        DataType::Timestamp(_, Some(_)) => "timestamp".into(),
        DataType::Timestamp(_, None) => "timestamp_ntz".into(),
        DataType::Decimal128(p, s) => format!("decimal({p},{s})"),
        DataType::List(item) => format!("array<{}>", type_name(item.data_type())),
        DataType::Struct(fields) => {
            let fields: Vec<_> =
                fields.iter().map(|f| format!("{}:{}", f.name(), type_name(f.data_type()))).collect();
            format!("struct<{}>", fields.join(","))
        }
        DataType::Map(entries, _) => {
            let DataType::Struct(pair) = entries.data_type() else { panic!("{data_type}") };
            format!("map<{},{}>", type_name(pair[0].data_type()), type_name(pair[1].data_type()))
        }
        other => panic!("type {other}"),
    }
}

fn instant(micros: i64, zone: &str) -> Value {
    let time = chrono::DateTime::from_timestamp_micros(micros).unwrap();
    json!(format!("{}{zone}", time.format("%Y-%m-%dT%H:%M:%S%.3f")))
}

fn number(value: f64) -> Value {
    if value.is_finite() {
        json!(value)
    } else if value.is_nan() {
        json!("NaN")
    } else {
        json!(if value > 0.0 { "Infinity" } else { "-Infinity" })
    }
}

/// A value as Spark's `toJSON` prints it.
fn value(array: &ArrayRef, row: usize) -> Option<Value> {
    if array.is_null(row) {
        return None;
    }
    Some(match array.data_type() {
        DataType::Int8 => json!(array.as_primitive::<Int8Type>().value(row)),
        DataType::Int16 => json!(array.as_primitive::<Int16Type>().value(row)),
        DataType::Int32 => json!(array.as_primitive::<Int32Type>().value(row)),
        DataType::Int64 => json!(array.as_primitive::<Int64Type>().value(row)),
        DataType::Float32 => number(f64::from(array.as_primitive::<Float32Type>().value(row))),
        DataType::Float64 => number(array.as_primitive::<Float64Type>().value(row)),
        DataType::Boolean => json!(array.as_boolean().value(row)),
        DataType::Utf8 => json!(array.as_string::<i32>().value(row)),
        DataType::Date32 => {
            let days = array.as_primitive::<Date32Type>().value(row);
            let date = chrono::NaiveDate::default() + chrono::TimeDelta::days(days.into());
            json!(date.to_string())
        }
        DataType::Timestamp(_, zone) => instant(
            array.as_primitive::<TimestampMicrosecondType>().value(row),
            if zone.is_some() { "Z" } else { "" },
        ),
        DataType::Decimal128(..) => {
            let decimals: &Decimal128Array = array.as_primitive();
            serde_json::from_str(&decimals.value_as_string(row)).unwrap()
        }
        DataType::List(_) => {
            let items = array.as_list::<i32>().value(row);
            (0..items.len()).map(|i| value(&items, i).unwrap_or(Value::Null)).collect()
        }
        DataType::Struct(_) => Value::Object(object(
            array.as_struct().fields().iter().map(|f| f.name().clone()),
            array.as_struct().columns(),
            row,
        )),
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            let keys = entries.column(0).as_string::<i32>();
            (0..entries.len())
                .map(|i| (keys.value(i).to_owned(), value(entries.column(1), i).unwrap_or(Value::Null)))
                .collect::<Map<_, _>>()
                .into()
        }
        other => panic!("type {other}"),
    })
}

fn object(names: impl Iterator<Item = String>, columns: &[ArrayRef], row: usize) -> Map<String, Value> {
    names.zip(columns).filter_map(|(name, column)| Some((name, value(column, row)?))).collect()
}

fn rows(batches: &[RecordBatch]) -> Vec<Value> {
    let mut rows = vec![];
    for batch in batches {
        for row in 0..batch.num_rows() {
            let names = batch.schema().fields().iter().map(|f| f.name().clone()).collect::<Vec<_>>();
            rows.push(Value::Object(object(names.into_iter(), batch.columns(), row)));
        }
    }
    rows
}

/// Text by which rows are put in order: keys sorted, numbers of equal value alike.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let sorted: BTreeMap<_, _> = map.iter().map(|(k, v)| (k, canonical(v))).collect();
            format!("{sorted:?}")
        }
        Value::Array(items) => format!("{:?}", items.iter().map(canonical).collect::<Vec<_>>()),
        Value::Number(number) => format!("{:?}", number.as_f64()),
        other => other.to_string(),
    }
}

fn write_files(root: &Path, files: &Map<String, Value>) {
    for (name, content) in files {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let bytes = match content {
            Value::String(text) => text.as_bytes().to_vec(),
            other => {
                let hex = other["hex"].as_str().unwrap();
                (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
            }
        };
        std::fs::write(path, bytes).unwrap();
    }
}

async fn answer(case: &Value, root: &Path) -> Result<(Vec<Value>, Vec<Value>), String> {
    let context = context();
    let root = root.to_str().unwrap();
    let options: BTreeMap<String, String> = case["options"]
        .as_object()
        .map(|o| o.iter().map(|(k, v)| (k.clone(), v.as_str().unwrap().replace("$ROOT", root))).collect())
        .unwrap_or_default();
    let paths: Vec<String> =
        case["paths"].as_array().unwrap().iter().map(|p| format!("{root}/{}", p.as_str().unwrap())).collect();
    let given = case["schema"].as_str().map(schema);
    let table = resolve(&context.state(), case["format"].as_str().unwrap(), &paths, &options, given)
        .await
        .map_err(|error| error.to_string())?;
    let columns = table
        .schema()
        .fields()
        .iter()
        .map(|field| json!([field.name(), type_name(field.data_type())]))
        .collect();
    let frame = context.read_table(table).map_err(|error| error.to_string())?;
    let batches = frame.collect().await.map_err(|error| error.find_root().to_string())?;
    Ok((columns, rows(&batches)))
}

fn compare(
    case: &Value,
    expected: &Value,
    actual: Result<(Vec<Value>, Vec<Value>), String>,
) -> Result<(), String> {
    match (&expected["error"], actual) {
        (Value::Null, Ok((columns, mut rows))) => {
            if expected["schema"].as_array() != Some(&columns) {
                return Err(format!("schema {} instead of {}", json!(columns), expected["schema"]));
            }
            let mut wanted = expected["rows"].as_array().unwrap().clone();
            rows.sort_by_key(canonical);
            wanted.sort_by_key(canonical);
            let texts = |rows: &[Value]| rows.iter().map(canonical).collect::<Vec<_>>();
            if texts(&rows) != texts(&wanted) {
                return Err(format!("rows {} instead of {}", json!(rows), json!(wanted)));
            }
            Ok(())
        }
        (Value::Null, Err(error)) => Err(format!("error {error}")),
        (classes, Err(error)) => {
            let class = classes[0].as_str().unwrap();
            let found = error.contains(&format!("[{class}]"));
            if found { Ok(()) } else { Err(format!("error {error} instead of {class}")) }
        }
        (classes, Ok((_, rows))) => {
            Err(format!("rows {} instead of {classes} in {}", json!(rows), case["name"]))
        }
    }
}

#[tokio::test]
async fn answers_as_spark_does() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/spark_truth");
    let read = |name: &str| -> Value {
        serde_json::from_str(&std::fs::read_to_string(folder.join(name)).unwrap()).unwrap()
    };
    let (cases, answers) = (read("cases.json"), read("answers.json"));
    let mut failures = vec![];
    for case in cases.as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let root = tempfile::tempdir().unwrap();
        write_files(root.path(), case["files"].as_object().unwrap());
        let outcome = compare(case, &answers[name], answer(case, root.path()).await);
        let different = DIFFERENT.iter().any(|(known, _)| *known == name);
        match outcome {
            Err(reason) if !different => failures.push(format!("{name}: {reason}")),
            Ok(()) if different => failures.push(format!("{name}: no longer differs from Spark")),
            _ => {}
        }
    }
    assert!(failures.is_empty(), "{} cases differ:\n{}", failures.len(), failures.join("\n"));
}
