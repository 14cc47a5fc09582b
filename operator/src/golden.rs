//! Golden files: compared by default, rewritten with `UPDATE_GOLDEN=1`.

use std::path::PathBuf;

/// The path of a file of this crate.
pub fn path(relative: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(relative)
}

/// Compares a text with a file.
pub fn check(relative: &str, text: &str) {
    let path = path(relative);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        return;
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(golden == text, "{} differs (UPDATE_GOLDEN=1 rewrites it); now it is:\n{text}", path.display());
}

/// Compares a text with what stands between two marker lines of a file.
pub fn check_block(relative: &str, name: &str, text: &str) {
    let path = path(relative);
    let whole = std::fs::read_to_string(&path).unwrap();
    let (begin, end) = (format!("<!-- {name}:begin -->\n"), format!("<!-- {name}:end -->"));
    let start = whole.find(&begin).unwrap() + begin.len();
    let stop = start + whole[start..].find(&end).unwrap();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, format!("{}{text}{}", &whole[..start], &whole[stop..])).unwrap();
        return;
    }
    assert!(
        whole[start..stop] == *text,
        "the block {name} of {} differs (UPDATE_GOLDEN=1 rewrites it); now it is:\n{text}",
        path.display()
    );
}
