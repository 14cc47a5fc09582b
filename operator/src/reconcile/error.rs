//! What can go wrong in a pass over an application.

use crate::apply::ApplyError;
use crate::error::{ApiFailure, Problem};
use crate::observe::ObserveError;
use crate::status::StatusError;

/// A pass that could not be finished.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// Looking at the pods failed.
    #[error(transparent)]
    Observe(ObserveError),
    /// Making or removing an object failed.
    #[error(transparent)]
    Apply(ApplyError),
    /// Writing the status failed.
    #[error(transparent)]
    Status(StatusError),
    /// The specification has no form in JSON: a fault of the operator.
    #[error("internal: failed to take the fingerprint of SparkApplication {name}")]
    Fingerprint {
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// Reading the application again failed.
    #[error("failed to read SparkApplication {name}")]
    Read {
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: kube::Error,
    },
}

impl Problem for ReconcileError {
    fn category(&self) -> &'static str {
        match self {
            ReconcileError::Observe(error) => error.category(),
            ReconcileError::Apply(error) => error.category(),
            ReconcileError::Status(error) => error.category(),
            ReconcileError::Read { .. } => "read",
            ReconcileError::Fingerprint { .. } => "fingerprint",
        }
    }

    fn failure(&self) -> ApiFailure {
        match self {
            ReconcileError::Observe(error) => error.failure(),
            ReconcileError::Apply(error) => error.failure(),
            ReconcileError::Status(error) => error.failure(),
            ReconcileError::Read { source, .. } => ApiFailure::of(source),
            ReconcileError::Fingerprint { .. } => ApiFailure::Transient,
        }
    }
}
