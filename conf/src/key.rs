//! A key: its name, what values it takes, its default, and what it does.

use crate::conf::SparkConf;
use crate::redaction;
use crate::value::{Kind, Parse};

/// When a change of the value takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// When the application is submitted: the operator reads it to make pods.
    Submission,
    /// When the application starts: driver and executors read it once.
    Start,
    /// At once: `SET` in a running session changes it.
    Session,
    /// Not yet: the value is accepted and checked, and nothing reads it.
    NotYet,
}

impl Effect {
    /// The word for it in the documentation.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Submission => "submission",
            Self::Start => "start",
            Self::Session => "session",
            Self::NotYet => "not yet",
        }
    }
}

/// What the documentation says about a key.
#[derive(Clone, Copy, Debug)]
pub struct KeyInfo {
    /// Name, such as `spark.executor.cores`.
    pub name: &'static str,
    /// Default as it would be written, or nothing.
    pub default: Option<&'static str>,
    /// Name of its kind of value.
    pub kind: &'static str,
    /// What it does.
    pub doc: &'static str,
    /// Version of Spark that brought it; for `spark.cerium.*` keys that of Cerium.
    pub since: &'static str,
    /// When a change takes effect.
    pub effect: Effect,
}

/// A key that has a value always: the one set, else its default.
#[derive(Clone, Copy)]
pub struct ConfKey<T: 'static> {
    pub(crate) info: KeyInfo,
    pub(crate) default: &'static str,
    pub(crate) kind: Kind<T>,
}

/// A key that may have no value.
#[derive(Clone, Copy)]
pub struct OptionalConfKey<T: 'static> {
    pub(crate) info: KeyInfo,
    pub(crate) kind: Kind<T>,
}

/// What [`SparkConf::get`] can be asked for.
pub trait Key {
    /// Type of the answer.
    type Value;

    /// What the documentation says about it.
    fn info(&self) -> &KeyInfo;

    /// The value in a set of properties.
    ///
    /// # Errors
    /// [`ConfError`] when the value that is set cannot be read.
    fn read(&self, conf: &SparkConf) -> Result<Self::Value, ConfError>;

    /// Name, such as `spark.executor.cores`.
    fn name(&self) -> &'static str {
        self.info().name
    }
}

/// A value that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: \"{value}\" is not valid: {expected}")]
pub struct ConfError {
    /// Name of the key.
    pub key: String,
    /// The value; redacted when the key holds a secret.
    pub value: String,
    /// What was expected instead.
    pub expected: String,
}

impl ConfError {
    /// The error that this value of this key is not what is expected.
    pub fn new(key: &str, value: &str, expected: impl Into<String>) -> Self {
        let value = redaction::shown(key, value).to_owned();
        Self { key: key.to_owned(), value, expected: expected.into() }
    }
}

impl<T> Key for ConfKey<T> {
    type Value = T;

    fn info(&self) -> &KeyInfo {
        &self.info
    }

    fn read(&self, conf: &SparkConf) -> Result<T, ConfError> {
        parse(&self.info, self.kind.parse, conf.get_str(self.info.name).unwrap_or(self.default))
    }
}

impl<T> Key for OptionalConfKey<T> {
    type Value = Option<T>;

    fn info(&self) -> &KeyInfo {
        &self.info
    }

    fn read(&self, conf: &SparkConf) -> Result<Option<T>, ConfError> {
        conf.get_str(self.info.name).map(|value| parse(&self.info, self.kind.parse, value)).transpose()
    }
}

fn parse<T>(info: &KeyInfo, read: Parse<T>, value: &str) -> Result<T, ConfError> {
    read(value).map_err(|expected| ConfError::new(info.name, value, expected))
}
