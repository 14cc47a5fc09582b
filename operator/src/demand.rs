//! What an application requests at its start: the driver and its first executors together. Pure.

use std::collections::BTreeMap;

use cerium_crds::plan::{Resources, ValidatedApplication};
use cerium_crds::quantity;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

/// CPU and memory of a number of pods.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Demand {
    /// CPU requests, in thousandths of a core.
    pub cpu_milli: u64,
    /// CPU limits, in thousandths of a core; a container without a limit counts with its request.
    pub cpu_limit_milli: u64,
    /// Memory requests, in MiB.
    pub memory_mib: u64,
    /// Memory limits, in MiB.
    pub memory_limit_mib: u64,
    /// Extended resources, such as GPUs.
    pub extended: BTreeMap<String, f64>,
}

impl Demand {
    /// What the driver and the first executors request.
    pub fn of(application: &ValidatedApplication) -> Demand {
        let mut demand = Demand::default();
        demand.add(&application.driver.resources, 1);
        demand.add(&application.executor.resources, application.initial_executors());
        demand
    }

    fn add(&mut self, resources: &Resources, pods: u32) {
        let pods = u64::from(pods);
        let sum = |total: u64, one: u64| total.saturating_add(one.saturating_mul(pods));
        let request = milli(&resources.cpu_request);
        self.cpu_milli = sum(self.cpu_milli, request);
        let limit = resources.cpu_limit.as_ref().map_or(request, milli);
        self.cpu_limit_milli = sum(self.cpu_limit_milli, limit);
        self.memory_mib = sum(self.memory_mib, resources.memory_mib);
        let limit = resources.memory_limit_mib.unwrap_or(resources.memory_mib);
        self.memory_limit_mib = sum(self.memory_limit_mib, limit);
        for (name, amount) in resources.extended.iter().filter(|_| pods > 0) {
            let amount = quantity::parse(&amount.0).unwrap_or_default();
            *self.extended.entry(name.clone()).or_default() += amount * pods as f64;
        }
    }

    /// The requests as Kubernetes writes them.
    pub fn requests(&self) -> BTreeMap<String, Quantity> {
        let cpu = match self.cpu_milli {
            whole if whole % 1000 == 0 => (whole / 1000).to_string(),
            milli => format!("{milli}m"),
        };
        let mut all: BTreeMap<String, Quantity> =
            self.extended.iter().map(|(name, amount)| (name.clone(), Quantity(amount.to_string()))).collect();
        all.insert("cpu".to_owned(), Quantity(cpu));
        all.insert("memory".to_owned(), Quantity(format!("{}Mi", self.memory_mib)));
        all
    }
}

/// Thousandths, rounded up as Kubernetes does.
fn milli(quantity: &Quantity) -> u64 {
    (quantity::parse(&quantity.0).unwrap_or_default() * 1000.0).ceil() as u64
}
