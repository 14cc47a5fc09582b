//! The seven operations on the configuration.

use cerium_spark::error::SparkError;
use cerium_spark::session::defaults::{conf_not_found, sql_key};
use cerium_spark::session::{SparkSession, bad_conf};
use spark_connect_proto as proto;
use spark_connect_proto::KeyValue;
use spark_connect_proto::config_request::operation::OpType;

use super::client::Client;
use super::error::{Failure, handle};
use crate::driver::Driver;
use crate::settings;

/// What an operation answers: pairs, and warnings.
pub type Answer = (Vec<KeyValue>, Vec<String>);

/// Defaults that clients from 4.2 on have otherwise than Spark 4.1.
const ARROW_KEYS: [&str; 3] = [
    "spark.sql.execution.pythonUDF.arrow.enabled",
    "spark.sql.execution.pythonUDTF.arrow.enabled",
    "spark.sql.execution.arrow.pyspark.enabled",
];

/// Carries out an operation.
pub fn config(
    driver: &Driver,
    session: &SparkSession,
    client: Client,
    operation: Option<proto::config_request::Operation>,
) -> Result<Answer, Failure> {
    let operation = operation.and_then(|operation| operation.op_type);
    match operation.ok_or_else(|| handle::missing("the operation of a config request"))? {
        OpType::Set(request) => set(driver, session, request).map(|warnings| (Vec::new(), warnings)),
        OpType::Get(request) => answer(request.keys, |key| get(session, client, key)),
        OpType::GetOption(request) => answer(request.keys, |key| option(session, client, key)),
        OpType::GetWithDefault(request) => {
            // A default given by the caller wins over Spark's own, even where it is none.
            let conf = session.conf();
            let pairs = request.pairs.into_iter().map(|pair| {
                let value = conf.get_str(&pair.key).map(str::to_owned).or(pair.value);
                KeyValue { key: pair.key, value }
            });
            Ok((pairs.collect(), Vec::new()))
        }
        OpType::GetAll(request) => {
            let prefix = request.prefix.unwrap_or_default();
            let conf = session.conf();
            let pairs = conf.redacted().filter_map(|(key, value)| {
                Some(KeyValue { key: key.strip_prefix(&prefix)?.to_owned(), value: Some(value.to_owned()) })
            });
            Ok((pairs.collect(), Vec::new()))
        }
        OpType::Unset(request) => {
            request.keys.iter().try_for_each(|key| session.reset(Some(key)))?;
            Ok((Vec::new(), Vec::new()))
        }
        OpType::IsModifiable(request) => answer(request.keys, |key| {
            let modifiable = sql_key(key).is_some_and(|known| !known.is_static);
            Ok(Some(modifiable.to_string()))
        }),
    }
}

fn answer(
    keys: Vec<String>,
    value_of: impl Fn(&str) -> Result<Option<String>, SparkError>,
) -> Result<Answer, Failure> {
    let pairs = keys.into_iter().map(|key| {
        let value = value_of(&key)?;
        Ok(KeyValue { key, value })
    });
    Ok((pairs.collect::<Result<_, SparkError>>()?, Vec::new()))
}

fn get(session: &SparkSession, client: Client, key: &str) -> Result<Option<String>, SparkError> {
    if client.wants_arrow() && ARROW_KEYS.contains(&key) && !session.conf().contains(key) {
        return Ok(Some("true".to_owned()));
    }
    session.get(key)
}

fn option(session: &SparkSession, client: Client, key: &str) -> Result<Option<String>, SparkError> {
    match get(session, client, key) {
        Err(error) if error.class() == conf_not_found(key).class() => Ok(None),
        other => other,
    }
}

fn set(
    driver: &Driver,
    session: &SparkSession,
    request: proto::config_request::Set,
) -> Result<Vec<String>, Failure> {
    // Only the builder of a session asks to go on where a value is refused.
    let from_builder = request.silent();
    let mut pairs = Vec::with_capacity(request.pairs.len());
    for KeyValue { key, value } in request.pairs {
        let value =
            value.ok_or_else(|| Failure::illegal_argument(format!("the value of {key} must be set")))?;
        pairs.push((key, value));
    }
    let mut warnings = Vec::new();
    let mut refused = |key: &str, value: &str, error: SparkError| {
        if !from_builder {
            return Err(error);
        }
        warnings.push(format!("Failed to set {key} to Some({value}) due to {error}"));
        Ok(())
    };
    if from_builder {
        let (own, rest): (Vec<_>, Vec<_>) =
            pairs.into_iter().partition(|(key, _)| settings::is_of_application(key));
        pairs = rest;
        match driver.reconfigure(&own) {
            Ok(true) => session.adopt(&own),
            // The application runs already.
            Ok(false) => pairs.extend(own),
            Err(error) => {
                let key = error.key.clone();
                let value = own.iter().find(|(own, _)| *own == key).map_or("", |(_, value)| value);
                refused(&key, value, bad_conf(error))?;
            }
        }
    }
    for (key, value) in &pairs {
        if let Err(error) = session.change(key, value) {
            refused(key, value, error)?;
        }
    }
    Ok(warnings)
}
