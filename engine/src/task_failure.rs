//! The error of a task on its way back to the driver.
//!
//! Ballista reports a failed task as the `Debug` text of its error, nested and escaped. To keep
//! the user's message whole, the executor wraps the error in [`TaskFailure`], whose `Debug` form
//! is a marker that no quoting changes; the driver finds the marker in the job's error text.

use std::error::Error;
use std::fmt;

use ballista_core::error::BallistaError;
use datafusion::arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use serde::{Deserialize, Serialize};

const MARKER: &str = "cerium-task-failure:";

/// What went wrong in a task, in words meant for the user.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskFailure {
    message: String,
}

impl TaskFailure {
    /// A failure with this message.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }

    /// The message of the innermost cause of `error`.
    pub fn of(error: &DataFusionError) -> Self {
        Self::new(message(cause(error)))
    }

    /// The text for the user.
    pub fn message(&self) -> &str {
        &self.message
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

impl fmt::Display for TaskFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
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

    const TEXT: &str = "Cast error: cannot cast \"x'\\y\" to Int32; käse";

    #[test]
    fn is_found_in_nested_debug_text() {
        let failure = DataFusionError::External(Box::new(TaskFailure::new(TEXT)));
        let nested = format!("Job failed: {:?}", format!("runtime error: {failure:?}"));
        assert_eq!(TaskFailure::find(&nested).unwrap().message(), TEXT);
    }

    #[test]
    fn a_text_without_marker_has_none() {
        assert_eq!(TaskFailure::find("all executors were lost"), None);
        assert_eq!(TaskFailure::find("cerium-task-failure:zz"), None);
        assert_eq!(TaskFailure::find("cerium-task-failure:é"), None);
    }

    #[test]
    fn wrappers_do_not_show() {
        let inner = DataFusionError::Execution("division by zero".into());
        let error = DataFusionError::Context("while".into(), Box::new(inner));
        assert_eq!(TaskFailure::of(&error).message(), "division by zero");
        // As the shuffle writer wraps it.
        let arrow = BallistaError::from(ArrowError::CastError("Cannot cast 'x'".into()));
        let error = DataFusionError::Shared(Arc::new(arrow.into_datafusion()));
        assert_eq!(TaskFailure::of(&error).message(), "Cast error: Cannot cast 'x'");
    }
}
