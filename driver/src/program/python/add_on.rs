//! The start-up add-on: Cerium's own modules in a program's Python.

use std::fs;
use std::path::{Path, PathBuf};

use cerium_engine::python_modules;

use super::PythonError;

/// What Python runs first.
const START: &str = include_str!("../../../../python/sitecustomize.py");

/// Writes the modules below `scratch` and gives the folder for `PYTHONPATH`.
pub fn write(scratch: &Path) -> Result<PathBuf, PythonError> {
    let folder = scratch.join("add-on");
    python_modules::write(&folder)
        .and_then(|()| fs::write(folder.join("sitecustomize.py"), START))
        .map_err(|source| PythonError::Files { folder: folder.clone(), source })?;
    Ok(folder)
}
