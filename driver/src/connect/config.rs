//! The seven operations on the configuration.

use cerium_spark::error::SparkError;
use cerium_spark::session::SparkSession;
use cerium_spark::session::defaults::{conf_not_found, sql_key};
use spark_connect_proto as proto;
use spark_connect_proto::KeyValue;
use spark_connect_proto::config_request::operation::OpType;

use super::client::Client;
use super::error::{Failure, handle};

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
    session: &SparkSession,
    client: Client,
    operation: Option<proto::config_request::Operation>,
) -> Result<Answer, Failure> {
    let operation = operation.and_then(|operation| operation.op_type);
    match operation.ok_or_else(|| handle::missing("the operation of a config request"))? {
        OpType::Set(request) => set(session, request).map(|warnings| (Vec::new(), warnings)),
        OpType::Get(request) => answer(request.keys, |key| get(session, client, key)),
        OpType::GetOption(request) => answer(request.keys, |key| option(session, client, key)),
        OpType::GetWithDefault(request) => {
            let pairs = request.pairs.into_iter().map(|pair| {
                // A default given by the caller wins over Spark's own.
                let value = match session.conf().get_str(&pair.key) {
                    Some(value) => Some(value.to_owned()),
                    None if pair.value.is_some() => pair.value,
                    None => option(session, client, &pair.key)?,
                };
                Ok(KeyValue { key: pair.key, value })
            });
            Ok((pairs.collect::<Result<_, SparkError>>()?, Vec::new()))
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

fn set(session: &SparkSession, request: proto::config_request::Set) -> Result<Vec<String>, Failure> {
    let silent = request.silent();
    let mut warnings = Vec::new();
    for KeyValue { key, value } in request.pairs {
        let Some(text) = &value else {
            return Err(handle::missing(&format!("the value of {key}")));
        };
        match session.set(&key, text) {
            Ok(()) => {}
            Err(error) if silent => {
                warnings.push(format!("Failed to set {key} to Some({text}) due to {error}"));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(warnings)
}
