//! Keeps the right number of executors: compares load with executors, asks the provider for more,
//! replaces lost ones and releases idle ones.

mod failures;
mod policy;
mod roster;

use std::sync::Arc;
use std::time::Duration;

use cerium_conf::{ConfError, SparkConf};
use cerium_crds::scale::Scale;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::executors::{ExecutorEvent, ExecutorId, ExecutorProvider, ExecutorState, ProviderEvent};
use crate::scheduler::Scheduler;
use failures::Failures;
pub use policy::{DynamicPolicy, DynamicSettings, Policy};
use roster::Roster;

/// How often load and executors are compared; Spark's interval.
const INTERVAL: Duration = Duration::from_millis(100);

/// Executors cannot be had, so the application cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Max number of executor failures ({limit}) reached; the last one: {last}")]
pub struct TooManyFailures {
    /// `spark.executor.maxNumFailures` or its default.
    pub limit: usize,
    /// Reason of the last failure.
    pub last: String,
}

/// The running allocation of one application.
pub struct Allocation {
    replacements: mpsc::UnboundedSender<Rules>,
    fatal: watch::Receiver<Option<TooManyFailures>>,
    task: JoinHandle<()>,
}

impl Drop for Allocation {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Allocation {
    /// Starts allocating executors of `provider` for `scheduler` as `conf` says.
    pub fn start(
        conf: &SparkConf,
        scheduler: Scheduler,
        provider: Arc<dyn ExecutorProvider>,
    ) -> Result<Self, ConfError> {
        let rules = Rules::of(conf.clone())?;
        let (event_sender, events) = mpsc::unbounded_channel();
        provider.start(scheduler.url(), event_sender);
        let (fatal_sender, fatal) = watch::channel(None);
        let (replacements, replaced) = mpsc::unbounded_channel();
        let allocator = Allocator {
            scheduler,
            provider,
            rules,
            roster: Roster::default(),
            started: Instant::now(),
            fatal: fatal_sender,
        };
        Ok(Self { replacements, fatal, task: tokio::spawn(allocator.run(events, replaced)) })
    }

    /// Lets all executors go and allocates as `conf` says. For an application that has run nothing yet:
    /// tasks of the executors would be lost.
    ///
    /// # Errors
    /// A value that cannot be read, or that contradicts another; nothing has changed then.
    pub fn restart(&self, conf: &SparkConf) -> Result<(), ConfError> {
        let rules = Rules::of(conf.clone())?;
        // Nobody receives it where too many executors have failed; jobs end with that.
        let _ = self.replacements.send(rules);
        Ok(())
    }

    /// Ends it: no executors are requested or released any more.
    pub fn stop(&self) {
        self.task.abort();
    }

    /// Waits until too many executors have failed.
    pub async fn failed(&self) -> TooManyFailures {
        let mut fatal = self.fatal.clone();
        match fatal.wait_for(Option::is_some).await.ok().and_then(|found| found.clone()) {
            Some(failure) => failure,
            // The allocator is gone without having failed: it was stopped, together with the application.
            None => std::future::pending().await,
        }
    }
}

/// How many executors there are to be, and how many may fail.
struct Rules {
    conf: SparkConf,
    policy: Policy,
    failures: Failures,
}

impl Rules {
    fn of(conf: SparkConf) -> Result<Self, ConfError> {
        let policy = Policy::from_conf(&conf)?;
        let failures = Failures::from_conf(&conf, policy.most())?;
        Ok(Self { conf, policy, failures })
    }

