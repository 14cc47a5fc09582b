//! Questions about functions that are asked while a query is planned.

use std::collections::BTreeMap;

use bytes::Bytes;
use cerium_spark::python::analyze::{Analyzed, OrderingColumn};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};

use super::header::{Dialect, Writer};
use super::results::{END_OF_STREAM, EXCEPTION};
use super::{Worker, WorkerError};

/// What `analyze` is asked: the function and its arguments as PySpark's module reads them.
#[derive(Debug)]
pub struct Question {
    /// The client's Python.
    pub python_version: String,
    /// The directory that goes on Python's path.
    pub files: String,
    /// Archives in it that go there too.
    pub includes: Vec<String>,
    /// The function's name.
    pub name: String,
    /// The pickled class.
    pub command: Bytes,
    /// The arguments.
    pub arguments: Vec<QuestionArgument>,
}

/// An argument.
#[derive(Debug)]
pub struct QuestionArgument {
    /// Its type as Spark's JSON.
    pub data_type: String,
    /// Its pickled value, if it is a constant.
    pub value: Option<Vec<u8>>,
    /// Whether it is a table.
    pub is_table: bool,
    /// The keyword it is passed by.
    pub keyword: Option<String>,
}

impl Question {
    fn encode(&self, dialect: Dialect) -> Vec<u8> {
        let mut out = Writer::default();
        out.text(&self.python_version);
        out.files(&self.files, &self.includes, &BTreeMap::new());
        if dialect >= Dialect::V4_2 {
            // No settings.
            out.int(0);
        }
        out.text(&self.name);
        out.bytes(&self.command);
        out.int(self.arguments.len() as i32);
        for argument in &self.arguments {
            out.text(&argument.data_type);
            out.bool(argument.value.is_some());
            if let Some(value) = &argument.value {
                out.bytes(value);
            }
            out.bool(argument.is_table);
            out.bool(argument.keyword.is_some());
            if let Some(keyword) = &argument.keyword {
                out.text(keyword);
            }
        }
        out.int(END_OF_STREAM);
        out.into_bytes()
    }
}

/// Has a worker of the module `pyspark.sql.worker.analyze_udtf` answer.
///
/// # Errors
/// [`WorkerError::Raised`] with what the function says is wrong.
pub async fn analyze(worker: &Worker, question: &Question) -> Result<Analyzed, WorkerError> {
    let crashed = WorkerError::Crashed;
    let mut stream = worker.stream().map_err(crashed)?;
    stream.write_all(&question.encode(worker.dialect())).await.map_err(crashed)?;
    stream.flush().await.map_err(crashed)?;
    let mut answer = Answer(BufReader::new(stream));
    let schema = answer.text().await?;
    let result = answer.bytes().await?.into();
    let single_partition = answer.int().await? == 1;
    let mut partition_by = Vec::new();
    for _ in 0..answer.int().await? {
        partition_by.push(answer.text().await?);
    }
    let mut order_by = Vec::new();
    for _ in 0..answer.int().await? {
        let name = answer.text().await?;
        let ascending = answer.int().await? == 1;
        let nulls_first = match answer.int().await? {
            1 => Some(true),
            2 => Some(false),
            _ => None,
        };
        order_by.push(OrderingColumn { name, ascending, nulls_first });
    }
    let mut select = Vec::new();
    for _ in 0..answer.int().await? {
        select.push((answer.text().await?, answer.text().await?));
    }
    for _ in 0..answer.int().await? {
        // Updates of accumulators, which sessions over Spark Connect do not have.
        answer.bytes().await?;
    }
    match answer.int().await? {
        END_OF_STREAM => {}
        other => return Err(WorkerError::Protocol(format!("the number {other} at its end"))),
    }
    Ok(Analyzed { schema, result, single_partition, partition_by, order_by, select })
}

/// What a worker says; at each place it may say instead that the function raised an exception.
struct Answer<S>(BufReader<S>);

impl<S: tokio::io::AsyncRead + Unpin> Answer<S> {
    async fn plain(&mut self) -> Result<Vec<u8>, WorkerError> {
        let length = self.0.read_i32().await.map_err(WorkerError::Crashed)?;
        self.counted(length).await
    }

    async fn counted(&mut self, length: i32) -> Result<Vec<u8>, WorkerError> {
        let length =
            usize::try_from(length).map_err(|_| WorkerError::Protocol(format!("the length {length}")))?;
        let mut bytes = vec![0; length];
        self.0.read_exact(&mut bytes).await.map_err(WorkerError::Crashed)?;
        Ok(bytes)
    }

    async fn int(&mut self) -> Result<i32, WorkerError> {
        match self.0.read_i32().await.map_err(WorkerError::Crashed)? {
            EXCEPTION => {
                let traceback = self.plain().await?;
                Err(WorkerError::Raised(String::from_utf8_lossy(&traceback).into_owned()))
            }
            other => Ok(other),
        }
    }

    async fn bytes(&mut self) -> Result<Vec<u8>, WorkerError> {
        let length = self.int().await?;
        self.counted(length).await
    }

    async fn text(&mut self) -> Result<String, WorkerError> {
        String::from_utf8(self.bytes().await?)
            .map_err(|error| WorkerError::Protocol(format!("a text that is none: {error}")))
    }
}
