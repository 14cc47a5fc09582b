//! A task that runs Python: whose it is, which Python runs it, what the worker is told.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use bytes::Bytes;
use cerium_conf::{SparkConf, keys};
use cerium_spark::error::SparkError;
use cerium_spark::python::eval_type;
use cerium_spark::session::bad_conf;
use datafusion::error::Result;
use datafusion::execution::TaskContext;
use futures::stream::BoxStream;

use super::accumulators::Accumulators;
use super::broadcast::{self, Broadcast};
use super::files::place;
use super::idle::Patience;
use super::work::{Argument, Call, Function, Table};
use super::worker::{
    self, Body, Dialect, FunctionCall, Header, Interpreter, Results, TableFunction, TaskIds, Worker, Workers,
};
use cerium_spark::spark_options::SparkOptions;

/// Settings that workers read, with the value of Spark 4 where none is set.
const SETTINGS: &[(&str, &str)] = &[
    ("spark.sql.execution.arrow.useLargeVarTypes", "false"),
    ("spark.sql.execution.pandas.convertToArrowArraySafely", "true"),
    (BINARY_AS_BYTES, "true"),
    ("spark.sql.execution.pythonUDF.pandas.intToDecimalCoercionEnabled", "false"),
    ("spark.sql.legacy.execution.pandas.groupedMap.assignColumnsByName", "true"),
    ("spark.sql.legacy.execution.pythonUDF.pandas.conversion.enabled", "false"),
    ("spark.sql.legacy.execution.pythonUDTF.pandas.conversion.enabled", "false"),
];
/// Whether functions get binary values as `bytes`, not as `bytearray`.
const BINARY_AS_BYTES: &str = "spark.sql.execution.pyspark.binaryAsBytes";
/// Whether the columns that functions over Arrow batches give back must be exactly those declared.
const VALIDATE_SCHEMA: &str = "spark.sql.execution.arrow.pyspark.validateSchema.enabled";
const MAX_RECORDS: &str = "spark.sql.execution.arrow.maxRecordsPerBatch";
const DEFAULT_MAX_RECORDS: usize = 10_000;
/// Which of PySpark's profilers functions run under: `perf` or `memory`.
const PROFILER: &str = "spark.sql.pyspark.udf.profiler";

/// What all functions of a task share.
#[derive(Debug, Clone)]
pub struct PythonTask {
    interpreter: Interpreter,
    ids: TaskIds,
    conf: BTreeMap<String, String>,
    /// The session's configuration.
    spark: SparkConf,
    accumulators: Accumulators,
    /// The most rows of a batch.
    pub max_records: usize,
}

impl PythonTask {
    /// The task that a partition is computed in; `accumulators` take what its workers send at their end.
    pub fn new(context: &TaskContext, accumulators: Accumulators) -> Self {
        let spark = SparkOptions::of(context.session_config());
        let zone = context.session_config().options().execution.time_zone.clone();
        let mut conf: BTreeMap<String, String> = SETTINGS
            .iter()
            .map(|(key, default)| ((*key).to_owned(), spark.get_str(key).unwrap_or(default).to_owned()))
            .collect();
        conf.insert("spark.sql.session.timeZone".into(), zone.unwrap_or_else(|| "UTC".into()));
        let max_records = spark.get_str(MAX_RECORDS).and_then(|text| text.parse::<i64>().ok());
        Self {
            interpreter: Interpreter::of(&spark),
            ids: ids(context.task_id().as_deref()),
            conf,
            max_records: match max_records {
                None => DEFAULT_MAX_RECORDS,
                Some(records) => usize::try_from(records).ok().filter(|n| *n > 0).unwrap_or(usize::MAX),
            },
            spark,
            accumulators,
        }
    }

    /// Whether what functions over Arrow batches give back is compared with what they declare.
    pub fn validates_schema(&self) -> bool {
        self.spark.get_str(VALIDATE_SCHEMA).is_some_and(|validate| validate.eq_ignore_ascii_case("true"))
    }

    /// Whether row functions get binary values as `bytearray`, not as `bytes`.
    pub fn bytearrays(&self) -> bool {
        self.conf.get(BINARY_AS_BYTES).is_some_and(|as_bytes| as_bytes.eq_ignore_ascii_case("false"))
    }

    /// Tells which partition it computes: the task's own number is that of an attempt.
    pub fn partition(&mut self, number: i32) {
        self.ids.partition = number;
    }

    /// A worker of its own.
    pub async fn worker(&self) -> Result<Worker> {
        let files = place(&self.spark).await?;
        Ok(Workers::shared().take(&self.interpreter.within(&files.folder), &files).await?)
    }

