//! The header of a task: what a worker reads before rows, in the dialect of its PySpark.

use std::collections::BTreeMap;

use bytes::Bytes;
use cerium_spark::python::eval_type;

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

    /// The directory that goes on Python's path, what in it goes there too, and no broadcasts.
    pub fn files(&mut self, folder: &str, includes: &[String]) {
        self.text(folder);
        self.int(includes.len() as i32);
        for include in includes {
            self.text(include);
        }
        // No broadcast server, no broadcasts.
        self.bool(false);
        self.int(0);
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
    /// Partition within the stage.
    pub partition: i32,
    /// Attempt, from 0.
    pub attempt: i32,
    /// Partition of the plan's node, which in a union is another number than that within the stage.
    pub place: i32,
}

/// A function and which columns it gets.
#[derive(Debug, Clone)]
pub struct FunctionCall {
    /// Column and keyword of each argument; of group functions the list of lengths and offsets.
    pub arguments: Vec<(i32, Option<String>)>,
    /// The pickled function.
    pub command: Bytes,
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
    /// The kind of the functions.
    pub eval_type: i32,
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
        out.files(&self.files, &self.includes);
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
        out.text(&self.ids.place.to_string());
    }

    /// A number that no other attempt of the job has.
    fn attempt_id(&self) -> i64 {
        (i64::from(self.ids.stage) << 40) | (i64::from(self.ids.partition) << 8) | i64::from(self.ids.attempt)
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
            "localProperties": {PLACE: self.ids.place.to_string()},
        });
        if dialect >= Dialect::V4_3 {
            context["cpuAmount"] = 1.0.into();
        }
        context.to_string()
    }

    fn settings(&self, out: &mut Writer, dialect: Dialect) {
        if dialect >= Dialect::V4_2 {
            let mut runner = self.conf.clone();
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
        // No profiler.
        if matches!(dialect, Dialect::V4_0 | Dialect::V4_1) {
            out.bool(false);
        }
        out.int(calls.len() as i32);
        let named = dialect >= Dialect::V4_2 || (dialect >= Dialect::V4_0 && names_arguments(self.eval_type));
        for call in calls {
            arguments(out, &call.arguments, named);
            out.int(1);
            out.bytes(&call.command);
            if dialect >= Dialect::V4_2 {
                out.long(0);
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
mod tests {
    use super::*;

    #[test]
    fn versions_choose_dialects() {
        assert_eq!(Dialect::of("3.5.9").unwrap(), Dialect::V3_5);
        assert_eq!(Dialect::of("4.2.0.dev1").unwrap(), Dialect::V4_2);
        let error = Dialect::of("5.0.0").unwrap_err().to_string();
        assert!(error.starts_with("PySpark 5.0.0 on executors is not supported"), "{error}");
        assert!(Dialect::of("3.4.1").is_err());
    }

    /// The end of a table function's header, written down from PySpark's `read_udtf`.
    #[test]
    fn table_functions_are_told_their_partitions_and_what_analyze_said() {
        let table = TableFunction {
            arguments: vec![(1, None)],
            command: Bytes::from_static(b"P"),
            schema: "{}".into(),
            name: "f".into(),
            tables: vec![1],
            partition_fields: vec![2],
            analyzed: Some(Bytes::from_static(b"A")),
        };
        let mut out = Writer::default();
        table_function(&mut out, Dialect::V4_1, &table);
        let mut expected = Writer::default();
        expected.ints(&[1]); // one argument, its column
        expected.bool(false); // without a keyword
        expected.ints(&[2]);
        expected.bool(true);
        for bytes in [&b"A"[..], b"P", b"{}", b"f"] {
            expected.bytes(bytes);
        }
        assert_eq!(out.into_bytes(), expected.into_bytes());
    }

    /// The layout of a pandas function in each version, written down from PySpark's `worker.py`.
    #[test]
    fn dialects_differ_where_pyspark_does() {
        let header = Header {
            ids: TaskIds { stage: 1, partition: 2, attempt: 0, place: 2 },
            python_version: "3.11".into(),
            files: "/f".into(),
            includes: vec![],
            eval_type: eval_type::SCALAR_PANDAS,
            conf: BTreeMap::new(),
            window_bounds: None,
            input_schema: None,
            body: Body::Functions(vec![FunctionCall {
                arguments: vec![(0, Some("x".into()))],
                command: Bytes::from_static(b"P"),
            }]),
        };
        let hex = |dialect| {
            header.encode(dialect).iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
        };
        let start = "0000000200000004332e3131";
        let context = "000000010000000200000000000001000000020000000001" // stage, partition, attempt, id, cpus
            .to_owned()
            + "0000000000000001" // resources, properties
            + "0000001f737061726b2e63657269756d2e696e7465726e616c2e706172746974696f6e"
            + "0000000132"; // the name and value of one
        let files = "000000022f66000000000000000000"; // files, includes, broadcasts
        let kind = "000000c8";
        let named = "0000000100000000010000000178";
        let command = "000000010000000150";
        assert_eq!(
            hex(Dialect::V3_5),
            format!(
                "{start}000000000000000000{context}{files}{kind}00000000000000010000000100000000{command}"
            )
        );
        assert_eq!(
            hex(Dialect::V4_1),
            format!("{start}00{context}{files}{kind}000000000000000001{named}{command}")
        );
        let newest = hex(Dialect::V4_3);
        assert!(newest.starts_with("fffffff8"), "{newest}");
        let tail = format!("{files}{kind}000000000000000000000001{named}{command}0000000000000000");
        assert!(newest.ends_with(&tail), "{newest}");
        assert!(hex(Dialect::V4_2).starts_with(start));
    }
}
