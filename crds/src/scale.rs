//! How many executors an application may have: what the operator tells a driver that runs already.

use std::collections::BTreeMap;
use std::str::FromStr;

use cerium_conf::{Key, SparkConf, keys};

/// Annotation of the driver pod with a [`Scale`] in its text form. The operator writes it when the
/// specification changes in nothing else; it counts instead of what the driver was started with.
pub const SCALE_ANNOTATION: &str = "cerium.dev/executors";

/// The properties that say how many executors an application may have, as far as they can change while it runs.
pub fn scale_keys() -> [&'static str; 4] {
    [
        keys::EXECUTOR_INSTANCES.name(),
        keys::DYNAMIC_ALLOCATION_INITIAL_EXECUTORS.name(),
        keys::DYNAMIC_ALLOCATION_MIN_EXECUTORS.name(),
        keys::DYNAMIC_ALLOCATION_MAX_EXECUTORS.name(),
    ]
}

/// The values of [`scale_keys`]; what is not set has its default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scale(BTreeMap<&'static str, String>);

/// A text that is no scale.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not of the form \"spark.executor.instances=2, spark.dynamicAllocation.maxExecutors=9\"")]
pub struct ScaleError(String);

impl Scale {
    /// The scale that a configuration asks for.
    pub fn of(conf: &SparkConf) -> Scale {
        Scale(scale_keys().into_iter().filter_map(|key| Some((key, conf.get_str(key)?.to_owned()))).collect())
    }

    /// The configuration with this scale instead of its own.
    pub fn on(&self, mut conf: SparkConf) -> SparkConf {
        for key in scale_keys() {
            conf.remove(key);
        }
        conf.extend(self.0.clone());
        conf
    }
}

impl std::fmt::Display for Scale {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (number, (key, value)) in self.0.iter().enumerate() {
            let separator = if number == 0 { "" } else { ", " };
            write!(f, "{separator}{key}={value}")?;
        }
        Ok(())
    }
}

impl FromStr for Scale {
    type Err = ScaleError;

    fn from_str(text: &str) -> Result<Scale, ScaleError> {
        let entry = |entry: &str| {
            let (key, value) = entry.split_once('=')?;
            let key = scale_keys().into_iter().find(|known| *known == key)?;
            Some((key, value.to_owned()))
        };
        let entries = text.split(", ").filter(|part| !part.is_empty()).map(entry);
        entries.collect::<Option<_>>().map(Scale).ok_or_else(|| ScaleError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conf(entries: &[(&str, &str)]) -> SparkConf {
        entries.iter().copied().collect()
    }

    #[test]
    fn a_scale_is_read_as_it_is_written() {
        let wide = conf(&[
            ("spark.executor.instances", "3"),
            ("spark.dynamicAllocation.maxExecutors", "9"),
            ("spark.executor.cores", "2"),
        ]);
        let scale = Scale::of(&wide);
        assert_eq!(scale.to_string(), "spark.dynamicAllocation.maxExecutors=9, spark.executor.instances=3");
        assert_eq!(scale.to_string().parse(), Ok(scale));
        assert_eq!("".parse(), Ok(Scale::default()));
        for text in ["spark.executor.instances", "spark.executor.cores=2", "spark.executor.instances=2, x=3"]
        {
            assert!(text.parse::<Scale>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_a_scale_does_not_say_has_its_default() {
        let started = conf(&[
            ("spark.dynamicAllocation.minExecutors", "1"),
            ("spark.dynamicAllocation.maxExecutors", "4"),
            ("spark.executor.cores", "2"),
        ]);
        let scale: Scale = "spark.dynamicAllocation.minExecutors=2".parse().unwrap();
        let expected = conf(&[("spark.dynamicAllocation.minExecutors", "2"), ("spark.executor.cores", "2")]);
        assert_eq!(scale.on(started), expected);
    }
}
