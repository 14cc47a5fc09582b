//! How a failure reaches the client: message, error class, and the Java classes by which clients
//! choose the exception they raise.

pub mod handle;
mod java;

use std::collections::HashMap;

use cerium_conf::ConfError;
use cerium_engine::python::worker::WorkerError;
use cerium_spark::error::{CallSite, QueryContext, SparkError};
use datafusion::error::DataFusionError;
use spark_connect_proto::fetch_error_details_response as details;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::driver::ExecuteError;
use crate::scheduler::{JobError, Repeated};
use crate::write::WriteError;

/// Characters of the message in the status; the rest is fetched. Headers have little room.
const MESSAGE_LIMIT: usize = 2048;
/// Bytes of one entry of the error information; Spark's `spark.connect.grpc.maxMetadataSize`.
const METADATA_LIMIT: usize = 1024;

/// A failure as a client is told it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    message: String,
    error: Option<SparkError>,
    java_class: &'static str,
    /// The task that failed too often.
    repeated: Option<Repeated>,
}

impl Failure {
    /// A failure without an error class.
    pub fn plain(java_class: &'static str, message: impl Into<String>) -> Self {
        Self { message: message.into(), error: None, java_class, repeated: None }
    }

    /// A message of the client that makes no sense.
    pub fn invalid_plan(message: impl Into<String>) -> Self {
        Self::plain(java::INVALID_PLAN_INPUT, message)
    }

    /// An argument that makes no sense.
    pub fn illegal_argument(message: impl Into<String>) -> Self {
        Self::plain(java::ILLEGAL_ARGUMENT, message)
    }

    /// The whole message.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The error with its class, if it has one.
    pub fn spark_error(&self) -> Option<&SparkError> {
        self.error.as_ref()
    }

    /// The failure in the words of an RDD's job: Spark tells the task first there, and of DataFrames its error alone.
    #[must_use]
    pub fn of_job(self) -> Self {
        match self.repeated {
            Some(task) if self.java_class == java::PYTHON => {
                Self { message: format!("{task}: {}: {}", java::PYTHON, self.message), ..self }
            }
            _ => self,
        }
    }

    /// The failure as a status without a way to ask for more.
    pub fn into_status(self) -> Status {
        self.status(None)
    }

    /// The failure as a status; `error_id` is what details can be fetched by.
    pub fn status(&self, error_id: Option<&str>) -> Status {
        let classes = java::hierarchy(self.java_class);
        let mut metadata = HashMap::from([("classes".to_owned(), json(&classes))]);
        if let Some(id) = error_id {
            metadata.insert("errorId".to_owned(), id.to_owned());
        }
        if let Some(error) = self.error.as_ref().filter(|error| !error.class().is_empty()) {
            metadata.insert("sqlState".to_owned(), error.sql_state().to_owned());
            let params = json(error.params());
            if params.len() <= METADATA_LIMIT {
                metadata.insert("errorClass".to_owned(), error.class().to_owned());
                metadata.insert("messageParameters".to_owned(), params);
            }
        }
        let details = ErrorDetails::with_error_info(self.java_class, "org.apache.spark", metadata);
        Status::with_error_details(Code::Internal, abbreviated(&self.message), details)
    }

    /// What FetchErrorDetails answers.
    pub fn details(&self) -> details::Error {
        let spark_throwable = self.error.as_ref().map(|error| details::SparkThrowable {
            error_class: Some(error.class().to_owned()),
            message_parameters: error.params().clone().into_iter().collect(),
            query_contexts: query_context(error).into_iter().collect(),
            sql_state: Some(error.sql_state().to_owned()),
            breaking_change_info: None,
        });
        details::Error {
            error_type_hierarchy: java::hierarchy(self.java_class).into_iter().map(str::to_owned).collect(),
            message: self.message.clone(),
            stack_trace: Vec::new(),
            cause_idx: None,
            spark_throwable,
        }
    }
}

fn json(value: &impl serde::Serialize) -> String {
    // Lists and maps of texts always have a JSON form.
    serde_json::to_string(value).unwrap_or_default()
}

/// The message, cut as Java's `StringUtils.abbreviate` does.
fn abbreviated(message: &str) -> String {
    match message.char_indices().nth(MESSAGE_LIMIT) {
        None => message.to_owned(),
        Some(_) => message.chars().take(MESSAGE_LIMIT - 3).chain("...".chars()).collect(),
    }
}

/// The place in the SQL text, or in the program, that an error of analysis is about.
fn query_context(error: &SparkError) -> Option<details::QueryContext> {
    if error.is_syntax_error() {
        return None;
    }
    if let Some(site) = error.call_site().filter(|_| java::class_of(error) == java::ANALYSIS) {
        let CallSite { fragment, call_site } = site.clone();
        return Some(details::QueryContext {
            context_type: details::query_context::ContextType::Dataframe.into(),
            summary: format!("== DataFrame ==\n\"{fragment}\" was called from\n{call_site}\n"),
            fragment,
            call_site,
            ..Default::default()
        });
    }
    let (position, QueryContext { text, .. }) = (error.position()?, error.context()?);
    let line_start: usize =
        text.split_inclusive('\n').take(position.line as usize - 1).map(|line| line.chars().count()).sum();
    let start = line_start + position.pos as usize;
    let fragment: String = text
        .chars()
        .skip(start)
        .take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '`'))
        .collect();
    let stop = start + fragment.chars().count().saturating_sub(1);
    Some(details::QueryContext {
        context_type: details::query_context::ContextType::Sql.into(),
        object_type: String::new(),
        object_name: String::new(),
        start_index: start as i32,
        stop_index: stop as i32,
        fragment,
        call_site: String::new(),
        summary: String::new(),
    })
}