    /// Runs functions of one kind over `input`.
    pub async fn run(
        &self,
        worker: Worker,
        request: Request,
        input: BoxStream<'static, Result<Bytes>>,
    ) -> Result<Results> {
        let function = &request.function;
        // Workers that do not know a kind misread its header and wait for ever.
        let (mut known_from, mut version) = known_from(request.eval_type);
        if let Body::Table(table) = &request.body
            && table.needs_analysis()
        {
            (known_from, version) = (known_from, version).max((Dialect::V4_0, "4.0"));
        }
        if worker.dialect() < known_from {
            return Err(SparkError::unsupported(format!(
                "the Python function {} of a kind that PySpark on executors knows from {version} on",
                function.name
            ))
            .into());
        }
        let mut includes = function.includes.clone();
        let folder = match &worker.files {
            Some(files) => {
                includes.extend(files.includes.iter().cloned());
                files.folder.clone()
            }
            None => worker::home()?.to_owned(),
        };
        let broadcasts = self.broadcasts(request.broadcasts).await?;
        let profiler = if request.profiled { self.spark.get_str(PROFILER) } else { None };
        let header = Header {
            ids: self.ids,
            python_version: function.python_version.clone(),
            files: folder.display().to_string(),
            includes,
            broadcasts,
            eval_type: request.eval_type,
            profiler: profiler.filter(|profiler| !profiler.is_empty()).map(str::to_owned),
            conf: self.conf.clone(),
            window_bounds: request.window_bounds,
            input_schema: request.input_schema,
            body: request.body,
        };
        let header = header.encode(worker.dialect());
        let task = worker::Task {
            interpreter: self.interpreter.within(&folder),
            worker,
            patience: Patience::of(&self.spark),
            reuse: self.spark.get(&keys::PYTHON_WORKER_REUSE).map_err(bad_conf)?,
            accumulators: self.accumulators.clone(),
        };
        task.run(header, input)
    }

    /// The files of broadcasts, by their numbers.
    async fn broadcasts(&self, used: Vec<Broadcast>) -> Result<BTreeMap<i64, String>> {
        let mut files = BTreeMap::new();
        for broadcast in used {
            if let Entry::Vacant(unknown) = files.entry(broadcast.id) {
                let file = broadcast::place(&self.spark, &broadcast).await?;
                unknown.insert(file.display().to_string());
            }
        }
        Ok(files)
    }
}

/// The first PySpark that knows a kind of function.
fn known_from(eval_type: i32) -> (Dialect, &'static str) {
    use cerium_spark::python::eval_type as kinds;
    match eval_type {
        kinds::GROUPED_MAP_ARROW_ITER
        | kinds::GROUPED_MAP_PANDAS_ITER
        | kinds::SCALAR_ARROW..=kinds::WINDOW_AGG_ARROW
        | kinds::ARROW_UDTF => (Dialect::V4_1, "4.1"),
        kinds::GROUPED_MAP_ARROW | kinds::COGROUPED_MAP_ARROW => (Dialect::V4_0, "4.0"),
        _ => (Dialect::V3_5, "3.5"),
    }
}

/// What a worker is asked to do.
#[derive(Debug)]
pub struct Request {
    /// One of the functions, for what they share.
    pub function: Function,
    /// PySpark's number of the kind under which the worker runs them.
    pub eval_type: i32,
    /// `bounded` or `unbounded` for each window.
    pub window_bounds: Option<String>,
    /// The input's columns, where PySpark must be told.
    pub input_schema: Option<String>,
    /// The functions.
    pub body: Body,
    /// What they use of the program's broadcasts.
    broadcasts: Vec<Broadcast>,
    /// Whether the worker is to profile them itself.
    profiled: bool,
}

impl Request {
    /// One function whose columns are told by a list of offsets, or that takes all (offset 0).
    pub fn of_rows(function: &Function, offsets: Vec<i32>) -> Self {
        let arguments = offsets.into_iter().map(|offset| (offset, None)).collect();
        let body = Body::Functions(vec![FunctionCall::new(function, arguments)]);
        Self::new([function], function.eval_type, body)
    }

    /// Functions whose arguments are among `columns`, the columns that are sent.
    pub fn of_values(calls: &[Call], eval_type: i32, columns: &[u32]) -> Option<Self> {
        calls.first()?;
        let body = calls
            .iter()
            .map(|call| FunctionCall::new(&call.function, offsets(&call.arguments, columns)))
            .collect();
        let functions = calls.iter().map(|call| &call.function);
        Some(Self::new(functions, eval_type, Body::Functions(body)))
    }

