//! Broadcast values where Python functions run: fetched from the driver once for each executor.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use cerium_conf::SparkConf;
use prost::Message;
use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::worker::{WorkerError, home};
use crate::object_stores::{ObjectStores, download};

/// The key under which executors are told where a session's broadcasts are; it is no user's to set.
pub const BROADCASTS_KEY: &str = "spark.cerium.internal.broadcasts";
/// What the name of a broadcast starts with among the includes of a function.
const PREFIX: &str = "broadcast:";

/// Where the driver has the broadcasts of a session.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Broadcasts {
    /// What goes before the id of a file to make its URL.
    pub url: String,
    /// The ids of files by the hashes of their content.
    pub files: BTreeMap<String, String>,
}

impl Broadcasts {
    /// The value of [`BROADCASTS_KEY`].
    pub fn to_text(&self) -> String {
        // A map of texts always has a JSON form.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// A broadcast that a function uses.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Broadcast {
    /// Its number in the program.
    #[prost(int64, tag = "1")]
    pub id: i64,
    /// The SHA-256 of its pickled value, in hexadecimal digits.
    #[prost(string, tag = "2")]
    pub content: String,
}

impl Broadcast {
    /// The broadcast that `broadcast:<id>:<content>` names; nothing for another include.
    pub fn of(include: &str) -> Option<Self> {
        let (id, content) = include.strip_prefix(PREFIX)?.split_once(':')?;
        is_hash(content).then_some(())?;
        Some(Self { id: id.parse().ok().filter(|id| *id >= 0)?, content: content.to_owned() })
    }
}

/// Whether a text is a hash, which makes it safe as a name of a file.
fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

type Cells = HashMap<String, Arc<OnceCell<PathBuf>>>;

static FETCHED: LazyLock<Mutex<Cells>> = LazyLock::new(Mutex::default);

fn fetched() -> MutexGuard<'static, Cells> {
    FETCHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The file with the value of a broadcast, fetched if it is not there yet.
///
/// # Errors
/// Why it cannot be fetched: it was destroyed, or the driver does not answer.
pub async fn place(conf: &SparkConf, broadcast: &Broadcast) -> Result<PathBuf, WorkerError> {
    let known = conf.get_str(BROADCASTS_KEY).unwrap_or("{\"url\":\"\",\"files\":{}}");
    let known: Broadcasts = serde_json::from_str(known)
        .map_err(|error| WorkerError::Protocol(format!("a list of broadcasts: {error}")))?;
    let Some(id) = known.files.get(&broadcast.content) else {
        return Err(WorkerError::Destroyed(broadcast.id));
    };
    let cell = Arc::clone(fetched().entry(broadcast.content.clone()).or_default());
    let path = cell
        .get_or_try_init(|| async {
            let folder = folder()?;
            let path = folder.join(&broadcast.content);
            let failed = |path: &Path, source| WorkerError::Files(path.display().to_string(), source);
            fs::create_dir_all(&folder).map_err(|source| failed(&folder, source))?;
            let part = folder.join(format!("{}.{}", broadcast.content, Uuid::new_v4().simple()));
            let stores = ObjectStores::new(conf.clone());
            let fetched = download(&stores, &format!("{}/{id}", known.url), &part).await;
            fetched.map_err(|error| {
                WorkerError::Fetch(format!("of the broadcast {}", broadcast.id), error.to_string())
            })?;
            fs::rename(&part, &path).map_err(|source| failed(&path, source))?;
            tracing::info!(id = broadcast.id, content = broadcast.content, "broadcast fetched");
            Ok::<_, WorkerError>(path)
        })
        .await?;
    Ok(path.clone())
}

fn folder() -> Result<PathBuf, WorkerError> {
    Ok(home()?.join("broadcasts"))
}

/// Deletes the file of a broadcast. It is fetched again should a function still use it.
///
/// # Errors
/// Why the file stays.
pub fn forget(content: &str) -> Result<(), WorkerError> {
    if fetched().remove(content).is_none() || !is_hash(content) {
        return Ok(());
    }
    let path = folder()?.join(content);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(WorkerError::Files(path.display().to_string(), error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broadcasts_are_told_from_other_includes() {
        let content = "0123456789abcdef".repeat(4);
        let found = Broadcast::of(&format!("broadcast:7:{content}"));
        assert_eq!(found, Some(Broadcast { id: 7, content: content.clone() }));
        for other in ["lib.zip", "broadcast:7", &format!("broadcast:-1:{content}"), "broadcast:7:../../etc"] {
            assert_eq!(Broadcast::of(other), None, "{other}");
        }
    }
}
