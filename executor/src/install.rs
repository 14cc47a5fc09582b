//! Copying the installation, so that it can run in an image that lacks it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use cerium_conf::paths;

/// What could not be copied.
#[derive(Debug, thiserror::Error)]
#[error("cannot copy {from} to {to}")]
pub struct InstallError {
    from: PathBuf,
    to: PathBuf,
    source: io::Error,
}

/// Copies the installation into `target`, which is made where it is missing.
pub fn install(target: &Path) -> Result<(), InstallError> {
    copy(Path::new(paths::ENGINE), target)
}

fn copy(from: &Path, to: &Path) -> Result<(), InstallError> {
    let failed = |source| InstallError { from: from.to_path_buf(), to: to.to_path_buf(), source };
    if from.is_dir() {
        fs::create_dir_all(to).map_err(failed)?;
        for entry in fs::read_dir(from).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            copy(&entry.path(), &to.join(entry.file_name()))?;
        }
    } else {
        // Follows symbolic links and keeps the permissions.
        fs::copy(from, to).map_err(failed)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn copies_folders_links_and_permissions() {
        let source = tempfile::tempdir().unwrap();
        fs::create_dir(source.path().join("bin")).unwrap();
        let program = source.path().join("bin/program");
        fs::write(&program, "x").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        std::os::unix::fs::symlink("program", source.path().join("bin/link")).unwrap();
        let target = tempfile::tempdir().unwrap();

        copy(source.path(), &target.path().join("new")).unwrap();

        for name in ["program", "link"] {
            let copied = target.path().join("new/bin").join(name);
            assert!(!copied.is_symlink());
            assert_eq!(fs::read_to_string(&copied).unwrap(), "x");
            assert_eq!(fs::metadata(&copied).unwrap().permissions().mode() & 0o777, 0o755);
        }
    }

    #[test]
    fn says_what_is_missing() {
        let error = copy(Path::new("/nonexistent"), Path::new("/tmp/x")).unwrap_err();
        assert_eq!(error.to_string(), "cannot copy /nonexistent to /tmp/x");
    }
}
