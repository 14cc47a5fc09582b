//! Operations of Cerium's own: what a `SparkContext` offers that Spark Connect has no message for.
//!
//! A command extension holds a `google.protobuf.Struct` with the name of the operation under `cerium` and
//! its arguments beside it; docs/reference/connect-operations.md lists them. The answer is a Struct again, or rows.

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use cerium_engine::logging::LogLevel;
use prost::Message;
use prost_types::value::Kind;
use prost_types::{Any, ListValue, Struct, Value};
use spark_connect_proto as proto;

use super::codec::decode;
use super::error::{Failure, handle};

/// The key of the operation's name.
const OPERATION: &str = "cerium";
/// What the URL of a Struct ends with.
const STRUCT: &str = "google.protobuf.Struct";

/// What is asked for.
#[derive(Debug, PartialEq)]
pub enum Asked {
    /// Another level for driver and executors.
    SetLogLevel(LogLevel),
    /// The memory for cached data.
    ExecutorMemoryStatus,
    /// What the application is and is configured as.
    Application,
    /// How many partitions the rows of a plan come in.
    Partitions(proto::Plan),
    /// The rows of a plan, or of some of its partitions.
    CollectPartitions(proto::Plan, Option<Vec<usize>>),
    /// Jobs and stages, those of a tag or all.
    Status(Option<String>),
    /// Executors may delete a broadcast.
    UnpersistBroadcast(String),
    /// Nobody needs a broadcast any more.
    DestroyBroadcast(String),
}

/// Reads what is asked for; nothing where the extension is nobody's we know.
pub fn parse(extension: &Any) -> Result<Option<Asked>, Failure> {
    if extension.type_url.rsplit('/').next() != Some(STRUCT) {
        return Ok(None);
    }
    let message: Struct =
        decode(extension.value.clone().into()).map_err(|problem| handle::cannot_parse(&problem))?;
    let Some(Kind::StringValue(name)) = kind(&message, OPERATION) else { return Ok(None) };
    let arguments = Arguments { operation: name, message: &message };
    Ok(Some(match name.as_str() {
        "set_log_level" => {
            let level = arguments.text("level")?.parse();
            Asked::SetLogLevel(level.map_err(|error| Failure::illegal_argument(format!("{error}")))?)
        }
        "executor_memory_status" => Asked::ExecutorMemoryStatus,
        "application" => Asked::Application,
        "partitions" => Asked::Partitions(arguments.plan()?),
        "collect_partitions" => {
            let all = matches!(kind(&message, "partitions"), None | Some(Kind::NullValue(_)));
            let chosen = if all { None } else { Some(arguments.numbers("partitions")?) };
            Asked::CollectPartitions(arguments.plan()?, chosen)
        }
        "status" => Asked::Status(match kind(&message, "group") {
            None | Some(Kind::NullValue(_)) => None,
            Some(_) => Some(arguments.text("group")?.to_owned()),
        }),
        "unpersist_broadcast" => Asked::UnpersistBroadcast(arguments.text("content")?.to_owned()),
        "destroy_broadcast" => Asked::DestroyBroadcast(arguments.text("content")?.to_owned()),
        other => {
            return Err(Failure::illegal_argument(format!(
                "Cerium's driver knows no operation {other}; the add-on of the program and the driver must be of \
                 one version"
            )));
        }
    }))
}

fn kind<'a>(message: &'a Struct, name: &str) -> Option<&'a Kind> {
    message.fields.get(name)?.kind.as_ref()
}

struct Arguments<'a> {
    operation: &'a str,
    message: &'a Struct,
}

