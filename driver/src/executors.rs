//! Where executors come from: the provider of an application and what it reports.

pub mod kubernetes;
pub mod local;

use std::fmt;

use cerium_conf::{ConfError, SparkConf};
use cerium_crds::progress::Progress;
use cerium_crds::scale::Scale;
use futures::future::BoxFuture;
use tokio::sync::mpsc;

/// Id of an executor within its application: counts from 1, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExecutorId(pub u64);

impl fmt::Display for ExecutorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why an executor is no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// In words, for the log and for the error that too many of them end in.
    pub reason: String,
    /// Whether the executor ended by itself (crashed, ran out of memory, could not start). Those
    /// count as failures; an executor that someone deleted does not.
    pub failed: bool,
}

/// What a provider reports about an executor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExecutorState {
    /// Not running yet, and why, as far as known.
    Pending(String),
    /// Its process runs; it registers with the scheduler by itself.
    Running,
    /// Ended, or never came to be. Reported once for each id, also for released ones.
    Exited(Exit),
}

/// A report about one executor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutorEvent {
    /// The executor.
    pub id: ExecutorId,
    /// Its new state.
    pub state: ExecutorState,
}

/// What a provider reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProviderEvent {
    /// Something about one executor.
    Executor(ExecutorEvent),
    /// Whoever watches over the application says anew how many executors it may have.
    Scale(Scale),
}

/// Where a provider's reports go.
pub type EventSender = mpsc::UnboundedSender<ProviderEvent>;

/// Starts and ends executors. Calls return at once; what became of them is reported as events.
pub trait ExecutorProvider: Send + Sync {
    /// Tells the provider where executors reach the scheduler and where to report to.
    fn start(&self, driver_url: String, events: EventSender);

    /// Sets what is best for these executors where the user says nothing.
    fn set_defaults(&self, _conf: &mut SparkConf) {}

    /// Executors requested from now on have the cores and memory of `conf`.
    ///
    /// # Errors
    /// A value that cannot be read; nothing has changed then.
    fn reconfigure(&self, conf: &SparkConf) -> Result<(), ConfError>;

    /// Starts executors with these ids.
    fn request(&self, ids: &[ExecutorId]);

    /// Ends these executors, whether they run already or not.
    fn release(&self, ids: &[ExecutorId]);

    /// Tells whoever watches the application how far it is.
    fn tell(&self, progress: Progress);

    /// Ends all executors, as the application is over.
    fn stop(&self) -> BoxFuture<'_, ()>;
}
