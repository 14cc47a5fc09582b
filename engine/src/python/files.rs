//! Files of a session where its Python functions run: fetched from the driver once, laid out as
//! PySpark's workers expect them.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use cerium_conf::SparkConf;
use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::worker::{WorkerError, home};
use crate::archive;
use crate::object_stores::{ObjectStores, download};

/// The key under which executors are told a session's files; it is no user's to set.
pub const FILES_KEY: &str = "spark.cerium.internal.files";
/// What may be imported from without being unpacked.
const IMPORTED_WHOLE: [&str; 3] = ["zip", "egg", "jar"];

/// The files of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionFiles {
    /// Names this list: another list has another.
    #[serde(with = "as_text")]
    pub id: Uuid,
    /// What goes before the id of a file to make the URL at which the driver has it.
    pub url: String,
    /// The files.
    pub files: Vec<SessionFile>,
}

impl SessionFiles {
    /// The value of [`FILES_KEY`].
    pub fn to_text(&self) -> String {
        // A list of texts always has a JSON form.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// A file of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionFile {
    /// By which the driver knows it.
    #[serde(with = "as_text")]
    pub id: Uuid,
    /// What functions call it; an archive is unpacked under this name.
    pub name: String,
    /// The name it came by, whose ending says what kind of archive it is.
    pub file_name: String,
    /// What it is for.
    pub kind: FileKind,
}

/// Ids as they are written.
mod as_text {
    use serde::{Deserialize, Deserializer, Serializer, de};
    use uuid::Uuid;

    pub fn serialize<S: Serializer>(id: &Uuid, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(id)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Uuid, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileKind {
    /// To be read.
    Plain,
    /// To be imported.
    Python,
    /// To be unpacked.
    Archive,
}

/// A folder of files for workers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// Names the list of files; nothing for none.
    pub id: Option<Uuid>,
    /// The folder.
    pub folder: PathBuf,
    /// Files in it that are imported from.
    pub includes: Vec<String>,
}

type Places = HashMap<Uuid, Arc<OnceCell<Arc<Placed>>>>;

static PLACES: LazyLock<Mutex<Places>> = LazyLock::new(Mutex::default);

/// The files that a session's configuration names, fetched if they are not there yet.
///
/// # Errors
/// Why a file cannot be fetched or written.
pub async fn place(conf: &SparkConf) -> Result<Arc<Placed>, WorkerError> {
    let Some(text) = conf.get_str(FILES_KEY) else {
        return Ok(Arc::new(Placed { id: None, folder: home()?.join("files"), includes: Vec::new() }));
    };
    let list: SessionFiles = serde_json::from_str(text)
        .map_err(|error| WorkerError::Protocol(format!("a list of files: {error}")))?;
    let cell = {
        let mut places = PLACES.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(places.entry(list.id).or_default())
    };
    let placed = cell.get_or_try_init(|| async { fetch(conf, &list).await.map(Arc::new) }).await?;
    Ok(Arc::clone(placed))
}

async fn fetch(conf: &SparkConf, list: &SessionFiles) -> Result<Placed, WorkerError> {
    let home = home()?;
    let folder = home.join("sessions").join(list.id.to_string());
    let failed = |path: &Path, source| WorkerError::Files(path.display().to_string(), source);
    fs::create_dir_all(&folder).map_err(|source| failed(&folder, source))?;
    let fetched = home.join("fetched");
    fs::create_dir_all(&fetched).map_err(|source| failed(&fetched, source))?;
    let stores = ObjectStores::new(conf.clone());
    let mut includes = Vec::new();
    for file in &list.files {
        let target = folder.join(inside(&file.name)?);
        let path = fetched.join(file.id.to_string());
        if !path.exists() {
            let part = fetched.join(format!("{}.{}", file.id, Uuid::new_v4().simple()));
            let url = format!("{}/{}", list.url, file.id);
            let fetched = download(&stores, &url, &part).await;
            fetched.map_err(|error| WorkerError::Fetch(file.name.clone(), error.to_string()))?;
            fs::rename(&part, &path).map_err(|source| failed(&path, source))?;
        }
        let original =
            if file.kind == FileKind::Archive { unpacked(&path, &file.file_name).await? } else { path };
        let linked = || -> io::Result<()> {
            if let Some(parent) = target.parent() {
                fs::create_dir_all(parent)?;
            }
            match symlink(&original, &target) {
                // The same file in two lists of the same folder.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
                other => other,
            }
        };
        linked().map_err(|source| failed(&target, source))?;
        let ending = target.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        if file.kind == FileKind::Python && IMPORTED_WHOLE.contains(&ending) {
            includes.push(file.name.clone());
        }
    }
    Ok(Placed { id: Some(list.id), folder, includes })
}

/// The folder that an archive was unpacked to.
async fn unpacked(archive: &Path, name: &str) -> Result<PathBuf, WorkerError> {
    let folder = archive.with_extension("unpacked");
    if folder.exists() {
        return Ok(folder);
    }
    let part = archive.with_extension(Uuid::new_v4().simple().to_string());
    let (from, to, shown) = (archive.to_owned(), part.clone(), name.to_owned());
    let done = tokio::task::spawn_blocking(move || archive::unpack(&from, &shown, &to)).await;
    let failed = |error: String| WorkerError::Fetch(name.to_owned(), error);
    done.map_err(|error| failed(error.to_string()))?.map_err(|error| failed(error.to_string()))?;
    match fs::rename(&part, &folder) {
        // Another list had it unpacked meanwhile.
        Err(_) if folder.exists() => Ok(folder),
        Err(source) => Err(WorkerError::Files(folder.display().to_string(), source)),
        Ok(()) => Ok(folder),
    }
}

/// A name as a path that stays inside of a folder.
fn inside(name: &str) -> Result<&Path, WorkerError> {
    let path = Path::new(name);
    let plain = !name.is_empty() && path.components().all(|part| matches!(part, Component::Normal(_)));
    if plain { Ok(path) } else { Err(WorkerError::Protocol(format!("a file with the name {name:?}"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_inside() {
        for name in ["a.py", "pkg/a.py", "..."] {
            assert!(inside(name).is_ok(), "{name}");
        }
        for name in ["", "/etc/passwd", "../a", "a/../../b"] {
            assert!(inside(name).is_err(), "{name}");
        }
    }
}
