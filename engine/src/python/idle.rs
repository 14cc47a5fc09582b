//! How long a worker may do nothing that can be seen before it counts as idle.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use cerium_conf::{SparkConf, SparkDuration, TimeUnit};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::Instant;

use super::worker::WorkerError;

/// Spark's settings, those of the session before those of the application.
const SECONDS: [&str; 2] =
    ["spark.sql.execution.pyspark.udf.idleTimeoutSeconds", "spark.python.worker.idleTimeoutSeconds"];
const KILL: [&str; 2] =
    ["spark.sql.execution.pyspark.udf.killOnIdleTimeout", "spark.python.worker.killOnIdleTimeout"];

/// What a session says of idle workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// When a worker counts as idle; never where there is nothing.
    after: Option<Duration>,
    /// Whether it is killed then; else there is only a line in the log.
    kill: bool,
}

impl Patience {
    /// What the configuration says.
    pub fn of(conf: &SparkConf) -> Self {
        let first = |keys: [&str; 2]| keys.into_iter().find_map(|key| conf.get_str(key));
        let after = first(SECONDS).and_then(|text| SparkDuration::parse(text, TimeUnit::Seconds).ok());
        let after = after.map(SparkDuration::as_duration).filter(|after| !after.is_zero());
        Self { after, kill: first(KILL) == Some("true") }
    }

    /// Waits for a worker's work, but not for ever.
    ///
    /// # Errors
    /// [`WorkerError::Idle`] for a worker that is to be killed.
    pub async fn over<T, E: From<WorkerError>>(
        self,
        activity: &Activity,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let Some(after) = self.after else { return work.await };
        let mut work = pin!(work);
        loop {
            let left = after.saturating_sub(activity.idle());
            match tokio::time::timeout(left, &mut work).await {
                Ok(done) => return done,
                Err(_) if activity.idle() < after => {}
                Err(_) if self.kill => return Err(WorkerError::Idle(after.as_secs()).into()),
                Err(_) => {
                    tracing::warn!(seconds = after.as_secs(), "a Python worker neither reads nor writes");
                    activity.note();
                }
            }
        }
    }
}

/// When a worker was last seen to do something.
#[derive(Debug)]
pub struct Activity {
    start: Instant,
    /// Milliseconds after the start.
    last: AtomicU64,
    /// The worker waits for input that is still being made.
    starved: AtomicBool,
}

impl Activity {
    /// A worker that is active now.
    pub fn new() -> Arc<Self> {
        Arc::new(Self { start: Instant::now(), last: AtomicU64::new(0), starved: AtomicBool::new(false) })
    }

    /// It did something just now.
    pub fn note(&self) {
        self.last.store(self.start.elapsed().as_millis() as u64, Ordering::Relaxed);
    }

    /// Whether it has to wait for input.
    pub fn starve(&self, starved: bool) {
        self.note();
        self.starved.store(starved, Ordering::Relaxed);
    }

    fn idle(&self) -> Duration {
        if self.starved.load(Ordering::Relaxed) {
            return Duration::ZERO;
        }
        let last = Duration::from_millis(self.last.load(Ordering::Relaxed));
        self.start.elapsed().saturating_sub(last)
    }
}

/// Notes when something was read.
#[derive(Debug)]
pub struct Watched<R> {
    /// What is read.
    pub reader: R,
    /// Where it is noted.
    pub activity: Arc<Activity>,
}

impl<R: AsyncRead + Unpin> AsyncRead for Watched<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let read = ready!(Pin::new(&mut self.reader).poll_read(context, buffer));
        self.activity.note();
        Poll::Ready(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patience(settings: &[(&str, &str)]) -> Patience {
        let mut conf = SparkConf::new();
        for (key, value) in settings {
            conf.set(*key, *value);
        }
        Patience::of(&conf)
    }

    #[test]
    fn settings_of_the_session_come_before_those_of_the_application() {
        assert_eq!(patience(&[(SECONDS[0], "0ms")]), Patience { after: None, kill: false });
        let found = patience(&[(SECONDS[0], "2"), (SECONDS[1], "9s"), (KILL[1], "true")]);
        assert_eq!(found, Patience { after: Some(Duration::from_secs(2)), kill: true });
    }

    #[tokio::test]
    async fn a_worker_is_idle_unless_it_waits_for_input() {
        let patience = patience(&[(SECONDS[0], "1ms"), (KILL[0], "true")]);
        let activity = Activity::new();
        let endless = std::future::pending::<Result<(), WorkerError>>();
        let idle = patience.over(&activity, endless).await.unwrap_err();
        assert!(matches!(idle, WorkerError::Idle(_)), "{idle}");
        activity.starve(true);
        assert_eq!(activity.idle(), Duration::ZERO);
    }
}
