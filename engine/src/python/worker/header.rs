//! The header of a task: what a worker reads before rows, in the dialect of its PySpark.

use std::collections::BTreeMap;

use bytes::Bytes;
use cerium_spark::python::eval_type;

use super::super::work::Function;
use super::WorkerError;

/// Big-endian numbers and texts with their length, as Java's DataOutput writes them.
#[derive(Debug, Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// 32 bits.
    pub fn int(&mut self, value: i32) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    fn long(&mut self, value: i64) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    /// One byte.
    pub fn bool(&mut self, value: bool) {
        self.0.push(u8::from(value));
    }

    /// Bytes after their length.
    pub fn bytes(&mut self, value: &[u8]) {
        self.int(value.len() as i32);
        self.0.extend_from_slice(value);
    }

    /// A text after its length in bytes.
    pub fn text(&mut self, value: &str) {
        self.bytes(value.as_bytes());
    }

    /// The directory that goes on Python's path, what in it goes there too, and broadcasts.
    pub fn files(&mut self, folder: &str, includes: &[String], broadcasts: &BTreeMap<i64, String>) {
        self.text(folder);
        self.int(includes.len() as i32);
        for include in includes {
            self.text(include);
        }
        // No server of broadcasts: they are in files.
        self.bool(false);
        self.int(broadcasts.len() as i32);
        for (id, file) in broadcasts {
            self.long(*id);
            self.text(file);
        }
    }

    fn ints(&mut self, values: &[i32]) {
        self.int(values.len() as i32);
        for value in values {
            self.int(*value);
        }
    }

    fn pairs(&mut self, pairs: &BTreeMap<String, String>) {
        self.int(pairs.len() as i32);
        for (key, value) in pairs {
            self.text(key);
            self.text(value);
        }
    }

    /// What was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// What PySpark's minor versions expect of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dialect {
    /// 3.5
    V3_5,
    /// 4.0
    V4_0,
    /// 4.1
    V4_1,
    /// 4.2
    V4_2,
    /// 4.3
    V4_3,
}

impl Dialect {
    /// The dialect of a PySpark version such as `4.1.1`.
    pub fn of(version: &str) -> Result<Self, WorkerError> {
        let mut parts = version.split('.');
        match (parts.next(), parts.next()) {
            (Some("3"), Some("5")) => Ok(Self::V3_5),
            (Some("4"), Some("0")) => Ok(Self::V4_0),
            (Some("4"), Some("1")) => Ok(Self::V4_1),
            (Some("4"), Some("2")) => Ok(Self::V4_2),
            (Some("4"), Some("3")) => Ok(Self::V4_3),
            _ => Err(WorkerError::UnknownVersion(version.to_owned())),
        }
    }

    /// Whether groups come one by one in batches of any size; before, a batch was a group.
    pub fn frames_groups(self) -> bool {
        self >= Self::V4_1
    }

    /// Numbers about time at the end of a task.
    pub fn timings(self) -> usize {
        if self >= Self::V4_2 { 4 } else { 3 }
    }
}

/// The local property by which a task of an RDD knows which partition it computes.
const PLACE: &str = "spark.cerium.internal.partition";

/// Which task asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TaskIds {
    /// Stage.
    pub stage: i32,
    /// Partition of the plan's node, which in a union is another number than that within the stage.
    pub partition: i32,
    /// Attempt, from 0.
    pub attempt: i32,
    /// Its number within the stage; another attempt has another.
    pub task: i32,
}

/// A function and which columns it gets.
#[derive(Debug, Clone)]
pub struct FunctionCall {
    /// Column and keyword of each argument; of group functions the list of lengths and offsets.
    pub arguments: Vec<(i32, Option<String>)>,
    /// The pickled function.
    pub command: Bytes,
    /// Under which its profiles are put together.
    pub result_id: i64,
}

