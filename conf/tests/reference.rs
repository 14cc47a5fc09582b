//! The committed reference of keys is what the registry says.

use std::path::Path;

#[test]
fn the_reference_of_keys_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/configuration.md");
    let expected = cerium_conf::reference_markdown();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, expected, "run: UPDATE_GOLDEN=1 cargo test -p cerium-conf");
}
