//! What Prometheus reads, in the text format that Kubeflow's operator serves (0.0.4). The client library writes
//! OpenMetrics, where a counter's name has to end in `_total`, and knows no summaries: here are both.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::encoding::text::encode_registry;
use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::{MetricType, TypedMetric};
use prometheus_client::registry::Registry;

/// The media type of [`text`].
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A counter that is written under its exact name; clones share what they count.
#[derive(Clone, Debug, Default)]
pub struct Counter(Arc<AtomicU64>);

impl Counter {
    /// Counts one more.
    pub fn inc(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl TypedMetric for Counter {
    const TYPE: MetricType = MetricType::Counter;
}

impl EncodeMetric for Counter {
    fn encode(&self, mut encoder: MetricEncoder) -> Result<(), fmt::Error> {
        // The library gives the name of a gauge no suffix.
        encoder.encode_gauge(&self.0.load(Ordering::Relaxed))
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

/// A summary without quantiles, as Kubeflow's: a sum and a count. Clones share both.
#[derive(Clone, Debug, Default)]
pub struct Summary(Arc<Mutex<(f64, u64)>>);

impl Summary {
    /// Takes one value in.
    pub fn observe(&self, value: f64) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.0 += value;
        state.1 += 1;
    }
}

impl TypedMetric for Summary {
    const TYPE: MetricType = MetricType::Unknown;
}

impl EncodeMetric for Summary {
    fn encode(&self, mut encoder: MetricEncoder) -> Result<(), fmt::Error> {
        let (sum, count) = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        encoder.encode_histogram::<NoLabelSet>(sum, count, &[], None)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

/// All metrics of the registry.
pub fn text(registry: &Registry) -> Result<String, fmt::Error> {
    let mut written = String::new();
    encode_registry(&mut written, registry)?;
    Ok(written.lines().map(line).collect())
}

/// A line of the library as Prometheus' client for Go writes it.
fn line(written: &str) -> String {
    // Summaries alone are of a type the library does not know.
    if let Some(begin) = written.strip_suffix(" unknown").filter(|_| written.starts_with("# TYPE ")) {
        return format!("{begin} summary\n");
    }
    // Bounds that are whole numbers have no fraction: a query may ask for le="30".
    if let Some((name, (bound, rest))) =
        written.split_once("{le=\"").and_then(|(name, rest)| Some((name, rest.split_once('"')?)))
    {
        return format!("{name}{{le=\"{}\"{rest}\n", bound.strip_suffix(".0").unwrap_or(bound));
    }
    format!("{written}\n")
}