impl FunctionCall {
    /// A call of `function`.
    pub fn new(function: &Function, arguments: Vec<(i32, Option<String>)>) -> Self {
        Self { arguments, command: function.command.clone(), result_id: function.result_id }
    }
}

/// A table function and which columns it gets.
#[derive(Debug, Clone)]
pub struct TableFunction {
    /// Column and keyword of each argument.
    pub arguments: Vec<(i32, Option<String>)>,
    /// The pickled class.
    pub command: Bytes,
    /// Its result as a JSON schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Columns sent that are tables.
    pub tables: Vec<i32>,
    /// The fields of the table in which a partition has equal values.
    pub partition_fields: Vec<i32>,
    /// The pickled answer of the function's `analyze`.
    pub analyzed: Option<Bytes>,
}

impl TableFunction {
    /// Whether it is told what PySpark tells table functions from 4.0 on.
    pub fn needs_analysis(&self) -> bool {
        !self.partition_fields.is_empty() || self.analyzed.is_some()
    }
}

/// What the worker is to run.
#[derive(Debug, Clone)]
pub enum Body {
    /// Functions that share their input.
    Functions(Vec<FunctionCall>),
    /// A table function.
    Table(TableFunction),
}

/// All that a worker is told before rows.
#[derive(Debug, Clone)]
pub struct Header {
    /// The task.
    pub ids: TaskIds,
    /// The client's Python.
    pub python_version: String,
    /// The directory that goes on Python's path.
    pub files: String,
    /// Archives in it that go there too.
    pub includes: Vec<String>,
    /// The files of the broadcasts that are used, by their numbers in the program.
    pub broadcasts: BTreeMap<i64, String>,
    /// The kind of the functions.
    pub eval_type: i32,
    /// The profiler they run under.
    pub profiler: Option<String>,
    /// Settings.
    pub conf: BTreeMap<String, String>,
    /// `bounded` or `unbounded` for each function over a window.
    pub window_bounds: Option<String>,
    /// The columns as a JSON schema, where PySpark needs one.
    pub input_schema: Option<String>,
    /// What to run.
    pub body: Body,
}

impl Header {
    /// The bytes in a dialect.
    pub fn encode(&self, dialect: Dialect) -> Vec<u8> {
        let mut out = Writer::default();
        out.int(self.ids.partition);
        out.text(&self.python_version);
        if dialect >= Dialect::V4_2 {
            out.text(&self.context_json(dialect));
        } else {
            out.bool(false);
            if dialect <= Dialect::V4_0 {
                out.int(0);
                out.text("");
            }
            self.context(&mut out);
        }
        out.files(&self.files, &self.includes, &self.broadcasts);
        out.int(self.eval_type);
        self.settings(&mut out, dialect);
        match &self.body {
            Body::Functions(calls) => self.functions(&mut out, dialect, calls),
            Body::Table(table) => table_function(&mut out, dialect, table),
        }
        let header = out.into_bytes();
        if dialect < Dialect::V4_3 {
            return header;
        }
        let mut framed = Writer::default();
        framed.int(-8);
        framed.bytes(&header);
        framed.into_bytes()
    }

    fn context(&self, out: &mut Writer) {
        out.int(self.ids.stage);
        out.int(self.ids.partition);
        out.int(self.ids.attempt);
        out.long(self.attempt_id());
        out.int(1);
        // No resources, one local property.
        out.int(0);
        out.int(1);
        out.text(PLACE);
        out.text(&self.ids.partition.to_string());
    }

    /// A number that no other attempt of the job has.
    fn attempt_id(&self) -> i64 {
        (i64::from(self.ids.stage) << 40) | (i64::from(self.ids.task) << 8) | i64::from(self.ids.attempt)
    }

