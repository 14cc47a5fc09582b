//! How far a driver is: what it writes on its own pod and the operator copies into the status.

use std::str::FromStr;

/// Annotation of the driver pod with the driver's [`Progress`] in its text form.
pub const PROGRESS_ANNOTATION: &str = "cerium.dev/progress";

/// Stages and tasks of all jobs that the driver has planned so far, and how many of them are done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Stages that are done.
    pub completed_stages: u64,
    /// Stages planned so far.
    pub stages: u64,
    /// Tasks that are done.
    pub completed_tasks: u64,
    /// Tasks planned so far.
    pub tasks: u64,
}

/// A text that is no progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("progress is written as \"stages 1/2, tasks 30/40\"")]
pub struct ProgressError;

impl std::fmt::Display for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Progress { completed_stages, stages, completed_tasks, tasks } = self;
        write!(f, "stages {completed_stages}/{stages}, tasks {completed_tasks}/{tasks}")
    }
}

impl FromStr for Progress {
    type Err = ProgressError;

    fn from_str(text: &str) -> Result<Progress, ProgressError> {
        let (stages, tasks) =
            text.strip_prefix("stages ").and_then(|rest| rest.split_once(", tasks ")).ok_or(ProgressError)?;
        let counts = |text: &str| -> Result<(u64, u64), ProgressError> {
            let (done, all) = text.split_once('/').ok_or(ProgressError)?;
            let number = |text: &str| text.parse().map_err(|_| ProgressError);
            Ok((number(done)?, number(all)?))
        };
        let ((completed_stages, stages), (completed_tasks, tasks)) = (counts(stages)?, counts(tasks)?);
        Ok(Progress { completed_stages, stages, completed_tasks, tasks })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_read_as_it_is_written() {
        let progress = Progress { completed_stages: 1, stages: 2, completed_tasks: 30, tasks: 40 };
        assert_eq!(progress.to_string(), "stages 1/2, tasks 30/40");
        assert_eq!("stages 1/2, tasks 30/40".parse(), Ok(progress));
        for text in
            ["", "stages 1/2", "stages 1/2, tasks 3", "stages -1/2, tasks 3/4", "tasks 1/2, stages 3/4"]
        {
            assert_eq!(text.parse::<Progress>(), Err(ProgressError), "{text}");
        }
    }
}
