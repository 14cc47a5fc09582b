//! What the operator asked of the API server, by the API server's audit log.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde::Deserialize;

/// One request.
#[derive(Debug, Clone, Deserialize)]
pub struct Request {
    /// Such as `create`.
    pub verb: String,
    #[serde(rename = "objectRef")]
    object: Option<Object>,
    #[serde(rename = "requestReceivedTimestamp")]
    received: Timestamp,
    #[serde(rename = "stageTimestamp")]
    answered: Timestamp,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Object {
    resource: String,
    subresource: String,
    name: String,
}

impl Request {
    /// `create pods` or `update sparkapplications/status`.
    pub fn kind(&self) -> String {
        match &self.object {
            Some(Object { resource, subresource, .. }) if subresource.is_empty() => {
                format!("{} {resource}", self.verb)
            }
            Some(Object { resource, subresource, .. }) => format!("{} {resource}/{subresource}", self.verb),
            None => format!("{} others", self.verb),
        }
    }

    /// Whether it belongs to an object, not to the watches that go on by themselves.
    pub fn is_work(&self) -> bool {
        !matches!(self.verb.as_str(), "watch" | "list")
    }

    fn name(&self) -> &str {
        self.object.as_ref().map(|object| object.name.as_str()).unwrap_or_default()
    }
}

/// The audit log, read from where it was read last.
pub struct AuditLog {
    path: PathBuf,
    read: u64,
}

impl AuditLog {
    /// The log, from its beginning.
    pub fn new(path: PathBuf) -> Self {
        Self { path, read: 0 }
    }

    /// The requests since the last call.
    pub fn news(&mut self) -> Result<Vec<Request>> {
        let text = self.read_on().with_context(|| format!("cannot read {}", self.path.display()))?;
        // A line that is just being written is read next time.
        let whole = text.rfind('\n').map_or(0, |at| at + 1);
        self.read += whole as u64;
        parse(&text[..whole])
    }

    fn read_on(&self) -> Result<String> {
        if !Path::new(&self.path).exists() {
            return Ok(String::new());
        }
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.read))?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        Ok(text)
    }
}

fn parse(text: &str) -> Result<Vec<Request>> {
    text.lines()
        .map(|line| serde_json::from_str(line).with_context(|| format!("no audit event: {line}")))
        .collect()
}

/// Milliseconds from the first request about an application until its driver pod was created, for each.
pub fn submissions(requests: &[Request]) -> Vec<f64> {
    let mut first: HashMap<&str, Timestamp> = HashMap::new();
    for request in requests.iter().filter(|request| request.kind() == "update sparkapplications/status") {
        let known = first.entry(request.name()).or_insert(request.received);
        *known = (*known).min(request.received);
    }
    let created = requests.iter().filter(|request| request.kind() == "create pods");
    created
        .filter_map(|request| {
            let begun = first.get(request.name().strip_suffix("-driver")?)?;
            Some(request.answered.duration_since(*begun).as_secs_f64() * 1000.0)
        })
        .collect()
}

/// How many requests of each kind, the most frequent first.
pub fn kinds(requests: &[Request]) -> Vec<(String, usize)> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    for request in requests {
        *counts.entry(request.kind()).or_default() += 1;
    }
    let mut sorted: Vec<_> = counts.into_iter().collect();
    sorted.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = r#"{"kind":"Event","level":"Metadata","stage":"ResponseComplete","verb":"update","user":{"username":"operator"},"objectRef":{"resource":"sparkapplications","namespace":"bench","name":"a-1","apiGroup":"sparkoperator.k8s.io","subresource":"status"},"responseStatus":{"code":200},"requestReceivedTimestamp":"2026-11-23T09:00:00.100000Z","stageTimestamp":"2026-11-23T09:00:00.104000Z"}
{"kind":"Event","level":"Metadata","stage":"ResponseComplete","verb":"create","objectRef":{"resource":"pods","namespace":"bench","name":"a-1-driver"},"requestReceivedTimestamp":"2026-11-23T09:00:00.120000Z","stageTimestamp":"2026-11-23T09:00:00.130000Z"}
{"kind":"Event","level":"Metadata","stage":"ResponseComplete","verb":"watch","objectRef":{"resource":"pods"},"requestReceivedTimestamp":"2026-11-23T09:00:00.120000Z","stageTimestamp":"2026-11-23T09:00:00.130000Z"}
"#;

    #[test]
    fn the_way_to_the_driver_pod_begins_with_the_first_write() {
        let requests = parse(LOG).unwrap();
        assert_eq!(submissions(&requests), [30.0]);
        assert_eq!(requests.iter().filter(|request| request.is_work()).count(), 2);
        let first = |kind: &str| (kind.to_owned(), 1);
        let expected = ["create pods", "update sparkapplications/status", "watch pods"].map(first);
        assert_eq!(kinds(&requests), expected);
    }
}
