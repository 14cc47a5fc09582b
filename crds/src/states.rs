//! The states of applications, drivers and executors, as the status spells them.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Declares an enum that is a plain string in the API. The schema has no `enum`, as others may write a
/// status too; a string that is not listed reads as the variant after `else`.
macro_rules! states {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* } else $fallback:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            /// All values, in the order of a life.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The value as the status spells it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self::ALL.iter().copied().find(|state| state.as_str() == text).unwrap_or(Self::$fallback)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Cow::<str>::deserialize(deserializer).map(|text| Self::from(&*text))
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string" })
            }
        }
    };
}

states! {
    /// The state of a SparkApplication (`status.applicationState.state`).
    #[derive(Default)]
    ApplicationStateType {
        /// Not looked at yet.
        #[default]
        New = "",
        /// The driver pod exists and does not run yet.
        Submitted = "SUBMITTED",
        /// The driver runs.
        Running = "RUNNING",
        /// The driver ended well; what follows from the restart policy is still to be done.
        Succeeding = "SUCCEEDING",
        /// Ended well. Final.
        Completed = "COMPLETED",
        /// The driver failed; what follows from the restart policy is still to be done.
        Failing = "FAILING",
        /// Failed. Final.
        Failed = "FAILED",
        /// The driver pod could not be created.
        SubmissionFailed = "SUBMISSION_FAILED",
        /// Waits for what the last run left to be gone before it runs again.
        PendingRerun = "PENDING_RERUN",
        /// The spec changed: the run is being stopped, to run again as the new spec says.
        Invalidating = "INVALIDATING",
        /// `spec.suspend` was set: the pods are being deleted.
        Suspending = "SUSPENDING",
        /// Suspended, without pods.
        Suspended = "SUSPENDED",
        /// `spec.suspend` was taken back: about to be submitted again.
        Resuming = "RESUMING",
        /// The driver's node does not answer.
        Unknown = "UNKNOWN",
    } else Unknown
}

impl ApplicationStateType {
    /// Whether the application has ended for good.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }
}

states! {
    /// The state of a driver, derived from its pod and its Spark container.
    DriverState {
        Pending = "PENDING",
        Running = "RUNNING",
        Completed = "COMPLETED",
        Failed = "FAILED",
        Unknown = "UNKNOWN",
    } else Unknown
}

states! {
    /// The state of an executor (`status.executorState`).
    ExecutorState {
        Pending = "PENDING",
        Running = "RUNNING",
        Completed = "COMPLETED",
        Failed = "FAILED",
        Unknown = "UNKNOWN",
    } else Unknown
}

impl ExecutorState {
    /// Whether the executor has ended.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }
}

states! {
    /// The state of a ScheduledSparkApplication (`status.scheduleState`).
    ScheduleState {
        /// Not looked at yet.
        New = "",
        /// The schedule is valid and the next run is known.
        Scheduled = "Scheduled",
        /// The schedule cannot be understood; `status.reason` says why.
        FailedValidation = "FailedValidation",
    } else New
}

states! {
    /// The state of a SparkConnect server (`status.state`).
    SparkConnectState {
        /// Not looked at yet.
        New = "",
        /// The server pod is being created.
        Provisioning = "Provisioning",
        /// The server answers.
        Ready = "Ready",
        /// The server does not answer.
        NotReady = "NotReady",
        /// The server cannot be started.
        Failed = "Failed",
    } else New
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_reads_back_from_its_text() {
        for state in ApplicationStateType::ALL {
            assert_eq!(ApplicationStateType::from(state.as_str()), *state);
        }
        for state in ExecutorState::ALL {
            assert_eq!(ExecutorState::from(state.as_str()), *state);
        }
    }

    #[test]
    fn a_state_of_a_newer_version_reads_as_unknown() {
        let state: ApplicationStateType = serde_json::from_str("\"TELEPORTING\"").unwrap();
        assert_eq!(state, ApplicationStateType::Unknown);
    }

    #[test]
    fn only_completed_and_failed_are_final() {
        let terminal: Vec<_> = ApplicationStateType::ALL.iter().filter(|s| s.is_terminal()).collect();
        assert_eq!(terminal, [&ApplicationStateType::Completed, &ApplicationStateType::Failed]);
    }
}
