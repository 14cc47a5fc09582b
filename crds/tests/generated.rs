//! The committed definitions in crds/generated, and the chart's admission policies, are what the types say.

use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn the_generated_definitions_are_up_to_date() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("generated");
    let files = cerium_crds::generated_files().unwrap();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(&folder).unwrap();
        for (name, yaml) in &files {
            std::fs::write(folder.join(name), yaml).unwrap();
        }
    }
    for (name, yaml) in &files {
        let found = std::fs::read_to_string(folder.join(name)).unwrap_or_default();
        assert!(found == *yaml, "{name} differs; run: UPDATE_GOLDEN=1 cargo test -p cerium-crds");
    }
    let expected: BTreeSet<_> = files.into_iter().map(|(name, _)| name).collect();
    let found: BTreeSet<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn the_admission_policies_of_the_chart_are_up_to_date() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../charts/cerium/files/admission.yaml");
    let yaml = cerium_crds::admission::admission_policies().unwrap();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, &yaml).unwrap();
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(found == yaml, "{} differs; run: UPDATE_GOLDEN=1 cargo test -p cerium-crds", file.display());
}