impl From<SparkError> for Failure {
    fn from(error: SparkError) -> Self {
        // Clients put their own words before the traceback, and expect no class.
        if error.class() == WorkerError::PYTHON_EXCEPTION {
            let text = error.message();
            let traceback = text.strip_prefix(WorkerError::RAISED).unwrap_or(text).trim_start();
            // What the JVM would raise of a pickle is raised by the worker here.
            let last = traceback.trim_end().lines().next_back().unwrap_or_default();
            if let Some(problem) = last.strip_prefix("cerium_worker.plain.PickleException: ") {
                let message = format!("net.razorvine.pickle.PickleException: {problem}");
                return Self::plain(java::SPARK_EXCEPTION, message);
            }
            return Self::plain(java::PYTHON, traceback);
        }
        let (message, java_class) = (error.to_string(), java::class_of(&error));
        Self { message, java_class, error: Some(error), repeated: None }
    }
}

impl From<DataFusionError> for Failure {
    fn from(error: DataFusionError) -> Self {
        SparkError::from(error).into()
    }
}

impl From<ConfError> for Failure {
    fn from(error: ConfError) -> Self {
        Self::plain(java::ILLEGAL_ARGUMENT, error.to_string())
    }
}

impl From<ExecuteError> for Failure {
    fn from(error: ExecuteError) -> Self {
        match error {
            ExecuteError::Plan(error) => error.into(),
            ExecuteError::Job(JobError::Task(failure, repeated)) => {
                Self { repeated, ..SparkError::from(failure).into() }
            }
            ExecuteError::Conf(error) => error.into(),
            ExecuteError::Job(_)
            | ExecuteError::Result(_)
            | ExecuteError::Executors(_)
            | ExecuteError::CacheLost => Self::plain(java::SPARK_EXCEPTION, error.to_string()),
        }
    }
}

impl From<WriteError> for Failure {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Spark(error) => error.into(),
            WriteError::Plan(error) => error.into(),
            WriteError::Execute(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use tonic_types::StatusExt;

    use super::*;

    #[test]
    fn clients_find_class_state_and_parameters() {
        let failure = Failure::from(SparkError::table_not_found(&["t".to_owned()]));
        let status = failure.status(Some("id"));
        assert_eq!(status.code(), Code::Internal);
        let info = status.get_details_error_info().unwrap();
        assert_eq!(info.reason, "org.apache.spark.sql.AnalysisException");
        assert_eq!(info.domain, "org.apache.spark");
        assert_eq!(info.metadata["errorClass"], "TABLE_OR_VIEW_NOT_FOUND");
        assert_eq!(info.metadata["sqlState"], "42P01");
        assert_eq!(info.metadata["messageParameters"], r#"{"relationName":"`t`"}"#);
        assert_eq!(info.metadata["errorId"], "id");
        assert!(info.metadata["classes"].starts_with(r#"["org.apache.spark.sql.AnalysisException","#));
    }

    #[test]
    fn long_texts_do_not_burst_the_headers() {
        let error = SparkError::new("A", "42000", "ä".repeat(5000)).with_param("p", "x".repeat(5000));
        let failure = Failure::from(error);
        let status = failure.status(None);
        assert_eq!(status.message().chars().count(), MESSAGE_LIMIT);
        assert!(!status.get_details_error_info().unwrap().metadata.contains_key("messageParameters"));
        assert!(failure.details().message.chars().count() > 5000);
    }

    /// Spark's `DataFrameQueryContext`.
    #[test]
    fn the_call_in_the_program_is_told() {
        let site = CallSite { fragment: "col".into(), call_site: "/app/main.py:7".into() };
        let error = SparkError::column_not_found(&["nope".to_owned()], &[]).called_at(|| Some(site.clone()));
        let found = query_context(&error).unwrap();
        assert_eq!(found.context_type(), details::query_context::ContextType::Dataframe);
        assert_eq!((found.fragment, found.call_site), (site.fragment, site.call_site));
        assert_eq!(found.summary, "== DataFrame ==\n\"col\" was called from\n/app/main.py:7\n");
    }

    #[test]
    fn the_place_in_the_text_is_told() {
        use cerium_spark::error::Position;
        let context = QueryContext { text: "SELECT\n  nope FROM t".into(), line: 1, column: 1 };
        let error = SparkError::column_not_found(&["nope".to_owned()], &[])
            .at(Some(Position { line: 2, pos: 2 }))
            .in_statement(context);
        let found = query_context(&error).unwrap();
        assert_eq!((found.start_index, found.stop_index, found.fragment.as_str()), (9, 12, "nope"));
    }
}
