//! Who may take a lease, decided on what it says and how long it has said so. Pure.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::LeaseSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

use super::LeaseConfig;

/// When the lease was last seen to change, by our own clock: the clocks of two nodes differ.
#[derive(Clone, Debug)]
pub struct Sighting {
    spec: LeaseSpec,
    at: Instant,
}

impl Sighting {
    /// Keeps the time of the last sighting if nothing changed since.
    pub fn renew(last: Option<Sighting>, spec: &LeaseSpec, now: Instant) -> Sighting {
        match last {
            Some(last) if last.spec == *spec => last,
            Some(_) | None => Sighting { spec: spec.clone(), at: now },
        }
    }

    /// Whether its holder has let it expire.
    pub fn is_expired(&self, now: Instant, default_duration: Duration) -> bool {
        self.left(now, default_duration).is_none()
    }

    /// How long it lasts unless its holder renews it; `None` if it has expired. The holder's own duration
    /// counts; `default_duration` if it names none.
    pub fn left(&self, now: Instant, default_duration: Duration) -> Option<Duration> {
        let seconds = self.spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
        let duration = seconds.map_or(default_duration, Duration::from_secs);
        duration.checked_sub(now.duration_since(self.at)).filter(|left| !left.is_zero())
    }
}

/// Until a candidate looks again: the retry period, but no longer than the lease lasts as far as is known.
pub fn pause(seen: Option<&Sighting>, now: Instant, config: &LeaseConfig) -> Duration {
    let left = seen.and_then(|seen| seen.left(now, config.duration));
    left.map_or(config.retry_period, |left| left.min(config.retry_period))
}

/// What a candidate does about a lease.
#[derive(Clone, Debug, PartialEq)]
pub enum Claim {
    /// Write this: it takes or renews the lease.
    Take(LeaseSpec),
    /// Somebody else holds it.
    Leave,
}

/// Whether to take the lease. `expired` tells whether its holder has let it expire.
pub fn claim(
    lease: Option<&LeaseSpec>,
    expired: Option<bool>,
    config: &LeaseConfig,
    now: Timestamp,
) -> Claim {
    let holder = lease.and_then(|lease| lease.holder_identity.as_deref()).unwrap_or_default();
    let ours = holder == config.identity;
    if !ours && !holder.is_empty() && expired == Some(false) {
        return Claim::Leave;
    }
    let transitions = lease.and_then(|lease| lease.lease_transitions).unwrap_or(0);
    let acquired = lease.and_then(|lease| lease.acquire_time.clone()).filter(|_| ours);
    let seconds = i32::try_from(config.duration.as_secs()).unwrap_or(i32::MAX).max(1);
    Claim::Take(LeaseSpec {
        holder_identity: Some(config.identity.clone()),
        lease_duration_seconds: Some(seconds),
        acquire_time: Some(acquired.unwrap_or(MicroTime(now))),
        renew_time: Some(MicroTime(now)),
        lease_transitions: Some(if ours || lease.is_none() {
            transitions
        } else {
            transitions.saturating_add(1)
        }),
        ..LeaseSpec::default()
    })
}