    fn context_json(&self, dialect: Dialect) -> String {
        let mut context = serde_json::json!({
            "isBarrier": false,
            "connInfo": null,
            "secret": null,
            "stageId": self.ids.stage,
            "partitionId": self.ids.partition,
            "attemptNumber": self.ids.attempt,
            "taskAttemptId": self.attempt_id(),
            "cpus": 1,
            "resources": {},
            "localProperties": {PLACE: self.ids.partition.to_string()},
        });
        if dialect >= Dialect::V4_3 {
            context["cpuAmount"] = 1.0.into();
        }
        context.to_string()
    }

    fn settings(&self, out: &mut Writer, dialect: Dialect) {
        if dialect >= Dialect::V4_2 {
            let mut runner = self.conf.clone();
            if let Some(profiler) = &self.profiler {
                runner.insert("spark.sql.pyspark.udf.profiler".into(), profiler.clone());
            }
            let mut eval = BTreeMap::new();
            if let Some(bounds) = &self.window_bounds {
                runner.insert("window_bound_types".into(), bounds.clone());
                eval.insert("window_bound_types".into(), bounds.clone());
            }
            if let Some(schema) = &self.input_schema {
                eval.insert("input_type".into(), schema.clone());
            }
            if let (eval_type::ARROW_UDTF, Body::Table(table)) = (self.eval_type, &self.body) {
                let offsets: Vec<_> = table.tables.iter().map(ToString::to_string).collect();
                eval.insert("table_arg_offsets".into(), offsets.join(","));
            }
            out.pairs(&runner);
            out.pairs(&eval);
            return;
        }
        if matches!(self.eval_type, eval_type::BATCHED | eval_type::TABLE) {
            return;
        }
        let mut conf = self.conf.clone();
        if let Some(bounds) = &self.window_bounds {
            conf.insert("window_bound_types".into(), bounds.clone());
        }
        out.pairs(&conf);
        if let (Dialect::V4_1, Some(schema)) = (dialect, &self.input_schema) {
            out.text(schema);
        }
        if let (Dialect::V4_1, eval_type::ARROW_UDTF, Body::Table(table)) =
            (dialect, self.eval_type, &self.body)
        {
            out.ints(&table.tables);
        }
    }

    fn functions(&self, out: &mut Writer, dialect: Dialect, calls: &[FunctionCall]) {
        let in_header = matches!(dialect, Dialect::V4_0 | Dialect::V4_1);
        if in_header {
            out.bool(self.profiler.is_some());
            if let Some(profiler) = &self.profiler {
                out.text(profiler);
            }
        }
        out.int(calls.len() as i32);
        let named = dialect >= Dialect::V4_2 || (dialect >= Dialect::V4_0 && names_arguments(self.eval_type));
        for call in calls {
            arguments(out, &call.arguments, named);
            out.int(1);
            out.bytes(&call.command);
            if dialect >= Dialect::V4_2 || (in_header && self.profiler.is_some()) {
                out.long(call.result_id);
            }
        }
    }
}

/// The kinds whose arguments can have keywords in 4.0 and 4.1.
fn names_arguments(eval_type: i32) -> bool {
    matches!(eval_type, 100 | 101 | 200 | 202 | 203 | 204 | 250..=253)
}

fn arguments(out: &mut Writer, arguments: &[(i32, Option<String>)], named: bool) {
    out.int(arguments.len() as i32);
    for (offset, keyword) in arguments {
        out.int(*offset);
        if named {
            out.bool(keyword.is_some());
            if let Some(keyword) = keyword {
                out.text(keyword);
            }
        }
    }
}

fn table_function(out: &mut Writer, dialect: Dialect, table: &TableFunction) {
    arguments(out, &table.arguments, dialect >= Dialect::V4_0);
    if dialect >= Dialect::V4_0 {
        out.ints(&table.partition_fields);
        out.bool(table.analyzed.is_some());
        if let Some(analyzed) = &table.analyzed {
            out.bytes(analyzed);
        }
    }
    out.bytes(&table.command);
    out.text(&table.schema);
    if dialect >= Dialect::V4_0 {
        out.text(&table.name);
    }
}

#[cfg(test)]
mod tests;
