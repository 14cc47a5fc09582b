//! Asks Python table functions about their calls, in workers of the driver.

use std::time::Duration;

use cerium_conf::SparkConf;
use cerium_spark::error::SparkError;
use cerium_spark::python::analyze::{AnalyzeCall, Analyzed, failed_to_analyze};

use super::files::place;
use super::idle::{Activity, Patience};
use super::pickle::pickled;
use super::worker::planner::{self, Question, QuestionArgument};
use super::worker::{Dialect, Interpreter, WorkerError, Workers};

/// How long the session's files may take to come, while planning waits.
const FILES_TIMEOUT: Duration = Duration::from_mins(2);

/// Runs the method `analyze` of a call's function.
///
/// # Errors
/// TABLE_VALUED_FUNCTION_FAILED_TO_ANALYZE_IN_PYTHON with what the method raises; why Python does not
/// run.
pub async fn analyze(conf: &SparkConf, call: &AnalyzeCall<'_>) -> Result<Analyzed, SparkError> {
    let files = tokio::time::timeout(FILES_TIMEOUT, place(conf)).await;
    let files = files.unwrap_or_else(|_| {
        let why = format!("not there within {} seconds", FILES_TIMEOUT.as_secs());
        Err(WorkerError::Fetch("of the session".to_owned(), why))
    })?;
    let interpreter = Interpreter::of(conf).planning(conf).within(&files.folder);
    let worker = Workers::shared().take(&interpreter, &files).await?;
    if worker.dialect() < Dialect::V4_0 {
        return Err(SparkError::unsupported(format!(
            "the table function {} with a method `analyze`, which PySpark knows from 4.0 on",
            call.function.name
        )));
    }
    let mut arguments = Vec::with_capacity(call.arguments.len());
    for argument in &call.arguments {
        arguments.push(QuestionArgument {
            data_type: argument.data_type.clone(),
            value: argument.value.as_ref().map(pickled).transpose()?,
            is_table: argument.is_table,
            keyword: argument.keyword.clone(),
        });
    }
    let mut includes = call.function.includes.clone();
    includes.extend(files.includes.iter().cloned());
    let question = Question {
        python_version: call.function.python_version.clone(),
        files: files.folder.display().to_string(),
        includes,
        name: call.function.name.clone(),
        command: call.function.command.clone(),
        arguments,
    };
    let answer = Patience::of(conf).over(&Activity::new(), planner::analyze(&worker, &question)).await;
    match answer {
        Ok(analyzed) => {
            Workers::shared().give_back(&interpreter, worker);
            Ok(analyzed)
        }
        Err(WorkerError::Raised(traceback)) => Err(failed_to_analyze(&traceback)),
        Err(error) => Err(interpreter.fault(worker.pid()).unwrap_or(error).into()),
    }
}
