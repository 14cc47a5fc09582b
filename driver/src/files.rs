//! Hands the files of sessions out to executors, which run the Python functions that need them.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::BytesMut;
use cerium_conf::{ConfError, SparkConf};
use cerium_engine::python::files::{FileKind, SessionFile, SessionFiles};
use futures::stream;
use tokio::fs::File;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use uuid::Uuid;

/// The port; without it any free one.
const PORT: &str = "spark.driver.blockManager.port";
/// Bytes sent at a time.
const PIECE: usize = 256 << 10;
/// A date for clients that insist on one; files never change under their id.
const MODIFIED: &str = "Thu, 01 Jan 1970 00:00:00 GMT";

/// Why files are not handed out.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// The port is malformed.
    #[error(transparent)]
    Conf(#[from] ConfError),
    /// The port could not be bound.
    #[error("cannot listen on {address} for executors that fetch files ({PORT})")]
    Listen {
        /// Host and port asked for.
        address: String,
        /// The system's answer.
        source: io::Error,
    },
}

type Offered = Arc<Mutex<HashMap<Uuid, PathBuf>>>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The files that executors may fetch: each by an id that cannot be guessed.
pub struct Files {
    url: String,
    offered: Offered,
    /// Those of all sessions.
    shared: Mutex<Vec<SessionFile>>,
    serving: JoinHandle<()>,
}

impl Drop for Files {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Files {
    /// Listens on `host`.
    pub async fn start(conf: &SparkConf, host: &str) -> Result<Self, FilesError> {
        let port = conf.get_str(PORT).and_then(|port| port.parse().ok()).unwrap_or(0_u16);
        let listen_error = |source| FilesError::Listen { address: format!("{host}:{port}"), source };
        let listener = TcpListener::bind((host, port)).await.map_err(listen_error)?;
        let address: SocketAddr = listener.local_addr().map_err(listen_error)?;
        let offered = Offered::default();
        let router = Router::new().route("/files/{id}", get(send)).with_state(Arc::clone(&offered));
        let serving = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the server of files ended");
            }
        });
        Ok(Self { url: format!("http://{address}/files"), offered, shared: Mutex::default(), serving })
    }

    /// Host and port.
    pub fn address(&self) -> String {
        self.url.trim_start_matches("http://").trim_end_matches("/files").to_owned()
    }

    /// What goes before the id of a file to make its URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Offers a file. `file_name` is the name it came by, `name` the one functions know it by.
    pub fn offer(&self, path: PathBuf, name: String, file_name: String, kind: FileKind) -> SessionFile {
        let id = Uuid::new_v4();
        lock(&self.offered).insert(id, path);
        SessionFile { id, name, file_name, kind }
    }

    /// Takes an offer back.
    pub fn withdraw(&self, file: &SessionFile) {
        lock(&self.offered).remove(&file.id);
    }

    /// Offers a file to the functions of all sessions that are opened from now on.
    pub fn share(&self, path: PathBuf, name: String, file_name: String, kind: FileKind) {
        let file = self.offer(path, name, file_name, kind);
        lock(&self.shared).push(file);
    }

    /// The files of all sessions and one session's own, which come before others of their names;
    /// nothing if there are none.
    pub fn list(&self, own: Vec<SessionFile>) -> Option<SessionFiles> {
        let mut files = own;
        for shared in lock(&self.shared).iter() {
            if !files.iter().any(|file| file.name == shared.name) {
                files.push(shared.clone());
            }
        }
        (!files.is_empty()).then(|| SessionFiles { id: Uuid::new_v4(), url: self.url.clone(), files })
    }
}

async fn send(State(offered): State<Offered>, Path(id): Path<String>) -> Response {
    let found = id.parse().ok().and_then(|id: Uuid| lock(&offered).get(&id).cloned());
    let Some(path) = found else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let opened = async {
        let file = File::open(&path).await?;
        let length = file.metadata().await?.len();
        Ok::<_, io::Error>((file, length))
    };
    let (file, length) = match opened.await {
        Ok(opened) => opened,
        Err(error) => {
            tracing::error!(path = %path.display(), %error, "reading a file for executors");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    };
    let pieces = stream::try_unfold(file, |mut file| async move {
        let mut piece = BytesMut::with_capacity(PIECE);
        let read = file.read_buf(&mut piece).await?;
        Ok::<_, io::Error>((read > 0).then(|| (piece.freeze(), file)))
    });
    let headers =
        [(header::CONTENT_LENGTH, length.to_string()), (header::LAST_MODIFIED, MODIFIED.to_owned())];
    (headers, Body::from_stream(pieces)).into_response()
}

#[cfg(test)]
mod tests {
    use cerium_engine::object_stores::{ObjectStores, download};

    use super::*;

    #[tokio::test]
    async fn files_are_had_by_their_id_until_withdrawn() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.py");
        let content = "x = 1\n".repeat(100_000);
        std::fs::write(&path, &content).unwrap();
        let files = Files::start(&SparkConf::new(), "127.0.0.1").await.unwrap();
        let offered = files.offer(path, "a.py".to_owned(), "a.py".to_owned(), FileKind::Python);
        let list = files.list(vec![offered.clone()]).unwrap();
        let stores = ObjectStores::new(SparkConf::new());
        let (url, target) = (format!("{}/{}", list.url, offered.id), folder.path().join("fetched"));
        download(&stores, &url, &target).await.unwrap();
        assert_eq!(std::fs::read_to_string(&target).unwrap(), content);
        let other = format!("{}/{}", list.url, Uuid::new_v4());
        assert!(download(&stores, &other, &target).await.is_err());
        files.withdraw(&offered);
        assert!(download(&stores, &url, &target).await.is_err());
        assert!(files.list(Vec::new()).is_none());
    }
}
