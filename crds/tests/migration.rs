//! The page about fields for those who come from Kubeflow: it is up to date, and no field of the schema is missing.

use std::path::Path;

use cerium_crds::{SparkApplication, migration};
use serde_json::Value;

/// Fields of the schema that neither have a row nor are below one.
fn missing(schema: &Value, path: &str, rows: &[String], found: &mut Vec<String>) {
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        if rows.contains(&path) {
            continue;
        }
        if rows.iter().any(|row| row.starts_with(&format!("{path}."))) {
            missing(property, &path, rows, found);
        } else {
            found.push(path);
        }
    }
}

#[test]
fn no_field_of_the_schema_is_missing_and_every_row_is_a_field() {
    let definitions = cerium_crds::definitions().unwrap();
    let definition = definitions.iter().find(|d| d.spec.names.plural == "sparkapplications").unwrap();
    let schema = serde_json::to_value(&definition.spec.versions[0].schema).unwrap();
    let spec = &schema["openAPIV3Schema"]["properties"]["spec"];
    let rows: Vec<String> = migration::fields().into_iter().map(|(field, _)| field).collect();
    let mut found = Vec::new();
    missing(spec, "spec", &rows, &mut found);
    assert_eq!(found, Vec::<String>::new());
    for row in rows {
        let names = row.split('.').skip(1);
        let field = names.fold(spec, |schema, name| &schema["properties"][name]);
        assert!(field.is_object(), "{row} is no field");
    }
}

#[test]
fn the_page_is_up_to_date() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest =
        std::fs::read_to_string(folder.join("tests/data/every-field-sparkapplication.yaml")).unwrap();
    let everything: SparkApplication = serde_yaml::from_str(&manifest).unwrap();
    let page = migration::markdown(&everything.spec);
    let path = folder.join("../docs/migration/fields.md");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &page).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == page, "run: UPDATE_GOLDEN=1 cargo test -p cerium-crds");
}
