//! How many executors there should be, and which idle ones may go: pure decisions over a load and a clock.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use cerium_conf::{ConfError, SparkConf, SparkDuration, keys};

use crate::scheduler::ClusterLoad;

/// Settings of dynamic allocation.
#[derive(Debug, Clone, PartialEq)]
pub struct DynamicSettings {
    /// `spark.dynamicAllocation.minExecutors`.
    pub min: usize,
    /// `spark.dynamicAllocation.maxExecutors`.
    pub max: usize,
    /// The first target.
    pub initial: usize,
    /// Idle time after which an executor is released.
    pub idle_timeout: Duration,
    /// How long tasks must wait before the first executor is added.
    pub backlog_timeout: Duration,
    /// How long tasks must go on waiting before more are added.
    pub sustained_timeout: Duration,
    /// Share of the executors that full parallelism would need.
    pub ratio: f64,
    /// Tasks one executor runs at a time.
    pub slots: usize,
}

/// What is wanted of the provider.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decision {
    /// Executors there should be.
    pub target: usize,
    /// Idle executors to release.
    pub release: Vec<String>,
}

/// How many executors an application has.
#[derive(Debug)]
pub enum Policy {
    /// Always this many: `spark.executor.instances`.
    Fixed(usize),
    /// As many as its tasks need.
    Dynamic(Box<DynamicPolicy>),
}

impl Policy {
    /// The policy an application asks for.
    pub fn from_conf(conf: &SparkConf) -> Result<Self, ConfError> {
        let instances = conf.get(&keys::EXECUTOR_INSTANCES)?;
        if !conf.get(&keys::DYNAMIC_ALLOCATION_ENABLED)? {
            return Ok(Self::Fixed(instances.unwrap_or(DEFAULT_INSTANCES) as usize));
        }
        let settings = DynamicSettings::from_conf(conf)?;
        Ok(Self::Dynamic(Box::new(DynamicPolicy::new(settings))))
    }

    /// Goes on as `next` has it, without forgetting who has been idle since when.
    pub fn follow(&mut self, next: Self) {
        match (self, next) {
            (Self::Dynamic(policy), Self::Dynamic(next)) => policy.follow(next.settings),
            (policy, next) => *policy = next,
        }
    }

    /// The decision for this moment. `now` is the time since the application started.
    pub fn decide(&mut self, now: Duration, load: &ClusterLoad) -> Decision {
        match self {
            Self::Fixed(count) => Decision { target: *count, release: beyond(load, *count) },
            Self::Dynamic(policy) => policy.decide(now, load),
        }
    }

    /// Most executors there can ever be; `None` where that is not bounded.
    pub fn most(&self) -> Option<usize> {
        match self {
            Self::Fixed(count) => Some(*count),
            Self::Dynamic(policy) => Some(policy.settings.max).filter(|max| *max < UNBOUNDED),
        }
    }
}

/// Executors where `spark.executor.instances` is not set, as in Spark.
pub const DEFAULT_INSTANCES: u32 = 2;
/// Stands for no upper bound.
const UNBOUNDED: usize = i32::MAX as usize;

/// Idle executors, no more than there are above `most`. Busy ones go when they are done, holders of output
/// when nobody needs it any more.
fn beyond(load: &ClusterLoad, most: usize) -> Vec<String> {
    let idle = load.executors.iter().rev().filter(|one| one.running_tasks == 0 && !one.holds_shuffle);
    idle.take(load.executors.len().saturating_sub(most)).map(|executor| executor.id.clone()).collect()
}

