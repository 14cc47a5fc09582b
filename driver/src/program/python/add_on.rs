//! The start-up add-on: Cerium's own modules in a program's Python. Their text is part of the driver, so that
//! they fit together wherever the driver runs.

use std::fs;
use std::path::{Path, PathBuf};

use super::PythonError;

macro_rules! modules {
    ($($name:literal)*) => {
        [$(($name, include_str!(concat!("../../../../python/", $name)))),*]
    };
}

/// The modules by their paths below `python/`.
const MODULES: [(&str, &str); 7] = modules!(
    "sitecustomize.py"
    "cerium_client/__init__.py"
    "cerium_client/files.py"
    "cerium_client/hooks.py"
    "cerium_client/master.py"
    "cerium_client/missing.py"
    "cerium_client/parent.py"
);

/// Writes the modules below `scratch` and gives the folder for `PYTHONPATH`.
pub fn write(scratch: &Path) -> Result<PathBuf, PythonError> {
    let folder = scratch.join("add-on");
    let written = || {
        fs::create_dir_all(folder.join("cerium_client"))?;
        MODULES.iter().try_for_each(|(name, text)| fs::write(folder.join(name), text))
    };
    written().map_err(|source| PythonError::Files { folder: folder.clone(), source })?;
    Ok(folder)
}