impl Arguments<'_> {
    fn wrong(&self, name: &str, expected: &str) -> Failure {
        let operation = self.operation;
        Failure::illegal_argument(format!(
            "the argument {name} of the operation {operation} must be {expected}"
        ))
    }

    fn text(&self, name: &str) -> Result<&str, Failure> {
        match kind(self.message, name) {
            Some(Kind::StringValue(text)) => Ok(text),
            _ => Err(self.wrong(name, "a text")),
        }
    }

    fn numbers(&self, name: &str) -> Result<Vec<usize>, Failure> {
        let Some(Kind::ListValue(list)) = kind(self.message, name) else {
            return Err(self.wrong(name, "a list of numbers"));
        };
        let number = |value: &Value| match value.kind {
            Some(Kind::NumberValue(number)) if number >= 0.0 && number.fract() == 0.0 => {
                Some(number as usize)
            }
            _ => None,
        };
        let numbers: Option<Vec<_>> = list.values.iter().map(number).collect();
        numbers.ok_or_else(|| self.wrong(name, "a list of numbers"))
    }

    fn plan(&self) -> Result<proto::Plan, Failure> {
        let bytes = BASE64_STANDARD.decode(self.text("plan")?);
        let bytes = bytes.map_err(|_| self.wrong("plan", "a plan in Base64"))?;
        decode(bytes.into()).map_err(|problem| handle::cannot_parse(&problem))
    }
}

/// An answer as it goes to the client.
pub fn answer(value: serde_json::Map<String, serde_json::Value>) -> Any {
    let message = structure(value);
    Any { type_url: format!("type.googleapis.com/{STRUCT}"), value: message.encode_to_vec() }
}

fn structure(value: serde_json::Map<String, serde_json::Value>) -> Struct {
    let fields: BTreeMap<_, _> = value.into_iter().map(|(name, value)| (name, plain(value))).collect();
    Struct { fields }
}

fn plain(value: serde_json::Value) -> Value {
    use serde_json::Value as Json;
    let kind = match value {
        Json::Null => Kind::NullValue(0),
        Json::Bool(value) => Kind::BoolValue(value),
        Json::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or(f64::NAN)),
        Json::String(text) => Kind::StringValue(text),
        Json::Array(values) => Kind::ListValue(ListValue { values: values.into_iter().map(plain).collect() }),
        Json::Object(fields) => Kind::StructValue(structure(fields)),
    };
    Value { kind: Some(kind) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asked(arguments: serde_json::Value) -> Result<Option<Asked>, String> {
        let serde_json::Value::Object(arguments) = arguments else { panic!("an object") };
        parse(&answer(arguments)).map_err(|failure| failure.message().to_owned())
    }

    #[test]
    fn operations_and_their_arguments_are_read() {
        let plan = BASE64_STANDARD.encode(proto::Plan::default().encode_to_vec());
        assert_eq!(
            asked(json!({"cerium": "collect_partitions", "plan": plan, "partitions": [0, 3]})),
            Ok(Some(Asked::CollectPartitions(proto::Plan::default(), Some(vec![0, 3]))))
        );
        assert_eq!(
            asked(json!({"cerium": "collect_partitions", "plan": plan, "partitions": null})),
            Ok(Some(Asked::CollectPartitions(proto::Plan::default(), None)))
        );
        assert_eq!(asked(json!({"cerium": "status", "group": null})), Ok(Some(Asked::Status(None))));
        assert_eq!(
            asked(json!({"cerium": "set_log_level", "level": "warn"})),
            Ok(Some(Asked::SetLogLevel("WARN".parse().unwrap())))
        );
    }

    #[test]
    fn extensions_of_others_are_left_alone() {
        assert_eq!(asked(json!({"other": "x"})), Ok(None));
        let any = Any { type_url: "type.googleapis.com/x.Y".into(), value: vec![1] };
        assert_eq!(parse(&any).unwrap(), None);
    }

    #[test]
    fn wrong_arguments_are_told() {
        for (arguments, problem) in [
            (json!({"cerium": "nope"}), "knows no operation nope"),
            (
                json!({"cerium": "set_log_level"}),
                "the argument level of the operation set_log_level must be a text",
            ),
            (
                json!({"cerium": "set_log_level", "level": "loud"}),
                "Supplied level loud did not match one of: ALL",
            ),
            (json!({"cerium": "partitions", "plan": "%"}), "must be a plan in Base64"),
            (
                json!({"cerium": "collect_partitions", "plan": "", "partitions": [-1]}),
                "must be a list of numbers",
            ),
        ] {
            let told = asked(arguments).unwrap_err();
            assert!(told.contains(problem), "{told}");
        }
    }
}
