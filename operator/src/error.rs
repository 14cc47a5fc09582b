//! What errors have in common: what they are called in metrics, and when it is worth trying again.

use std::time::Duration;

/// When to try again after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// With growing pauses.
    Backoff,
    /// At once, with a fresh copy of the application.
    Reread,
}

/// What kind of answer a failed API call was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiFailure {
    /// Somebody else wrote in between.
    Conflict,
    /// The object is not there (any more).
    NotFound,
    /// The API server understood and refuses: permissions, quota, admission, validation.
    Refused,
    /// Everything that may be over in a moment: time-outs, an overloaded or restarting API server, the network.
    Transient,
}

impl ApiFailure {
    /// Classifies an error of the client.
    pub fn of(error: &kube::Error) -> ApiFailure {
        let kube::Error::Api(status) = error else { return ApiFailure::Transient };
        match status.code {
            409 => ApiFailure::Conflict,
            404 => ApiFailure::NotFound,
            // 401: our own token is being renewed. 408, 429: wait.
            401 | 408 | 429 => ApiFailure::Transient,
            400..=499 => ApiFailure::Refused,
            _ => ApiFailure::Transient,
        }
    }
}

/// An error of a step of reconciling.
pub trait Problem: std::error::Error {
    /// The step that failed, for metrics and logs: one of few constants.
    fn category(&self) -> &'static str;

    /// What kind of answer the failed call was.
    fn failure(&self) -> ApiFailure;

    /// When to try again.
    fn retry(&self) -> Retry {
        match self.failure() {
            ApiFailure::Conflict => Retry::Reread,
            ApiFailure::NotFound | ApiFailure::Refused | ApiFailure::Transient => Retry::Backoff,
        }
    }
}

/// The pause before a further attempt: 100 ms, doubled with each failure, at most five minutes.
pub fn backoff(failures: u32) -> Duration {
    Duration::from_millis(100).saturating_mul(1 << failures.min(12)).min(Duration::from_mins(5))
}

/// The error and what caused it, in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::core::Status;

    #[test]
    fn answers_of_the_api_server_are_told_apart() {
        let cases = [
            (409, ApiFailure::Conflict),
            (404, ApiFailure::NotFound),
            (403, ApiFailure::Refused),
            (422, ApiFailure::Refused),
            (429, ApiFailure::Transient),
            (500, ApiFailure::Transient),
            (503, ApiFailure::Transient),
        ];
        for (code, failure) in cases {
            let error = kube::Error::Api(Status::failure("", "").with_code(code).boxed());
            assert_eq!(ApiFailure::of(&error), failure, "{code}");
        }
    }

    #[test]
    fn pauses_double_up_to_five_minutes() {
        assert_eq!(backoff(0), Duration::from_millis(100));
        assert_eq!(backoff(3), Duration::from_millis(800));
        assert_eq!(backoff(12), Duration::from_mins(5));
        assert_eq!(backoff(u32::MAX), Duration::from_mins(5));
    }
}
