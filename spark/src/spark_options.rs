//! The Spark configuration as a DataFusion config extension, so that it reaches executors with every task.

use std::any::Any;

use cerium_conf::SparkConf;
use datafusion::common::config::{ConfigEntry, ConfigExtension, ExtensionOptions};
use datafusion::error::Result;
use datafusion::prelude::SessionConfig;

/// `spark.*` within DataFusion's session configuration.
///
/// Ballista sends the session configuration as text with every task and silently drops
/// namespaces that the executor has not registered, so both sides must register this one.
#[derive(Debug, Clone, Default)]
pub struct SparkOptions {
    conf: SparkConf,
}

impl SparkOptions {
    /// Wraps a configuration.
    pub fn new(conf: SparkConf) -> Self {
        Self { conf }
    }

    /// The configuration.
    pub fn conf(&self) -> &SparkConf {
        &self.conf
    }

    /// The Spark configuration a session carries; empty where none was registered.
    pub fn of(config: &SessionConfig) -> SparkConf {
        config.options().extensions.get::<Self>().map(|options| options.conf.clone()).unwrap_or_default()
    }
}

impl ConfigExtension for SparkOptions {
    const PREFIX: &'static str = "spark";
}

impl ExtensionOptions for SparkOptions {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn cloned(&self) -> Box<dyn ExtensionOptions> {
        Box::new(self.clone())
    }

    fn set(&mut self, key: &str, value: &str) -> Result<()> {
        self.conf.set(format!("{}.{key}", Self::PREFIX), value);
        Ok(())
    }

    fn entries(&self) -> Vec<ConfigEntry> {
        self.conf
            .iter()
            .filter(|(key, _)| key.starts_with("spark."))
            .map(|(key, value)| ConfigEntry {
                key: key.to_string(),
                value: Some(value.to_string()),
                description: "Spark configuration",
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survives_the_way_to_an_executor() {
        let mut conf = SparkConf::new();
        conf.set("spark.hadoop.fs.s3a.endpoint", "http://s3:9000");
        conf.set("spark.app.name", "a = b, \"c\"");
        let sent = SessionConfig::new().with_option_extension(SparkOptions::new(conf.clone()));

        let mut received = SessionConfig::new().with_option_extension(SparkOptions::default());
        for entry in sent.options().entries() {
            if let (true, Some(value)) = (entry.key.starts_with("spark."), entry.value) {
                received.options_mut().set(&entry.key, &value).unwrap();
            }
        }

        assert_eq!(SparkOptions::of(&received).iter().collect::<Vec<_>>(), conf.iter().collect::<Vec<_>>());
    }
}