impl DynamicSettings {
    /// Reads and checks the settings.
    pub fn from_conf(conf: &SparkConf) -> Result<Self, ConfError> {
        let min = conf.get(&keys::DYNAMIC_ALLOCATION_MIN_EXECUTORS)? as usize;
        let max = conf.get(&keys::DYNAMIC_ALLOCATION_MAX_EXECUTORS)?.map_or(UNBOUNDED, |max| max as usize);
        if min > max {
            return Err(ConfError::new(
                "spark.dynamicAllocation.minExecutors",
                &min.to_string(),
                format!("must not be greater than spark.dynamicAllocation.maxExecutors, which is {max}"),
            ));
        }
        let initial = conf.get(&keys::DYNAMIC_ALLOCATION_INITIAL_EXECUTORS)?.unwrap_or(0) as usize;
        let instances = conf.get(&keys::EXECUTOR_INSTANCES)?.unwrap_or(0) as usize;
        let initial = min.max(initial).max(instances);
        if initial > max {
            return Err(ConfError::new(
                "spark.dynamicAllocation.initialExecutors",
                &initial.to_string(),
                format!("must not be greater than spark.dynamicAllocation.maxExecutors, which is {max}"),
            ));
        }
        let backlog_timeout = conf.get(&keys::DYNAMIC_ALLOCATION_SCHEDULER_BACKLOG_TIMEOUT)?.as_duration();
        let sustained = conf.get(&keys::DYNAMIC_ALLOCATION_SUSTAINED_SCHEDULER_BACKLOG_TIMEOUT)?;
        Ok(Self {
            min,
            max,
            initial,
            idle_timeout: conf.get(&keys::DYNAMIC_ALLOCATION_EXECUTOR_IDLE_TIMEOUT)?.as_duration(),
            backlog_timeout,
            sustained_timeout: sustained.map_or(backlog_timeout, SparkDuration::as_duration),
            ratio: conf.get(&keys::DYNAMIC_ALLOCATION_EXECUTOR_ALLOCATION_RATIO)?,
            slots: (conf.get(&keys::EXECUTOR_CORES)? / conf.get(&keys::TASK_CPUS)?).max(1) as usize,
        })
    }
}

/// Spark's rules of dynamic allocation: one more executor when tasks have waited for a while, then
/// twice as many each time they still wait, never more than the tasks can use; and idle ones go.
#[derive(Debug)]
pub struct DynamicPolicy {
    settings: DynamicSettings,
    target: usize,
    /// How many to add next time.
    step: usize,
    /// Until the first task or the first idle time-out the target stays as it is.
    initializing: bool,
    /// When to add next; unset while no task waits.
    add_at: Option<Duration>,
    idle_since: BTreeMap<String, Duration>,
}

impl DynamicPolicy {
    /// A policy that starts with the initial target.
    pub fn new(settings: DynamicSettings) -> Self {
        let target = settings.initial;
        Self { settings, target, step: 1, initializing: true, add_at: None, idle_since: BTreeMap::new() }
    }

    /// Takes other settings; the target moves as far as the new bounds say.
    fn follow(&mut self, settings: DynamicSettings) {
        let wanted = if self.initializing { settings.initial } else { self.target };
        self.target = wanted.clamp(settings.min, settings.max);
        self.settings = settings;
    }

    fn decide(&mut self, now: Duration, load: &ClusterLoad) -> Decision {
        let expired = self.expired(now, load);
        if !expired.is_empty() || load.pending_tasks + load.running_tasks > 0 {
            self.initializing = false;
        }
        self.watch_backlog(now, load.pending_tasks);
        if !self.initializing {
            self.move_target(now, load);
        }
        let mut release = beyond(load, self.settings.max);
        let mut left = load.executors.len() - release.len();
        for executor_id in expired {
            if left > self.settings.min && left > self.target && !release.contains(&executor_id) {
                left -= 1;
                release.push(executor_id);
            }
        }
        Decision { target: self.target, release }
    }

    /// Executors idle for longer than the time-out, those idle longest first. What holds output
    /// that is still needed never expires.
    fn expired(&mut self, now: Duration, load: &ClusterLoad) -> Vec<String> {
        let present: HashSet<&str> = load.executors.iter().map(|executor| executor.id.as_str()).collect();
        self.idle_since.retain(|id, _| present.contains(id.as_str()));
        let mut expired = Vec::new();
        for executor in &load.executors {
            if executor.running_tasks > 0 {
                self.idle_since.remove(&executor.id);
                continue;
            }
            let since = *self.idle_since.entry(executor.id.clone()).or_insert(now);
            if !executor.holds_shuffle && now >= since + self.settings.idle_timeout {
                expired.push((since, executor.id.clone()));
            }
        }
        expired.sort();
        expired.into_iter().map(|(_, id)| id).collect()
    }

    fn watch_backlog(&mut self, now: Duration, pending_tasks: usize) {
        if pending_tasks == 0 {
            self.add_at = None;
            self.step = 1;
        } else if self.add_at.is_none() {
            self.add_at = Some(now + self.settings.backlog_timeout);
        }
    }

