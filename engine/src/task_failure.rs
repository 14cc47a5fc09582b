//! The error of a task on its way back to the driver.
//!
//! Ballista reports a failed task as the `Debug` text of its error, nested and escaped. To keep
//! the user's message whole, the executor wraps the error in [`TaskFailure`], whose `Debug` form
//! is a marker that no quoting changes; the driver finds the marker in the job's error text.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;

use ballista_core::error::BallistaError;
use cerium_spark::error::SparkError;
use datafusion::arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use serde::{Deserialize, Serialize};

use crate::blocks::BLOCK_LOST;

const MARKER: &str = "cerium-task-failure:";

/// What went wrong in a task, as Spark would say it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskFailure {
    class: String,
    sql_state: String,
    message: String,
    params: BTreeMap<String, String>,
}

impl TaskFailure {
    /// The innermost cause of `error`.
    pub fn of(error: &DataFusionError) -> Self {
        let cause = cause(error);
        match cause.downcast_ref::<SparkError>() {
            Some(spark) => spark.clone().into(),
            // Wrappers may be shared, so the cause cannot be moved out; its text says all there is.
            None => SparkError::from(DataFusionError::Execution(message(cause))).into(),
        }
    }

    /// Whether a block of a cached plan could not be read.
    pub fn is_of_lost_block(&self) -> bool {
        self.class == BLOCK_LOST
    }

    /// Finds the failure within an error text that Ballista composed.
    pub fn find(text: &str) -> Option<Self> {
        let start = text.find(MARKER)? + MARKER.len();
        let digits = text[start..].split(|c: char| !c.is_ascii_hexdigit()).next()?;
        let bytes = (0..digits.len() / 2)
            .map(|i| u8::from_str_radix(digits.get(2 * i..2 * i + 2)?, 16).ok())
            .collect::<Option<Vec<u8>>>()?;
        serde_json::from_slice(&bytes).ok()
    }
}

impl From<SparkError> for TaskFailure {
    fn from(error: SparkError) -> Self {
        Self {
            class: error.class().to_string(),
            sql_state: error.sql_state().to_string(),
            message: error.message().to_string(),
            params: error.params().clone(),
        }
    }
}

impl From<TaskFailure> for SparkError {
    fn from(failure: TaskFailure) -> Self {
        failure
            .params
            .into_iter()
            .fold(Self::new(failure.class, failure.sql_state, failure.message), |error, (name, value)| {
                error.with_param(&name, value)
            })
    }
}

impl fmt::Display for TaskFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SparkError::from(self.clone()).fmt(f)
    }
}

impl fmt::Debug for TaskFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MARKER)?;
        let json = serde_json::to_vec(self).map_err(|_| fmt::Error)?;
        json.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(";")
    }
}

impl Error for TaskFailure {}

/// The innermost cause: what the wrappers of DataFusion, Arrow and Ballista are put around.
fn cause(error: &DataFusionError) -> &(dyn Error + 'static) {
    match error.find_root() {
        DataFusionError::ArrowError(arrow, _) => arrow_cause(arrow),
        DataFusionError::External(inner) => external_cause(inner.as_ref()),
        DataFusionError::Collection(errors) => errors.first().map_or(error, cause),
        root => root,
    }
}

fn arrow_cause(error: &ArrowError) -> &(dyn Error + 'static) {
    match error {
        ArrowError::ExternalError(inner) => external_cause(inner.as_ref()),
        other => other,
    }
}

fn external_cause<'a>(error: &'a (dyn Error + Send + Sync + 'static)) -> &'a (dyn Error + 'static) {
    if let Some(inner) = error.downcast_ref::<DataFusionError>() {
        return cause(inner);
    }
    match error.downcast_ref::<BallistaError>() {
        Some(BallistaError::DataFusionError(inner)) => cause(inner),
        Some(BallistaError::ArrowError(inner)) => arrow_cause(inner),
        Some(BallistaError::IoError(inner)) => inner,
        _ => error,
    }
}

/// The text of an error, without the name of its kind where that only says whose error it is.
fn message(error: &(dyn Error + 'static)) -> String {
    match error.downcast_ref::<DataFusionError>() {
        Some(
            DataFusionError::Execution(message)
            | DataFusionError::Plan(message)
            | DataFusionError::Configuration(message)
            | DataFusionError::ResourcesExhausted(message)
            | DataFusionError::NotImplemented(message),
        ) => message.clone(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn spark_error() -> SparkError {
        SparkError::new("CAST_INVALID_INPUT", "22018", "The value 'x\"\\y' of k\u{e4}se is malformed.")
            .with_param("expression", "'x\"'")
    }

    #[test]
    fn is_found_in_nested_debug_text() {
        let failure = DataFusionError::External(Box::new(TaskFailure::from(spark_error())));
        let nested = format!("Job failed: {:?}", format!("runtime error: {failure:?}"));
        assert_eq!(SparkError::from(TaskFailure::find(&nested).unwrap()), spark_error());
    }

    #[test]
    fn a_text_without_marker_has_none() {
        assert_eq!(TaskFailure::find("all executors were lost"), None);
        assert_eq!(TaskFailure::find("cerium-task-failure:zz"), None);
        assert_eq!(TaskFailure::find("cerium-task-failure:\u{e9}"), None);
    }

    #[test]
    fn wrappers_do_not_show() {
        let plain = DataFusionError::from(spark_error());
        let in_context = DataFusionError::Context("while".into(), Box::new(spark_error().into()));
        // As the shuffle writer wraps it.
        let arrow = ArrowError::ExternalError(Box::new(DataFusionError::from(spark_error())));
        let shuffle = BallistaError::ArrowError(Box::new(arrow));
        let shared = DataFusionError::Shared(Arc::new(shuffle.into_datafusion()));
        for error in [plain, in_context, shared] {
            assert_eq!(SparkError::from(TaskFailure::of(&error)), spark_error(), "{error:?}");
        }
    }

    #[test]
    fn errors_without_a_class_get_one() {
        let error = DataFusionError::ArrowError(Box::new(ArrowError::DivideByZero), None);
        assert_eq!(SparkError::from(TaskFailure::of(&error)).class(), "DIVIDE_BY_ZERO");
    }
}
