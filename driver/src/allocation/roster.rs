//! The executors asked for and how far each has come.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use crate::executors::ExecutorId;

/// How long a started executor may take to register.
const REGISTRATION_TIMEOUT: Duration = Duration::from_mins(2);
/// How long a registered executor may be unknown to the scheduler before it is given up. It
/// registers again by itself, with its next heartbeat, after a network that parted for a while.
const ABSENCE_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Asked for; its process is not known to run.
    Requested,
    /// Its process runs since then.
    Started(Duration),
    /// The scheduler knows it.
    Registered,
    /// The scheduler knew it until then.
    Absent(Duration),
}

/// All executors of the application that have been asked for and have not ended.
#[derive(Debug, Default)]
pub struct Roster {
    last_id: u64,
    executors: BTreeMap<ExecutorId, Phase>,
    /// Released by the driver; their end is expected.
    released: BTreeSet<ExecutorId>,
}

impl Roster {
    /// Number of executors that run or are to run.
    pub fn len(&self) -> usize {
        self.executors.len()
    }

    /// New ids, so that there are `target` executors.
    pub fn request(&mut self, target: usize) -> Vec<ExecutorId> {
        let missing = target.saturating_sub(self.executors.len());
        (0..missing)
            .map(|_| {
                self.last_id += 1;
                let id = ExecutorId(self.last_id);
                self.executors.insert(id, Phase::Requested);
                id
            })
            .collect()
    }

    /// The executor's process runs.
    pub fn started(&mut self, id: ExecutorId, now: Duration) {
        if let Some(phase) = self.executors.get_mut(&id)
            && *phase == Phase::Requested
        {
            *phase = Phase::Started(now);
        }
    }

    /// The driver lets the executor go.
    pub fn release(&mut self, id: ExecutorId) {
        if self.executors.remove(&id).is_some() {
            self.released.insert(id);
        }
    }

    /// The driver lets all executors go.
    pub fn release_all(&mut self) -> Vec<ExecutorId> {
        let ids: Vec<ExecutorId> = std::mem::take(&mut self.executors).into_keys().collect();
        self.released.extend(&ids);
        ids
    }

    /// The executor has ended. Answers whether that was to be expected.
    pub fn remove(&mut self, id: ExecutorId) -> bool {
        self.released.remove(&id) || self.executors.remove(&id).is_none()
    }

    /// Takes note of what the scheduler knows. Answers whether an executor is new to it.
    pub fn observe(&mut self, now: Duration, registered: impl Iterator<Item = ExecutorId>) -> bool {
        let registered: HashSet<ExecutorId> = registered.collect();
        let mut news = false;
        for (id, phase) in &mut self.executors {
            match (registered.contains(id), *phase) {
                (true, Phase::Requested | Phase::Started(_)) => {
                    news = true;
                    *phase = Phase::Registered;
                }
                (true, Phase::Absent(_)) => *phase = Phase::Registered,
                (false, Phase::Registered) => *phase = Phase::Absent(now),
                (true, Phase::Registered)
                | (false, Phase::Requested | Phase::Started(_) | Phase::Absent(_)) => {}
            }
        }
        news
    }

    /// Executors that run but were not heard of for too long, with the reason. They are released.
    pub fn overdue(&mut self, now: Duration) -> Vec<(ExecutorId, String)> {
        let overdue: Vec<(ExecutorId, String)> = self
            .executors
            .iter()
            .filter_map(|(id, phase)| {
                let reason = match phase {
                    Phase::Started(since) if now >= *since + REGISTRATION_TIMEOUT => {
                        format!("it did not register within {} s", REGISTRATION_TIMEOUT.as_secs())
                    }
                    Phase::Absent(since) if now >= *since + ABSENCE_TIMEOUT => {
                        "its heartbeats stopped".to_string()
                    }
                    _ => return None,
                };
                Some((*id, reason))
            })
            .collect();
        for (id, _) in &overdue {
            self.release(*id);
        }
        overdue
    }

    /// Requests that can be withdrawn since there are more than `target` executors, newest first.
    /// They are released. Executors that started stay until they have been idle.
    pub fn surplus(&mut self, target: usize) -> Vec<ExecutorId> {
        let excess = self.executors.len().saturating_sub(target);
        let surplus: Vec<ExecutorId> = self
            .executors
            .iter()
            .rev()
            .filter(|(_, phase)| **phase == Phase::Requested)
            .map(|(id, _)| *id)
            .take(excess)
            .collect();
        for id in &surplus {
            self.release(*id);
        }
        surplus
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::ZERO;

    fn ids(ids: &[u64]) -> Vec<ExecutorId> {
        ids.iter().copied().map(ExecutorId).collect()
    }

    #[test]
    fn lost_executors_are_replaced_under_new_ids() {
        let mut roster = Roster::default();
        assert_eq!(roster.request(2), ids(&[1, 2]));
        assert_eq!(roster.request(2), ids(&[]));
        assert!(!roster.remove(ExecutorId(1)));
        assert_eq!(roster.request(2), ids(&[3]));
    }

    #[test]
    fn the_end_of_a_released_executor_is_expected_once() {
        let mut roster = Roster::default();
        roster.request(1);
        roster.release(ExecutorId(1));
        assert!(roster.remove(ExecutorId(1)));
        assert_eq!(roster.len(), 0);
    }

    #[test]
    fn only_requests_are_withdrawn() {
        let mut roster = Roster::default();
        roster.request(3);
        roster.started(ExecutorId(3), START);
        assert_eq!(roster.surplus(1), ids(&[2, 1]));
        assert_eq!(roster.len(), 1);
    }

    #[test]
    fn an_executor_that_stays_silent_is_given_up() {
        let mut roster = Roster::default();
        roster.request(2);
        roster.started(ExecutorId(1), START);
        assert!(roster.observe(START, ids(&[2]).into_iter()));
        let later = Duration::from_secs(100);
        assert!(!roster.observe(later, ids(&[]).into_iter()));
        assert_eq!(roster.overdue(later), []);
        let overdue: Vec<ExecutorId> =
            roster.overdue(Duration::from_secs(130)).into_iter().map(|(id, _)| id).collect();
        assert_eq!(overdue, ids(&[1, 2]));
        assert_eq!(roster.len(), 0);
    }

    #[test]
    fn an_executor_that_comes_back_in_time_stays() {
        let mut roster = Roster::default();
        roster.request(1);
        roster.observe(START, ids(&[1]).into_iter());
        roster.observe(Duration::from_secs(10), ids(&[]).into_iter());
        roster.observe(Duration::from_secs(20), ids(&[1]).into_iter());
        assert_eq!(roster.overdue(Duration::from_mins(1)), []);
    }
}
