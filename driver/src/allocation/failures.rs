//! Counting executors that failed: how many are too many, and how long to wait before the next try.

use std::collections::VecDeque;
use std::time::Duration;

use cerium_conf::{ConfError, SparkConf, SparkDuration, keys};

/// Pause after the first failure in a row; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The failures of an application's executors.
#[derive(Debug)]
pub struct Failures {
    /// `spark.executor.maxNumFailures`, or Spark's default where the number of executors is bounded.
    limit: Option<usize>,
    /// `spark.executor.failuresValidityInterval`: older failures no longer count.
    validity: Option<Duration>,
    times: VecDeque<Duration>,
    /// Failures since an executor last registered.
    in_a_row: u32,
    next_try: Duration,
}

impl Failures {
    /// The limits an application asks for; `most` is how many executors it can have at a time.
    pub fn from_conf(conf: &SparkConf, most: Option<usize>) -> Result<Self, ConfError> {
        let explicit = conf.get(&keys::EXECUTOR_MAX_NUM_FAILURES)?.map(|limit| limit as usize);
        let validity = conf.get(&keys::EXECUTOR_FAILURES_VALIDITY_INTERVAL)?.map(SparkDuration::as_duration);
        Ok(Self::new(explicit.or(most.map(default_limit)), validity))
    }

    fn new(limit: Option<usize>, validity: Option<Duration>) -> Self {
        Self { limit, validity, times: VecDeque::new(), in_a_row: 0, next_try: Duration::ZERO }
    }

    /// From now on as many failures are too many as for an application started with `other`.
    pub fn follow(&mut self, other: &Self) {
        self.limit = other.limit;
    }

    /// Counts a failure; `executors` is the number of executors left. Answers with the limit when
    /// it is exceeded. Where the number of executors is not bounded, it follows their number.
    pub fn add(&mut self, now: Duration, executors: usize) -> Option<usize> {
        self.times.push_back(now);
        if let Some(validity) = self.validity {
            while self.times.front().is_some_and(|time| *time + validity < now) {
                self.times.pop_front();
            }
        }
        let pause = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(self.in_a_row)).min(LONGEST_PAUSE);
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.next_try = now + pause;
        let limit = self.limit.unwrap_or_else(|| default_limit(executors + 1));
        (self.times.len() > limit).then_some(limit)
    }

    /// An executor has registered, so they can start.
    pub fn recovered(&mut self) {
        self.in_a_row = 0;
    }

    /// Whether the pause after the last failure is over.
    pub fn may_request(&self, now: Duration) -> bool {
        now >= self.next_try
    }
}

/// Spark's default of `spark.executor.maxNumFailures`.
fn default_limit(executors: usize) -> usize {
    executors.saturating_mul(2).max(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    // Spark: max(3, 2 x executors), and more than that many are too many.
    #[test]
    fn the_limit_is_three_or_twice_the_executors() {
        for (executors, limit) in [(1, 3), (2, 4), (5, 10)] {
            let mut failures = Failures::new(Some(default_limit(executors)), None);
            for _ in 0..limit {
                assert_eq!(failures.add(secs(0), executors), None);
            }
            assert_eq!(failures.add(secs(0), executors), Some(limit));
        }
    }

    #[test]
    fn old_failures_do_not_count() {
        let mut failures = Failures::new(Some(1), Some(secs(60)));
        assert_eq!(failures.add(secs(0), 1), None);
        assert_eq!(failures.add(secs(61), 1), None);
        assert_eq!(failures.add(secs(62), 1), Some(1));
    }

    #[test]
    fn pauses_grow_until_an_executor_registers() {
        let mut failures = Failures::new(None, None);
        failures.add(secs(0), 9);
        assert!(!failures.may_request(Duration::from_millis(499)));
        assert!(failures.may_request(Duration::from_millis(500)));
        failures.add(secs(1), 9);
        assert!(!failures.may_request(Duration::from_millis(1999)));
        assert!(failures.may_request(secs(2)));
        failures.recovered();
        failures.add(secs(10), 9);
        assert!(failures.may_request(Duration::from_millis(10_500)));
    }
}
