//! Metrics of the work itself, by kind, under the names of Kubernetes' own controllers.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use super::exposition::Counter;
use super::under_way::UnderWay;
use crate::kind::ObjectKey;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    controller: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Worker {
    controller: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Queue {
    name: &'static str,
}

type Seconds<L> = Family<L, Histogram, fn() -> Histogram>;

/// From 5 ms to 10 s.
fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.005, 2.0, 12))
}

/// What waits in a queue, since when.
type Waiting = HashMap<(&'static str, ObjectKey), Instant>;

/// The metrics of queues and workers.
pub struct WorkMetrics {
    reconciled: Family<Outcome, Counter>,
    errors: Family<Worker, Counter>,
    reconcile_seconds: Seconds<Worker>,
    active: Family<Worker, Gauge>,
    concurrency: Family<Worker, Gauge>,
    waiting: Mutex<Waiting>,
    depth: Family<Queue, Gauge>,
    added: Family<Queue, Counter>,
    waited: Seconds<Queue>,
    worked: Seconds<Queue>,
    retries: Family<Queue, Counter>,
    under_way: UnderWay,
}

impl Default for WorkMetrics {
    fn default() -> WorkMetrics {
        WorkMetrics {
            reconciled: Family::default(),
            errors: Family::default(),
            reconcile_seconds: Family::new_with_constructor(seconds),
            active: Family::default(),
            concurrency: Family::default(),
            waiting: Mutex::default(),
            depth: Family::default(),
            added: Family::default(),
            waited: Family::new_with_constructor(seconds),
            worked: Family::new_with_constructor(seconds),
            retries: Family::default(),
            under_way: UnderWay::default(),
        }
    }
}

impl WorkMetrics {
    /// Puts all of them into the registry.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "controller_runtime_reconcile_total",
            "Reconciliations by result",
            self.reconciled.clone(),
        );
        registry.register(
            "controller_runtime_reconcile_errors_total",
            "Failed reconciliations",
            self.errors.clone(),
        );
        registry.register(
            "controller_runtime_reconcile_time_seconds",
            "Time per reconciliation",
            self.reconcile_seconds.clone(),
        );
        registry.register(
            "controller_runtime_active_workers",
            "Reconciliations under way",
            self.active.clone(),
        );
        registry.register(
            "controller_runtime_max_concurrent_reconciles",
            "Reconciliations at once, at most",
            self.concurrency.clone(),
        );
        registry.register("workqueue_depth", "Objects waiting to be reconciled", self.depth.clone());
        registry.register("workqueue_adds_total", "Requests to reconcile an object", self.added.clone());
        registry.register(
            "workqueue_queue_duration_seconds",
            "Time from a request to its reconciliation",
            self.waited.clone(),
        );
        registry.register("workqueue_work_duration_seconds", "Time per reconciliation", self.worked.clone());
        registry.register(
            "workqueue_retries_total",
            "Reconciliations repeated after an error",
            self.retries.clone(),
        );
        registry.register_collector(Box::new(self.under_way.clone()));
    }

    /// So many reconciliations of this kind go on at once, at most.
    pub fn set_concurrency(&self, controller: &'static str, workers: u16) {
        self.concurrency.get_or_create(&Worker { controller }).set(i64::from(workers));
    }

    /// An object is to be reconciled; one that waits already waits on.
    pub fn requested(&self, controller: &'static str, key: &ObjectKey) {
        let queue = Queue { name: controller };
        self.added.get_or_create(&queue).inc();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.entry((controller, key.clone())).or_insert_with(|| {
            self.depth.get_or_create(&queue).inc();
            Instant::now()
        });
    }

    /// An object waits no longer: it is about to be reconciled, or it is gone.
    pub fn taken(&self, controller: &'static str, key: &ObjectKey) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(since) = waiting.remove(&(controller, key.clone())) {
            let queue = Queue { name: controller };
            self.depth.get_or_create(&queue).dec();
            self.waited.get_or_create(&queue).observe(since.elapsed().as_secs_f64());
        }
    }

    /// Measures one reconciliation until the guard is told its result or dropped.
    pub fn reconciling(&self, controller: &'static str) -> Reconciling<'_> {
        self.active.get_or_create(&Worker { controller }).inc();
        let begun = Instant::now();
        let number = self.under_way.begin(controller, begun);
        Reconciling { metrics: self, controller, number, begun, result: "canceled" }
    }

    /// A reconciliation will be repeated after an error.
    pub fn retried(&self, controller: &'static str) {
        self.errors.get_or_create(&Worker { controller }).inc();
        self.retries.get_or_create(&Queue { name: controller }).inc();
    }
}

/// One reconciliation under way.
pub struct Reconciling<'a> {
    metrics: &'a WorkMetrics,
    controller: &'static str,
    number: u64,
    begun: Instant,
    result: &'static str,
}

impl Reconciling<'_> {
    /// Ends the measurement with a result: one of few constants.
    pub fn end(mut self, result: &'static str) {
        self.result = result;
    }
}

impl Drop for Reconciling<'_> {
    fn drop(&mut self) {
        let Reconciling { metrics, controller, number, begun, result } = *self;
        metrics.under_way.end(controller, number);
        let (worker, took) = (Worker { controller }, begun.elapsed().as_secs_f64());
        metrics.active.get_or_create(&worker).dec();
        metrics.reconcile_seconds.get_or_create(&worker).observe(took);
        metrics.worked.get_or_create(&Queue { name: controller }).observe(took);
        metrics.reconciled.get_or_create(&Outcome { controller, result }).inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::exposition;

    const KIND: &str = "spark-application-controller";

    fn text(metrics: &WorkMetrics) -> String {
        let mut registry = Registry::default();
        metrics.register(&mut registry);
        exposition::text(&registry).unwrap()
    }

    fn assert_lines(metrics: &WorkMetrics, lines: &[&str]) {
        let text = text(metrics);
        for line in lines {
            assert!(text.lines().any(|found| found == *line), "{line}\nis not in\n{text}");
        }
    }

    #[test]
    fn a_reconciliation_is_counted_by_its_result_even_if_it_is_dropped() {
        let metrics = WorkMetrics::default();
        metrics.reconciling(KIND).end("success");
        drop(metrics.reconciling(KIND));
        assert_lines(
            &metrics,
            &[
                "controller_runtime_reconcile_total{controller=\"spark-application-controller\",result=\"success\"} 1",
                "controller_runtime_reconcile_total{controller=\"spark-application-controller\",result=\"canceled\"} 1",
                "controller_runtime_active_workers{controller=\"spark-application-controller\"} 0",
                "workqueue_work_duration_seconds_count{name=\"spark-application-controller\"} 2",
            ],
        );
    }

    #[test]
    fn an_object_requested_twice_waits_once() {
        let metrics = WorkMetrics::default();
        let key = ObjectKey { namespace: "ns".into(), name: "pi".into() };
        metrics.requested(KIND, &key);
        metrics.requested(KIND, &key);
        assert_lines(
            &metrics,
            &[
                "workqueue_depth{name=\"spark-application-controller\"} 1",
                "workqueue_adds_total{name=\"spark-application-controller\"} 2",
            ],
        );
        metrics.taken(KIND, &key);
        metrics.taken(KIND, &key);
        assert_lines(
            &metrics,
            &[
                "workqueue_depth{name=\"spark-application-controller\"} 0",
                "workqueue_queue_duration_seconds_count{name=\"spark-application-controller\"} 1",
            ],
        );
    }
}
