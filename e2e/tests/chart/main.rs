//! The charts and the kustomize folder: what they install, and that they agree.
//! Needs helm and kubectl, but no cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde_json::Value;

mod checkers;
mod installs;
mod metrics;
mod rights;
mod values;

type Objects = BTreeMap<String, Value>;

const RELEASE: &str = "spark-operator";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The newest program of that name in the cache, where `e2e/cluster/build` and `e2e/chart/build` put it, else that of the PATH.
fn program(name: &str) -> PathBuf {
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(|| home.join(".cache"), PathBuf::from);
    let cache = std::env::var_os("CERIUM_CACHE").map_or_else(|| cache.join("cerium"), PathBuf::from);
    let built = std::fs::read_dir(cache.join("cluster")).into_iter().flatten().flatten();
    let found = built.map(|entry| entry.path().join("bin").join(name)).filter(|found| found.is_file());
    let age =
        |found: &PathBuf| found.metadata().and_then(|data| data.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    found.max_by_key(age).unwrap_or_else(|| name.into())
}

fn output(program: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program).args(arguments).current_dir(root()).output().with_context(|| {
        format!("starting {}; e2e/cluster/build or e2e/chart/build builds it", program.display())
    })?;
    if !output.status.success() {
        let words =
            String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        bail!("{} {} failed: {words}", program.display(), arguments.join(" "));
    }
    Ok(String::from_utf8(output.stdout)?)
}

fn helm(arguments: &[&str]) -> Result<String> {
    output(&program("helm"), arguments)
}

/// What `helm install` of the operator's chart would create on a cluster of this version.
fn template(options: &[&str]) -> Result<Objects> {
    let fixed = ["template", RELEASE, "charts/cerium", "--namespace", RELEASE, "--kube-version", "1.34.0"];
    objects(&helm(&[&fixed, options].concat())?)
}

/// Objects by kind, namespace and name.
fn objects(text: &str) -> Result<Objects> {
    let mut objects = Objects::new();
    for document in serde_yaml::Deserializer::from_str(text) {
        let object = Value::deserialize(document)?;
        if object.is_null() {
            continue;
        }
        let field = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let metadata = &object["metadata"];
        let key = format!(
            "{} {}/{}",
            field(&object["kind"]),
            field(&metadata["namespace"]),
            field(&metadata["name"])
        );
        ensure!(objects.insert(key.clone(), object).is_none(), "{key} is there twice");
    }
    Ok(objects)
}

fn object<'a>(objects: &'a Objects, key: &str) -> Result<&'a Value> {
    objects.get(key).with_context(|| format!("no {key} among {:?}", objects.keys()))
}

fn controller(objects: &Objects) -> Result<&Value> {
    Ok(&object(objects, "Deployment spark-operator/spark-operator-controller")?["spec"])
}

fn arguments(objects: &Objects) -> Result<Vec<String>> {
    let arguments = &controller(objects)?["template"]["spec"]["containers"][0]["args"];
    Ok(serde_json::from_value(arguments.clone())?)
}

fn has(arguments: &[String], argument: &str) -> bool {
    arguments.iter().any(|given| given == argument)
}

/// Every rule of every Role and ClusterRole, with the role's key.
fn rules(objects: &Objects) -> Vec<(&str, &Value)> {
    let roles =
        objects.iter().filter(|(_, object)| object["kind"] == "Role" || object["kind"] == "ClusterRole");
    roles
        .flat_map(|(key, role)| {
            role["rules"].as_array().into_iter().flatten().map(|rule| (key.as_str(), rule))
        })
        .collect()
}

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}