/// What gives the lease back; `None` if it is not ours any more.
pub fn released(lease: &LeaseSpec, config: &LeaseConfig, now: Timestamp) -> Option<LeaseSpec> {
    (lease.holder_identity.as_deref() == Some(config.identity.as_str())).then(|| LeaseSpec {
        holder_identity: Some(String::new()),
        lease_duration_seconds: Some(1),
        acquire_time: Some(MicroTime(now)),
        renew_time: Some(MicroTime(now)),
        lease_transitions: lease.lease_transitions,
        ..LeaseSpec::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> LeaseConfig {
        LeaseConfig {
            name: "lock".into(),
            namespace: "spark-operator".into(),
            identity: "me".into(),
            duration: Duration::from_secs(15),
            renew_deadline: Duration::from_secs(10),
            retry_period: Duration::from_secs(2),
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn held_by(holder: &str, transitions: i32) -> LeaseSpec {
        LeaseSpec {
            holder_identity: Some(holder.into()),
            lease_duration_seconds: Some(30),
            acquire_time: Some(MicroTime(at(5))),
            renew_time: Some(MicroTime(at(6))),
            lease_transitions: Some(transitions),
            ..LeaseSpec::default()
        }
    }

    fn taken(claim: Claim) -> (Timestamp, Timestamp, i32) {
        match claim {
            Claim::Take(spec) => {
                assert_eq!(spec.holder_identity.as_deref(), Some("me"));
                assert_eq!(spec.lease_duration_seconds, Some(15));
                (spec.acquire_time.unwrap().0, spec.renew_time.unwrap().0, spec.lease_transitions.unwrap())
            }
            Claim::Leave => panic!("the lease was left"),
        }
    }

    #[test]
    fn a_lease_that_nobody_made_is_taken() {
        assert_eq!(taken(claim(None, None, &config(), at(100))), (at(100), at(100), 0));
    }

    #[test]
    fn our_own_lease_is_renewed_and_keeps_its_beginning() {
        assert_eq!(
            taken(claim(Some(&held_by("me", 4)), Some(false), &config(), at(100))),
            (at(5), at(100), 4)
        );
    }

    #[test]
    fn a_lease_of_another_is_left_until_it_expires() {
        assert_eq!(claim(Some(&held_by("you", 4)), Some(false), &config(), at(100)), Claim::Leave);
        assert_eq!(
            taken(claim(Some(&held_by("you", 4)), Some(true), &config(), at(100))),
            (at(100), at(100), 5)
        );
    }

    #[test]
    fn a_lease_given_back_is_taken_at_once() {
        let free = released(&held_by("me", 4), &config(), at(90)).unwrap();
        assert_eq!(free.holder_identity.as_deref(), Some(""));
        assert_eq!(taken(claim(Some(&free), Some(false), &config(), at(100))), (at(100), at(100), 5));
        assert_eq!(released(&held_by("you", 4), &config(), at(90)), None);
    }

    #[test]
    fn a_lease_expires_by_our_own_clock_from_its_last_change() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let seen = Sighting::renew(None, &held_by("you", 4), start);
        let seen = Sighting::renew(Some(seen), &held_by("you", 4), after(20));
        assert_eq!(seen.left(after(28), Duration::from_secs(15)), Some(Duration::from_secs(2)));
        assert!(!seen.is_expired(after(29), Duration::from_secs(15)));
        assert!(seen.is_expired(after(30), Duration::from_secs(15)));
        let renewed = Sighting::renew(Some(seen), &held_by("you", 5), after(31));
        assert!(!renewed.is_expired(after(60), Duration::from_secs(15)));
    }

    /// The times of the chart, which a cluster has where nobody sets others.
    fn of_the_chart() -> LeaseConfig {
        let values: serde_json::Value =
            serde_yaml::from_str(include_str!("../../../charts/cerium/values.yaml")).unwrap();
        let seconds = |name: &str| {
            let text = values["controller"]["leaderElection"][name].as_str().unwrap();
            Duration::from_secs(text.strip_suffix('s').unwrap().parse().unwrap())
        };
        LeaseConfig {
            duration: seconds("leaseDuration"),
            renew_deadline: seconds("renewDeadline"),
            retry_period: seconds("retryPeriod"),
            ..config()
        }
    }

    /// The leader renews for the last time at 0 and is killed. The other looks at any moment after that for the first
    /// time, then after each pause, and answers of the API server take half a second.
    #[test]
    fn a_killed_leader_is_replaced_within_15_seconds_with_the_times_of_the_chart() {
        let config = of_the_chart();
        let (start, answer) = (Instant::now(), Duration::from_millis(500));
        let period = u64::try_from(config.retry_period.as_millis()).unwrap();
        for phase in (0..=period).step_by(100) {
            let mut now = start + Duration::from_millis(phase);
            let mut seen = None;
            let taken = loop {
                now += answer;
                let sighting = Sighting::renew(seen.take(), &held_by_leader(&config), now);
                if sighting.is_expired(now, config.duration) {
                    break now + answer;
                }
                now += pause(Some(&sighting), now, &config);
                seen = Some(sighting);
            };
            let took = taken - start;
            assert!(took <= Duration::from_secs(15), "{took:?} with the first look after {phase} ms");
            // The killed one might only have been slow: by then it would have stopped by itself.
            assert!(took > config.renew_deadline, "{took:?}");
        }
    }

    fn held_by_leader(config: &LeaseConfig) -> LeaseSpec {
        let seconds = i32::try_from(config.duration.as_secs()).unwrap();
        LeaseSpec { lease_duration_seconds: Some(seconds), ..held_by("leader", 1) }
    }
}
