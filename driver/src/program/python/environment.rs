//! The environment of a Python program.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use cerium_conf::env;
use cerium_engine::python_modules;

use super::dependencies::Dependencies;

/// Variables a program must not see: the client would start a server of its own, or refuse ours.
pub const REMOVED: [&str; 3] = ["MASTER", "SPARK_API_MODE", "SPARK_LOCAL_REMOTE"];

/// Where Spark's own images have Spark.
const USUAL_SPARK_HOME: &str = "/opt/spark";

/// What is set for a program. `variable` reads what it would inherit.
pub fn variables(
    remote: &str,
    add_on: &Path,
    needed: &Dependencies,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Vec<(&'static str, OsString)> {
    let user = variable(env::SPARK_USER).or_else(|| variable("USER")).unwrap_or_else(|| "spark".into());
    vec![
        (env::SPARK_REMOTE, remote.into()),
        // Without it a function declared before the session is one of classic PySpark.
        ("SPARK_CONNECT_MODE_ENABLED", "1".into()),
        ("SPARK_CONNECT_RELEASE_SESSION_ON_EXIT", "true".into()),
        // As spark-submit does: driver and workers must agree.
        ("PYTHONHASHSEED", "0".into()),
        ("PYTHONUNBUFFERED", "YES".into()),
        ("PYTHONPATH", python_path(add_on, needed, &variable)),
        (env::SPARK_USER, user),
        // A proxy for the outside world must not stand between the program and this machine.
        ("no_grpc_proxy", without_proxy(&variable)),
        (env::CERIUM_FILES_DIR, needed.files.clone().into_os_string()),
        (env::CERIUM_DRIVER_PID, std::process::id().to_string().into()),
    ]
}

/// The add-on, the program's own files, what the image says, and last the PySpark of Spark's images.
fn python_path(
    add_on: &Path,
    needed: &Dependencies,
    variable: impl Fn(&str) -> Option<OsString>,
) -> OsString {
    let mut path: Vec<PathBuf> = python_modules::folder_before().into_iter().map(PathBuf::from).collect();
    path.push(add_on.to_owned());
    path.extend(needed.python_path.iter().cloned());
    if let Some(inherited) = variable("PYTHONPATH").filter(|value| !value.is_empty()) {
        path.extend(std::env::split_paths(&inherited));
    }
    let home = variable(env::SPARK_HOME).unwrap_or_else(|| USUAL_SPARK_HOME.into());
    path.extend(pyspark_of(Path::new(&home)));
    join(path.iter().map(|entry| entry.as_os_str()))
}

/// The Python folders of an installation of Spark.
fn pyspark_of(home: &Path) -> Vec<PathBuf> {
    let python = home.join("python");
    if !python.join("pyspark/__init__.py").is_file() {
        return Vec::new();
    }
    let lib = std::fs::read_dir(python.join("lib")).into_iter().flatten().flatten();
    let is_py4j = |path: &PathBuf| {
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        name.starts_with("py4j-") && name.ends_with("-src.zip")
    };
    let py4j = lib.map(|entry| entry.path()).filter(is_py4j);
    [python.clone()].into_iter().chain(py4j).collect()
}

/// Hosts that gRPC reaches without a proxy.
fn without_proxy(variable: impl Fn(&str) -> Option<OsString>) -> OsString {
    let inherited = ["no_grpc_proxy", "no_proxy", "NO_PROXY"]
        .iter()
        .find_map(|name| variable(name).filter(|value| !value.is_empty()));
    let mut hosts = OsString::from("localhost");
    if let Some(inherited) = inherited {
        hosts.push(",");
        hosts.push(inherited);
    }
    hosts
}

/// Joined by colons; an entry with a colon in it cannot be told from two.
fn join<'a>(entries: impl Iterator<Item = &'a OsStr>) -> OsString {
    let mut joined = OsString::new();
    for entry in entries {
        if !joined.is_empty() {
            joined.push(":");
        }
        joined.push(entry);
    }
    joined
}