    fn move_target(&mut self, now: Duration, load: &ClusterLoad) {
        let settings = &self.settings;
        let tasks = load.pending_tasks + load.running_tasks;
        let needed = (tasks as f64 * settings.ratio / settings.slots as f64).ceil() as usize;
        if needed < self.target {
            self.target = needed.max(settings.min);
            self.step = 1;
        } else if self.add_at.is_some_and(|at| now >= at) {
            let before = self.target;
            let reached = (before.max(load.executors.len()) + self.step).min(needed);
            self.target = reached.clamp(settings.min, settings.max);
            self.step = if self.target == before + self.step { self.step * 2 } else { 1 };
            self.add_at = Some(now + settings.sustained_timeout);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheduler::ExecutorLoad;

    fn settings() -> DynamicSettings {
        DynamicSettings {
            min: 0,
            max: 100,
            initial: 0,
            idle_timeout: Duration::from_mins(1),
            backlog_timeout: Duration::from_secs(1),
            sustained_timeout: Duration::from_secs(1),
            ratio: 1.0,
            slots: 1,
        }
    }

    /// Executors "1", "2", ... with these counts of running tasks.
    fn load(pending: usize, running: &[usize]) -> ClusterLoad {
        let executors = running
            .iter()
            .enumerate()
            .map(|(i, tasks)| ExecutorLoad {
                id: (i + 1).to_string(),
                slots: 1,
                running_tasks: *tasks,
                holds_shuffle: false,
            })
            .collect();
        ClusterLoad { pending_tasks: pending, running_tasks: running.iter().sum(), executors }
    }

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn targets(policy: &mut DynamicPolicy, steps: &[(u64, ClusterLoad)]) -> Vec<usize> {
        steps.iter().map(|(at, load)| policy.decide(secs(*at), load).target).collect()
    }

    // Spark's documentation, "Request Policy": 1, 2, 4, 8 ... executors in successive rounds.
    #[test]
    fn executors_are_added_exponentially() {
        let mut policy = DynamicPolicy::new(settings());
        let steps: Vec<_> = (0..=6).map(|at| (at, load(1000, &[]))).collect();
        assert_eq!(targets(&mut policy, &steps), [0, 1, 3, 7, 15, 31, 63]);
    }

    #[test]
    fn never_more_than_tasks_need_or_the_maximum() {
        let mut policy = DynamicPolicy::new(DynamicSettings { slots: 4, ..settings() });
        let steps: Vec<_> = (0..=4).map(|at| (at, load(17, &[]))).collect();
        // ceil(17 / 4) = 5
        assert_eq!(targets(&mut policy, &steps), [0, 1, 3, 5, 5]);

        let mut policy = DynamicPolicy::new(DynamicSettings { max: 2, ..settings() });
        let steps: Vec<_> = (0..=3).map(|at| (at, load(17, &[]))).collect();
        assert_eq!(targets(&mut policy, &steps), [0, 1, 2, 2]);
    }

    #[test]
    fn the_first_wait_is_the_backlog_timeout_and_later_ones_the_sustained() {
        let mut policy = DynamicPolicy::new(DynamicSettings {
            backlog_timeout: secs(5),
            sustained_timeout: secs(2),
            ..settings()
        });
        let steps: Vec<_> = [0, 4, 5, 6, 7].map(|at| (at, load(100, &[]))).into();
        assert_eq!(targets(&mut policy, &steps), [0, 0, 1, 1, 3]);
    }

    #[test]
    fn the_initial_target_holds_until_there_is_work() {
        let mut policy = DynamicPolicy::new(DynamicSettings { initial: 3, ..settings() });
        assert_eq!(policy.decide(secs(0), &load(0, &[])).target, 3);
        assert_eq!(policy.decide(secs(30), &load(0, &[0, 0])).target, 3);
        // Work for one: the target falls at once, the executors stay for their idle time.
        let decision = policy.decide(secs(31), &load(0, &[1, 0, 0]));
        assert_eq!(decision, Decision { target: 1, release: vec![] });
    }

    #[test]
    fn idle_executors_go_after_the_timeout() {
        let mut policy = DynamicPolicy::new(settings());
        policy.decide(secs(0), &load(0, &[1, 1]));
        assert_eq!(policy.decide(secs(10), &load(0, &[0, 1])).release, [""; 0]);
        assert_eq!(policy.decide(secs(69), &load(0, &[0, 1])).release, [""; 0]);
        assert_eq!(policy.decide(secs(70), &load(0, &[0, 1])).release, ["1"]);
        // Busy in between: its time starts again.
        policy.decide(secs(80), &load(0, &[0, 0]));
        policy.decide(secs(90), &load(0, &[0, 1]));
        policy.decide(secs(100), &load(0, &[0, 0]));
        assert!(!policy.decide(secs(159), &load(0, &[0, 0])).release.contains(&"2".to_string()));
        assert!(policy.decide(secs(160), &load(0, &[0, 0])).release.contains(&"2".to_string()));
    }

    #[test]
    fn the_minimum_stays() {
        let mut policy = DynamicPolicy::new(DynamicSettings { min: 1, initial: 1, ..settings() });
        policy.decide(secs(0), &load(0, &[0, 0, 0]));
        let decision = policy.decide(secs(60), &load(0, &[0, 0, 0]));
        assert_eq!(decision, Decision { target: 1, release: vec!["1".into(), "2".into()] });
    }

    #[test]
    fn holders_of_needed_shuffle_stay() {
        let mut policy = DynamicPolicy::new(settings());
        let mut held = load(0, &[0, 1]);
        held.executors[0].holds_shuffle = true;
        policy.decide(secs(0), &held);
        assert_eq!(policy.decide(secs(1000), &held).release, [""; 0]);
        // No longer needed: its idle time counted on meanwhile.
        assert_eq!(policy.decide(secs(1001), &load(0, &[0, 1])).release, ["1"]);
    }

    #[test]
    fn a_queue_that_empties_starts_over_with_one() {
        let mut policy = DynamicPolicy::new(settings());
        let steps: Vec<_> = (0..=3).map(|at| (at, load(100, &[]))).collect();
        assert_eq!(targets(&mut policy, &steps), [0, 1, 3, 7]);
        assert_eq!(policy.decide(secs(4), &load(0, &[1, 1, 1, 1, 1, 1, 1])).target, 7);
        let busy = load(100, &[1, 1, 1, 1, 1, 1, 1]);
        assert_eq!(targets(&mut policy, &[(5, busy.clone()), (6, busy)]), [7, 8]);
    }

    #[test]
    fn the_ratio_scales_the_need() {
        let mut policy = DynamicPolicy::new(DynamicSettings { ratio: 0.5, initial: 50, ..settings() });
        assert_eq!(policy.decide(secs(0), &load(10, &[])).target, 5);
    }

    fn conf(entries: &[(&str, &str)]) -> SparkConf {
        entries.iter().copied().collect()
    }

    #[test]
    fn fewer_fixed_executors_are_kept_as_soon_as_the_others_are_idle() {
        let of = |count: &str| Policy::from_conf(&conf(&[("spark.executor.instances", count)])).unwrap();
        let mut policy = of("3");
        assert_eq!(policy.decide(secs(0), &load(0, &[0, 0, 0])), Decision { target: 3, release: vec![] });
        policy.follow(of("1"));
        let mut held = load(0, &[1, 0, 0]);
        held.executors[2].holds_shuffle = true;
        assert_eq!(policy.decide(secs(1), &held), Decision { target: 1, release: vec!["2".into()] });
        assert_eq!(policy.decide(secs(2), &load(0, &[1])).release, [""; 0]);
        policy.follow(of("4"));
        assert_eq!(policy.decide(secs(3), &load(0, &[1])), Decision { target: 4, release: vec![] });
    }

    #[test]
    fn new_bounds_count_at_once() {
        let bounds = |min: &str, max: &str| {
            let entries = [
                ("spark.dynamicAllocation.enabled", "true"),
                ("spark.dynamicAllocation.minExecutors", min),
                ("spark.dynamicAllocation.maxExecutors", max),
            ];
            Policy::from_conf(&conf(&entries)).unwrap()
        };
        let mut policy = bounds("0", "8");
        // Work for one executor, then none.
        policy.decide(secs(0), &load(0, &[1, 0, 0]));
        assert_eq!(policy.decide(secs(1), &load(0, &[0, 0, 0])).target, 0);
        policy.follow(bounds("2", "8"));
        assert_eq!(policy.decide(secs(2), &load(0, &[0, 0, 0])), Decision { target: 2, release: vec![] });
        // Above the new maximum nobody's idle time is waited for, but a task is.
        policy.follow(bounds("0", "1"));
        assert_eq!(policy.decide(secs(3), &load(0, &[0, 1, 1])).release, ["1"]);
    }

    #[test]
    fn bounds_that_contradict_are_refused() {
        let mut conf = SparkConf::new();
        conf.set("spark.dynamicAllocation.enabled", "true");
        conf.set("spark.dynamicAllocation.minExecutors", "5");
        conf.set("spark.dynamicAllocation.maxExecutors", "2");
        let error = Policy::from_conf(&conf).unwrap_err().to_string();
        assert!(error.contains("minExecutors") && error.contains("maxExecutors, which is 2"), "{error}");
    }
}
