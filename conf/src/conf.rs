//! The Spark properties of an application.

use std::collections::BTreeMap;
use std::fmt;

use crate::key::{ConfError, Key};
use crate::properties::{self, PropertiesError};
use crate::redaction;

/// Spark properties, ordered by key. Secrets do not show in its `Debug` form.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SparkConf {
    properties: BTreeMap<String, String>,
}

impl SparkConf {
    /// No properties.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a file in the format of Java's properties. A later entry of a key wins.
    ///
    /// # Errors
    /// [`PropertiesError`] when the text has a malformed escape.
    pub fn from_properties(text: &str) -> Result<Self, PropertiesError> {
        // Spark, too, takes blanks off the ends of values.
        Ok(properties::parse(text)?
            .into_iter()
            .map(|(key, value)| {
                let trimmed = value.trim_matches(|c: char| c.is_whitespace() && c != '\r' && c != '\n');
                (key, trimmed.to_owned())
            })
            .collect())
    }

    /// The properties in the format of Java's properties, in ASCII, ordered by key.
    pub fn to_properties(&self) -> String {
        properties::write(self.iter())
    }

    /// The value of a key, read as what the key is; its default where it is not set.
    ///
    /// # Errors
    /// [`ConfError`] when the value that is set cannot be read.
    pub fn get<K: Key>(&self, key: &K) -> Result<K::Value, ConfError> {
        key.read(self)
    }

    /// The value of a key as it was set.
    pub fn get_str(&self, key: &str) -> Option<&str> {
        self.properties.get(key).map(String::as_str)
    }

    /// Whether the key is set.
    pub fn contains(&self, key: &str) -> bool {
        self.properties.contains_key(key)
    }

    /// Sets a key, whatever it was before.
    pub fn set(&mut self, key: impl Into<String>, value: impl Into<String>) {
        self.properties.insert(key.into(), value.into());
    }

    /// Sets a key unless it is set.
    pub fn set_if_missing(&mut self, key: impl Into<String>, value: impl Into<String>) {
        self.properties.entry(key.into()).or_insert_with(|| value.into());
    }

    /// Takes a key out and returns its value.
    pub fn remove(&mut self, key: &str) -> Option<String> {
        self.properties.remove(key)
    }

    /// All properties, ordered by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.properties.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The properties whose keys start so, without that start.
    pub fn iter_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.iter().filter_map(move |(key, value)| Some((key.strip_prefix(prefix)?, value)))
    }

    /// All properties, ordered by key, with secrets replaced by [`crate::REDACTED`].
    pub fn redacted(&self) -> impl Iterator<Item = (&str, &str)> {
        self.iter().map(|(key, value)| (key, redaction::shown(key, value)))
    }

    /// Whether there are no properties.
    pub fn is_empty(&self) -> bool {
        self.properties.is_empty()
    }

    /// Number of properties.
    pub fn len(&self) -> usize {
        self.properties.len()
    }
}

impl fmt::Debug for SparkConf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.redacted()).finish()
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for SparkConf {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(iter: I) -> Self {
        Self { properties: iter.into_iter().map(|(key, value)| (key.into(), value.into())).collect() }
    }
}

impl<K: Into<String>, V: Into<String>> Extend<(K, V)> for SparkConf {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, iter: I) {
        self.properties.extend(iter.into_iter().map(|(key, value)| (key.into(), value.into())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys;

    #[test]
    fn a_key_that_is_not_set_has_its_default() {
        let conf = SparkConf::new();
        assert_eq!(conf.get(&keys::EXECUTOR_CORES), Ok(1));
        assert_eq!(conf.get(&keys::EXECUTOR_MEMORY_OVERHEAD), Ok(None));
    }

    #[test]
    fn errors_name_key_value_and_what_is_expected() {
        let conf: SparkConf =
            [("spark.executor.memory", "1.5g"), ("spark.executor.cores", "0")].into_iter().collect();
        let memory = conf.get(&keys::EXECUTOR_MEMORY).unwrap_err().to_string();
        assert_eq!(
            memory,
            "spark.executor.memory: \"1.5g\" is not valid: fractional sizes are not supported; \
             write it with a smaller unit, such as 1536m for 1.5g"
        );
        let cores = conf.get(&keys::EXECUTOR_CORES).unwrap_err().to_string();
        assert_eq!(
            cores,
            "spark.executor.cores: \"0\" is not valid: expected a whole number from 1 to 2147483647"
        );
    }

    #[test]
    fn values_lose_blanks_at_their_ends_when_read_from_a_file() {
        let conf = SparkConf::from_properties("spark.executor.memory = 2g  \n").unwrap();
        assert_eq!(conf.get_str("spark.executor.memory"), Some("2g"));
    }

    #[test]
    fn secrets_do_not_show_in_logs() {
        let conf: SparkConf =
            [("spark.hadoop.fs.s3a.secret.key", "hush"), ("spark.app.name", "pi")].into_iter().collect();
        let shown = format!("{conf:?}");
        assert!(!shown.contains("hush"), "{shown}");
        assert!(shown.contains("pi"), "{shown}");
    }

    #[test]
    fn a_prefix_selects_and_is_taken_off() {
        let conf: SparkConf = [("spark.hadoop.a", "1"), ("spark.hadoopish", "2")].into_iter().collect();
        assert_eq!(conf.iter_prefix("spark.hadoop.").collect::<Vec<_>>(), [("a", "1")]);
    }
}
