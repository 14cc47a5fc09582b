//! For how long the reconciliations that are under way have been going on, read when metrics are fetched.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;

/// What is under way; clones are the same.
#[derive(Clone, Debug, Default)]
pub struct UnderWay(Arc<Mutex<Begun>>);

#[derive(Debug, Default)]
struct Begun {
    next: u64,
    /// By controller and number. One that has nothing under way stays, with nothing.
    since: BTreeMap<&'static str, BTreeMap<u64, Instant>>,
}

impl UnderWay {
    /// A reconciliation begins; the number ends it.
    pub fn begin(&self, controller: &'static str, now: Instant) -> u64 {
        let mut begun = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        begun.next += 1;
        let number = begun.next;
        begun.since.entry(controller).or_default().insert(number, now);
        number
    }

    /// A reconciliation ends.
    pub fn end(&self, controller: &'static str, number: u64) {
        let mut begun = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        begun.since.entry(controller).or_default().remove(&number);
    }

    /// By controller: the time of all that is under way together, and the longest.
    fn times(&self, now: Instant) -> Vec<(&'static str, Duration, Duration)> {
        let begun = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |(controller, since): (&&'static str, &BTreeMap<u64, Instant>)| {
            let times = since.values().map(|since| now.saturating_duration_since(*since));
            (*controller, times.clone().sum(), times.max().unwrap_or_default())
        };
        begun.since.iter().map(of).collect()
    }
}

impl Collector for UnderWay {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let times = self.times(Instant::now());
        let mut gauge = |name: &str, help: &str, value: fn(Duration, Duration) -> Duration| {
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for (controller, all, longest) in &times {
                let labels = [("name", *controller)];
                let mut one = metric.encode_family(&labels)?;
                one.encode_gauge(&value(*all, *longest).as_secs_f64())?;
            }
            Ok(())
        };
        gauge(
            "workqueue_unfinished_work_seconds",
            "Time of the reconciliations under way, together",
            |all, _| all,
        )?;
        gauge(
            "workqueue_longest_running_processor_seconds",
            "Time of the longest reconciliation under way",
            |_, longest| longest,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_what_is_under_way_add_up_and_the_longest_is_known() {
        let under_way = UnderWay::default();
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let first = under_way.begin("a", at(0));
        under_way.begin("a", at(3));
        let other = under_way.begin("b", at(4));
        let seconds = Duration::from_secs;
        assert_eq!(under_way.times(at(5)), [("a", seconds(7), seconds(5)), ("b", seconds(1), seconds(1))]);
        under_way.end("a", first);
        under_way.end("b", other);
        assert_eq!(under_way.times(at(5)), [("a", seconds(2), seconds(2)), ("b", seconds(0), seconds(0))]);
    }
}
