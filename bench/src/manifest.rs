//! The SparkApplication manifests the benchmark runs.

use serde_json::{Value, json};

/// A program of type SQL with executors of one core each.
pub struct SqlApplication<'a> {
    /// `metadata.name`.
    pub name: &'a str,
    /// Where the SQL file is.
    pub main_file: &'a str,
    /// Number of executors.
    pub executors: u32,
    /// Memory of driver and of each executor, such as `1g`.
    pub memory: &'a str,
    /// `spark.*` keys and values.
    pub conf: Vec<(&'a str, String)>,
}

impl SqlApplication<'_> {
    /// The manifest as JSON, which is YAML too.
    pub fn manifest(&self) -> Value {
        let conf: serde_json::Map<String, Value> =
            self.conf.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
        json!({
            "apiVersion": "sparkoperator.k8s.io/v1beta2",
            "kind": "SparkApplication",
            "metadata": {"name": self.name},
            "spec": {
                "type": "SQL",
                "mode": "cluster",
                "sparkVersion": "4.1.1",
                "mainApplicationFile": self.main_file,
                "sparkConf": conf,
                "driver": {"cores": 1, "memory": self.memory},
                "executor": {"instances": self.executors, "cores": 1, "memory": self.memory},
            },
        })
    }
}
