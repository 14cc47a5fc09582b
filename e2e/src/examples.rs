//! The files of `examples/`.

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::application::merge;
use crate::cluster::repository;
use crate::scope::Scope;

/// The text of an example.
pub fn read(name: &str) -> Result<String> {
    let path = repository().join("examples").join(name);
    std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
}

/// Applies a manifest as it is.
pub async fn apply(scope: &Scope, name: &str) -> Result<()> {
    scope.apply(&read(name)?).await.map(drop)
}

/// Applies a manifest with a JSON merge patch of its object of Spark, which comes last.
pub async fn apply_changed(scope: &Scope, name: &str, changes: Value) -> Result<()> {
    let text = read(name)?;
    let mut items = serde_yaml::Deserializer::from_str(&text)
        .map(Value::deserialize)
        .collect::<Result<Vec<_>, _>>()
        .with_context(|| format!("{name} is no manifest"))?;
    merge(items.last_mut().with_context(|| format!("{name} is empty"))?, changes);
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
    scope.apply(&list.to_string()).await.map(drop)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::Path;

    use super::*;

    /// Sources of tests and their text.
    fn sources(folder: &Path, found: &mut BTreeMap<String, String>) -> Result<()> {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                sources(&path, found)?;
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.insert(path.display().to_string(), std::fs::read_to_string(&path)?);
            }
        }
        Ok(())
    }

    /// The rows of the tables in examples/README.md: the file and the tests that run it.
    fn listed() -> Result<BTreeMap<String, Vec<String>>> {
        let text = read("README.md")?;
        let mut rows = BTreeMap::new();
        for line in text.lines().filter(|line| line.starts_with("| [")) {
            let mut cells = line.trim_matches('|').split('|').map(str::trim);
            let file = cells.next().and_then(|cell| cell.trim_start_matches('[').split(']').next());
            let tests = cells.nth(1).with_context(|| format!("no tests: {line}"))?;
            let tests = tests.split(", ").map(|test| test.trim_matches('`').to_owned()).collect();
            rows.insert(file.unwrap_or_default().to_owned(), tests);
        }
        Ok(rows)
    }

    #[test]
    fn every_example_is_listed_with_a_test_that_runs_it() -> Result<()> {
        let listed = listed()?;
        let is_example = |name: &str| [".yaml", ".py", ".sql"].iter().any(|end| name.ends_with(end));
        let files: BTreeSet<_> = std::fs::read_dir(repository().join("examples"))?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .filter(|name: &Result<_>| name.as_ref().is_ok_and(|name| is_example(name)))
            .collect::<Result<_>>()?;
        assert_eq!(listed.keys().cloned().collect::<BTreeSet<_>>(), files, "examples/README.md");
        let mut texts = BTreeMap::new();
        for folder in ["e2e/tests", "e2e/src", "driver/tests"] {
            sources(&repository().join(folder), &mut texts)?;
        }
        for (file, tests) in listed {
            for test in tests {
                let mut of_test = texts.values().filter(|text| text.contains(&format!("fn {test}()")));
                let text = of_test.next().with_context(|| format!("{file}: there is no test {test}"))?;
                // By its own name, or by the name of a manifest that names it.
                let manifests = std::fs::read_dir(repository().join("examples"))?
                    .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
                    .filter(|other| Path::new(other).extension().is_some_and(|end| end == "yaml"))
                    .filter(|other| read(other).is_ok_and(|manifest| manifest.contains(&format!("/{file}"))));
                let named = manifests.chain([file.clone()]).any(|name| text.contains(&name));
                assert!(named || file == "s3.yaml", "{test} does not run {file}");
            }
        }
        Ok(())
    }
}
