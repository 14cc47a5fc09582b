//! Cerium's own Python modules. Their text is part of the program, so that they fit it wherever it runs.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::Path;

/// A folder whose packages come before those of the program, for those who work on them.
pub const FOLDER_VARIABLE: &str = "CERIUM_PYTHON";

/// The modules by their paths below `python/`.
const MODULES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/python_modules.rs"));

/// Writes the modules below `folder`.
///
/// # Errors
/// The system's, where the folder cannot be written to.
pub fn write(folder: &Path) -> io::Result<()> {
    for (name, text) in MODULES {
        let path = folder.join(name);
        if let Some(package) = path.parent() {
            fs::create_dir_all(package)?;
        }
        fs::write(path, text)?;
    }
    Ok(())
}

/// The folder that is to come before that of [`write()`] on Python's path.
pub fn folder_before() -> Option<OsString> {
    std::env::var_os(FOLDER_VARIABLE).filter(|folder| !folder.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_are_written() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path()).unwrap();
        for name in ["cerium_client/__init__.py", "cerium_worker/plain.py"] {
            assert!(folder.path().join(name).is_file(), "{name}");
        }
    }
}