    /// The same application with another number of executors. Answers whether that is another one.
    fn rescale(&mut self, scale: &Scale) -> Result<bool, ConfError> {
        let next = Self::of(scale.on(self.conf.clone()))?;
        if next.conf == self.conf {
            return Ok(false);
        }
        self.conf = next.conf;
        self.policy.follow(next.policy);
        self.failures.follow(&next.failures);
        Ok(true)
    }
}

struct Allocator {
    scheduler: Scheduler,
    provider: Arc<dyn ExecutorProvider>,
    rules: Rules,
    roster: Roster,
    started: Instant,
    fatal: watch::Sender<Option<TooManyFailures>>,
}

impl Allocator {
    async fn run(
        mut self,
        mut events: mpsc::UnboundedReceiver<ProviderEvent>,
        mut replaced: mpsc::UnboundedReceiver<Rules>,
    ) {
        let mut ticks = tokio::time::interval(INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Some(ProviderEvent::Executor(event)) => self.on_event(event).await,
                    Some(ProviderEvent::Scale(scale)) => self.rescale(&scale),
                    None => return,
                },
                Some(rules) = replaced.recv() => self.restart(rules).await,
                _ = ticks.tick() => self.balance().await,
            }
            if self.fatal.borrow().is_some() {
                return;
            }
        }
    }

    fn rescale(&mut self, scale: &Scale) {
        match self.rules.rescale(scale) {
            Ok(true) => tracing::info!("the application may have other executors: {scale}"),
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "the number of executors stays as it is"),
        }
    }

    async fn restart(&mut self, rules: Rules) {
        self.rules = rules;
        let ids = self.roster.release_all();
        tracing::info!(count = ids.len(), "replacing executors, as the program asks for others");
        for id in &ids {
            self.scheduler.remove_executor(&id.to_string(), "replaced").await;
        }
        self.provider.release(&ids);
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    async fn on_event(&mut self, event: ExecutorEvent) {
        let ExecutorEvent { id, state } = event;
        match state {
            ExecutorState::Pending(reason) => tracing::info!(executor = %id, "executor is pending: {reason}"),
            ExecutorState::Running => {
                tracing::info!(executor = %id, "executor started");
                self.roster.started(id, self.now());
            }
            ExecutorState::Exited(exit) => {
                let expected = self.roster.remove(id);
                self.scheduler.remove_executor(&id.to_string(), &exit.reason).await;
                if expected {
                    tracing::info!(executor = %id, "executor ended: {}", exit.reason);
                    return;
                }
                tracing::warn!(executor = %id, "lost executor: {}", exit.reason);
                if exit.failed {
                    self.count_failure(&exit.reason);
                }
            }
        }
    }

    fn count_failure(&mut self, reason: &str) {
        let now = self.now();
        if let Some(limit) = self.rules.failures.add(now, self.roster.len()) {
            let failure = TooManyFailures { limit, last: reason.to_string() };
            tracing::error!("{failure}");
            self.fatal.send_replace(Some(failure));
        }
    }

    async fn balance(&mut self) {
        let now = self.now();
        let load = self.scheduler.load().await;
        let registered =
            load.executors.iter().filter_map(|executor| executor.id.parse().ok()).map(ExecutorId);
        if self.roster.observe(now, registered) {
            self.rules.failures.recovered();
        }
        for (id, reason) in self.roster.overdue(now) {
            tracing::warn!(executor = %id, "giving up executor: {reason}");
            self.scheduler.remove_executor(&id.to_string(), &reason).await;
            self.provider.release(&[id]);
            self.count_failure(&reason);
        }

        let decision = self.rules.policy.decide(now, &load);
        for executor_id in decision.release {
            let Ok(id) = executor_id.parse().map(ExecutorId) else { continue };
            if self.scheduler.fence(&executor_id).await {
                tracing::info!(executor = %id, "releasing idle executor");
                self.roster.release(id);
                self.scheduler.remove_executor(&executor_id, "released as it was idle").await;
                self.provider.release(&[id]);
            }
        }
        let surplus = self.roster.surplus(decision.target);
        if !surplus.is_empty() {
            tracing::info!(count = surplus.len(), "withdrawing requests for executors no longer needed");
            self.provider.release(&surplus);
        }
        if self.rules.failures.may_request(now) {
            let wanted = self.roster.request(decision.target);
            if !wanted.is_empty() {
                tracing::info!(count = wanted.len(), target = decision.target, "requesting executors");
                self.provider.request(&wanted);
            }
        }
    }
}