    /// Row functions as one function of `mapInArrow`, see the package `cerium_worker`.
    pub fn of_plain(calls: &[Call], columns: &[u32], task: &PythonTask) -> Option<Self> {
        let function = &calls.first()?.function;
        let profiler = task.spark.get_str(PROFILER).filter(|profiler| !profiler.is_empty());
        let bytearrays = task.bytearrays();
        let specs: Vec<_> = calls
            .iter()
            .map(|call| {
                let mut positional = vec![];
                let mut keywords = serde_json::Map::new();
                for (offset, keyword) in offsets(&call.arguments, columns) {
                    match keyword {
                        Some(keyword) => drop(keywords.insert(keyword, offset.into())),
                        None => positional.push(offset),
                    }
                }
                let profiler = profiler.map(|kind| (kind, call.function.result_id));
                serde_json::json!({"args": positional, "kwargs": keywords, "profiler": profiler, "bytearrays": bytearrays})
            })
            .collect();
        let spec = serde_json::Value::from(specs).to_string();
        let commands = calls.iter().map(|call| call.function.command.as_ref());
        let command = pickled_load(std::iter::once(spec.as_bytes()).chain(commands));
        let call = FunctionCall { command: command.into(), ..FunctionCall::new(function, vec![(0, None)]) };
        let functions = calls.iter().map(|call| &call.function);
        let request = Self::new(functions, eval_type::MAP_ARROW_ITER, Body::Functions(vec![call]));
        Some(Self { profiled: false, ..request })
    }

    /// A table function whose result has the JSON schema `schema`.
    pub fn of_table(table: &Table, eval_type: i32, columns: &[u32], schema: String) -> Self {
        let function = &table.call.function;
        let arguments = offsets(&table.call.arguments, columns);
        let is_table = |position: usize| table.tables.contains(&(position as u32));
        let tables = arguments.iter().enumerate().filter(|(position, _)| is_table(*position));
        let body = Body::Table(TableFunction {
            tables: tables.map(|(_, (offset, _))| *offset).collect(),
            arguments,
            command: function.command.clone(),
            schema,
            name: function.name.clone(),
            partition_fields: table.partition_fields.iter().map(|field| *field as i32).collect(),
            analyzed: table.analyzed.clone(),
        });
        Self::new([function], eval_type, body)
    }

    fn new<'a>(functions: impl IntoIterator<Item = &'a Function>, eval_type: i32, body: Body) -> Self {
        let mut functions = functions.into_iter().peekable();
        let function = functions.peek().map(|first| (*first).clone()).unwrap_or_default();
        let broadcasts = functions.flat_map(|function| function.broadcasts.clone()).collect();
        Self {
            function,
            eval_type,
            window_bounds: None,
            input_schema: None,
            body,
            broadcasts,
            profiled: true,
        }
    }
}

/// Where the arguments are among the columns sent.
fn offsets(arguments: &[Argument], columns: &[u32]) -> Vec<(i32, Option<String>)> {
    arguments
        .iter()
        .map(|argument| {
            let offset = columns.iter().position(|column| *column == argument.column).unwrap_or(0);
            (offset as i32, argument.keyword.clone())
        })
        .collect()
}

/// A pickle that calls `cerium_worker.plain.load` with bytes as arguments when it is loaded.
fn pickled_load<'a>(arguments: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut pickle = b"\x80\x03ccerium_worker.plain\nload\n(".to_vec();
    for argument in arguments {
        pickle.push(b'B');
        pickle.extend_from_slice(&(argument.len() as u32).to_le_bytes());
        pickle.extend_from_slice(argument);
    }
    pickle.extend_from_slice(b"tR.");
    pickle
}

/// The columns that the calls use, each once.
pub fn columns_of<'a>(calls: impl Iterator<Item = &'a Call>) -> Vec<u32> {
    let mut columns = vec![];
    for argument in calls.flat_map(|call| &call.arguments) {
        if !columns.contains(&argument.column) {
            columns.push(argument.column);
        }
    }
    columns
}

/// Whether a batch is a group for workers of this dialect.
pub fn batch_is_group(dialect: Dialect) -> bool {
    !dialect.frames_groups()
}

/// The numbers in a task's name, `TID job/stage.attempt/task.attempt`. The partition is not among them.
fn ids(name: Option<&str>) -> TaskIds {
    let numbers = |part: &str| -> Option<(i32, i32)> {
        let (number, attempt) = part.split_once('.')?;
        Some((number.parse().ok()?, attempt.parse().ok()?))
    };
    let parsed = name.and_then(|name| {
        let mut parts = name.rsplit('/');
        let (task, attempt) = numbers(parts.next()?)?;
        let (stage, _) = numbers(parts.next()?)?;
        Some(TaskIds { stage, partition: 0, attempt, task })
    });
    parsed.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_from_the_name_of_the_task() {
        let found = ids(Some("TID 17 job-1/3.0/5.1"));
        assert_eq!(found, TaskIds { stage: 3, partition: 0, attempt: 1, task: 5 });
        assert_eq!(ids(None), TaskIds::default());
    }
}
