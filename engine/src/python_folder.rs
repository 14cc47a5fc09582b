//! Where Cerium's own Python modules are.

use std::path::{Path, PathBuf};

use cerium_conf::{env, paths};

/// The folder to put on `PYTHONPATH`: the one named by `CERIUM_PYTHON`; that of the installation this
/// program belongs to; in programs that cargo built for its tests, the sources'.
pub fn python_folder() -> Option<PathBuf> {
    let named = std::env::var_os(env::CERIUM_PYTHON).map(PathBuf::from);
    // Programs lie in `bin`; their loader, which counts as the program, in `lib`.
    let beside = std::env::current_exe().ok().and_then(|path| Some(path.parent()?.with_file_name("python")));
    let sources = cfg!(debug_assertions).then(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../python"));
    [named, beside, Some(PathBuf::from(paths::PYTHON)), sources]
        .into_iter()
        .flatten()
        .find(|folder| folder.join("sitecustomize.py").is_file())
}
