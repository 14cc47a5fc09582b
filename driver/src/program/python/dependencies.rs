//! What a Python program needs besides Python: its main file, modules, files and archives.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use cerium_conf::keys;
use cerium_engine::archive;
use cerium_engine::object_stores::{ObjectStores, StoreError, download, local_path};
use cerium_engine::python::files::FileKind;

use super::{Place, PythonError};
use crate::application::Application;

/// What was fetched, and where it lies.
#[derive(Debug)]
pub struct Dependencies {
    /// The program.
    pub main_file: PathBuf,
    /// Folders and archives to import from.
    pub python_path: Vec<PathBuf>,
    /// Where `SparkFiles` looks: all files and unpacked archives.
    pub files: PathBuf,
    /// What executors need of it: where it lies, its name, and what it is for.
    pub for_functions: Vec<(PathBuf, String, FileKind)>,
    /// The folder to run in, where it is not that of the driver.
    pub working_folder: Option<PathBuf>,
}

impl Dependencies {
    /// Fetches into folders below `scratch`.
    pub async fn fetch(
        application: &Application,
        stores: &ObjectStores,
        scratch: &Path,
        place: Place,
    ) -> Result<Self, PythonError> {
        let conf = &application.conf;
        let files = folder(scratch, "files")?;
        let modules = folder(scratch, "modules")?;
        let downloads = folder(scratch, "downloads")?;
        let main_file = match local(&application.main_file)? {
            Some(path) => path,
            None => fetch(stores, &application.main_file, &folder(scratch, "program")?).await?,
        };

        let mut python_path = vec![modules.clone()];
        let mut for_functions = Vec::new();
        for file in conf.get(&keys::SUBMIT_PY_FILES)? {
            let path = match local(&file)? {
                Some(path) => path,
                None => fetch(stores, &file, &downloads).await?,
            };
            if path.is_file() {
                for_functions.push((path.clone(), name_of(&file).to_owned(), FileKind::Python));
            }
            if path.extension().is_some_and(|extension| extension == "py") {
                link(&path, &modules.join(name_of(&file)), &modules)?;
            } else {
                python_path.push(path);
            }
        }
        let mut any = false;
        for file in conf.get(&keys::FILES)? {
            let (url, name) = split_alias(&file);
            let target = files.join(&name);
            match local(url)? {
                Some(path) => link(&path, &target, &files)?,
                None => download_to(stores, url, &target).await?,
            }
            for_functions.push((target, name, FileKind::Plain));
            any = true;
        }
        for archive in conf.get(&keys::ARCHIVES)? {
            let (url, name) = split_alias(&archive);
            let path = match local(url)? {
                Some(path) => path,
                None => fetch(stores, url, &downloads).await?,
            };
            if path.is_file() {
                for_functions.push((path.clone(), name.clone(), FileKind::Archive));
            }
            unpack(url, path, files.join(name)).await?;
            any = true;
        }
        let working_folder = match place {
            Place::Pod if any => Some(working_folder(scratch, &files)?),
            Place::Pod | Place::Here => None,
        };
        Ok(Self { main_file, python_path, files, for_functions, working_folder })
    }

    /// A program named by a path that may lead into an unpacked archive, such as `./venv/bin/python`.
    pub fn resolve(&self, program: &OsStr) -> OsString {
        let path = Path::new(program);
        let inside = self.files.join(path);
        if path.is_relative() && path.components().count() > 1 && inside.exists() {
            inside.into_os_string()
        } else {
            program.to_owned()
        }
    }
}

/// A new folder below `parent`.
fn folder(parent: &Path, name: &str) -> Result<PathBuf, PythonError> {
    let path = parent.join(name);
    fs::create_dir_all(&path).map_err(|source| PythonError::Files { folder: path.clone(), source })?;
    Ok(path)
}

/// The path of a file on this machine; nothing for one elsewhere.
fn local(file: &str) -> Result<Option<PathBuf>, PythonError> {
    match local_path(file).map_err(|source| failed(file, source))? {
        Some(path) if !path.exists() => Err(PythonError::Missing { file: shown(file).to_owned(), path }),
        found => Ok(found),
    }
}

/// Downloads a file into a folder, under its own name.
async fn fetch(stores: &ObjectStores, file: &str, folder: &Path) -> Result<PathBuf, PythonError> {
    let target = folder.join(name_of(file));
    download_to(stores, file, &target).await?;
    Ok(target)
}

async fn download_to(stores: &ObjectStores, file: &str, target: &Path) -> Result<(), PythonError> {
    download(stores, file, target).await.map_err(|source| failed(file, source))
}

fn failed(file: &str, source: StoreError) -> PythonError {
    PythonError::Fetch { file: shown(file).to_owned(), source }
}

/// A URL without its query, which may hold a secret.
fn shown(file: &str) -> &str {
    file.split('?').next().unwrap_or(file)
}

/// The last part of a path or URL.
fn name_of(file: &str) -> &str {
    let path = shown(file).trim_end_matches('/');
    path.rsplit('/').next().unwrap_or(path)
}

/// `url#alias`: what is fetched, and the name it gets, by default its own.
fn split_alias(file: &str) -> (&str, String) {
    match file.rsplit_once('#') {
        // A path must not lead out of the folder.
        Some((url, alias)) if !alias.is_empty() => (url, name_of(alias).to_owned()),
        Some((url, _)) => (url, name_of(url).to_owned()),
        None => (file, name_of(file).to_owned()),
    }
}

/// Unpacks an archive; a folder is taken as it is.
async fn unpack(file: &str, path: PathBuf, target: PathBuf) -> Result<(), PythonError> {
    if path.is_dir() {
        let parent = target.parent().unwrap_or(&target).to_owned();
        return link(&path, &target, &parent);
    }
    let name = name_of(file).to_owned();
    let unpacked = tokio::task::spawn_blocking(move || archive::unpack(&path, &name, &target));
    unpacked
        .await
        .map_err(|error| PythonError::Follow(io::Error::other(error)))?
        .map_err(|source| PythonError::Archive { file: shown(file).to_owned(), source })
}

fn link(original: &Path, target: &Path, folder: &Path) -> Result<(), PythonError> {
    symlink(original, target).map_err(|source| PythonError::Files { folder: folder.to_owned(), source })
}

/// A folder with what the present one holds and the program's files beside it: the image may not allow
/// anything to be written to its own.
fn working_folder(scratch: &Path, files: &Path) -> Result<PathBuf, PythonError> {
    let path = folder(scratch, "work")?;
    let linked = || -> io::Result<()> {
        let mut entries: BTreeMap<OsString, PathBuf> = BTreeMap::new();
        let own = std::env::current_dir()?;
        for folder in [own.as_path(), files] {
            for entry in fs::read_dir(folder)? {
                let entry = entry?;
                entries.insert(entry.file_name(), entry.path());
            }
        }
        entries.iter().try_for_each(|(name, original)| symlink(original, path.join(name)))
    };
    linked().map_err(|source| PythonError::Files { folder: path.clone(), source })?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_by_the_end_of_their_url_or_by_their_alias() {
        assert_eq!(
            split_alias("s3a://b/venv.tar.gz#environment"),
            ("s3a://b/venv.tar.gz", "environment".into())
        );
        assert_eq!(split_alias("/data/lookup.csv"), ("/data/lookup.csv", "lookup.csv".into()));
        assert_eq!(split_alias("https://h/a.zip?sig=x"), ("https://h/a.zip?sig=x", "a.zip".into()));
        assert_eq!(split_alias("a.zip#../../etc"), ("a.zip", "etc".into()));
    }
}
