//! Tells now and then how far the application is, to whoever watches it.

use std::sync::Arc;
use std::time::Duration;

use cerium_crds::progress::Progress;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use crate::executors::ExecutorProvider;
use crate::scheduler::{JobOutcome, JobRecord, Scheduler, StageState};

/// Pause between two reports. Each is a write to the API server, and one of the operator follows.
const INTERVAL: Duration = Duration::from_secs(10);

/// The running reports of one application.
pub struct Reporting {
    teller: Arc<Teller>,
    task: JoinHandle<()>,
}

struct Teller {
    scheduler: Scheduler,
    provider: Arc<dyn ExecutorProvider>,
    told: Mutex<Progress>,
}

impl Drop for Reporting {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Reporting {
    /// Starts telling `provider` how far the jobs of `scheduler` are.
    pub fn start(scheduler: Scheduler, provider: Arc<dyn ExecutorProvider>) -> Self {
        let teller = Arc::new(Teller { scheduler, provider, told: Mutex::default() });
        let task = tokio::spawn({
            let teller = teller.clone();
            async move {
                loop {
                    tokio::time::sleep(INTERVAL).await;
                    teller.tell().await;
                }
            }
        });
        Self { teller, task }
    }

    /// Tells it for the last time.
    pub async fn stop(&self) {
        self.task.abort();
        self.teller.tell().await;
    }
}

impl Teller {
    async fn tell(&self) {
        let progress = progress(&self.scheduler.report().await.jobs);
        let mut told = self.told.lock().await;
        if *told != progress {
            *told = progress;
            self.provider.tell(progress);
        }
    }
}

/// Stages and tasks of all these jobs. What a job that ended did not come to is no longer planned.
fn progress(jobs: &[JobRecord]) -> Progress {
    let mut progress = Progress::default();
    for job in jobs {
        for stage in &job.stages {
            let complete = stage.state == StageState::Complete || job.state == JobOutcome::Succeeded;
            let completed = if complete { stage.tasks } else { stage.completed };
            let ended = job.state != JobOutcome::Running;
            progress.completed_stages += u64::from(complete);
            progress.stages += u64::from(complete || !ended);
            progress.completed_tasks += completed as u64;
            progress.tasks += if ended { completed } else { stage.tasks.max(completed) } as u64;
        }
    }
    progress
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheduler::StageSummary;

    #[test]
    fn a_job_that_ended_leaves_nothing_to_do() {
        let stage = |state: StageState, completed: usize, tasks: usize| StageSummary {
            state,
            tasks,
            completed,
            ..StageSummary::default()
        };
        let of = |state: JobOutcome| {
            let job = JobRecord {
                tags: Vec::new(),
                number: 0,
                description: String::new(),
                submitted: jiff::Timestamp::UNIX_EPOCH,
                ended: None,
                state,
                first_stage: 0,
                stages: vec![
                    stage(StageState::Complete, 4, 4),
                    stage(StageState::Active, 1, 8),
                    stage(StageState::Pending, 0, 3),
                ],
            };
            progress(&[job]).to_string()
        };
        assert_eq!(of(JobOutcome::Running), "stages 1/3, tasks 5/15");
        assert_eq!(of(JobOutcome::Succeeded), "stages 3/3, tasks 15/15");
        assert_eq!(of(JobOutcome::Failed("because".into())), "stages 1/1, tasks 5/5");
    }
}
