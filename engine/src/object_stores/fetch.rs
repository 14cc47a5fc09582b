//! Reading and downloading single files that applications name: programs, dependencies.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cerium_spark::source::paths::Location;
use futures::TryStreamExt;
use object_store::{GetResult, ObjectStore, ObjectStoreExt};
use tokio::io::AsyncWriteExt;
use url::Url;

use super::{ObjectStores, StoreError, open_http};

/// Reads a text file, such as a SQL program.
///
/// # Errors
/// What is wrong with the URL, or why the file can't be read.
pub async fn read_to_string(stores: &ObjectStores, url: &str) -> Result<String, StoreError> {
    let bytes = get(stores, url).await?.bytes().await.map_err(|source| read_error(url, source))?;
    String::from_utf8(bytes.to_vec()).map_err(|_| StoreError::NotText { url: url.to_owned() })
}

/// Downloads a file to `target`, in pieces.
///
/// # Errors
/// What is wrong with the URL, why the file can't be read, or why `target` can't be written.
pub async fn download(stores: &ObjectStores, url: &str, target: &Path) -> Result<(), StoreError> {
    let write = |source| StoreError::Write { target: target.to_owned(), source };
    let mut pieces = get(stores, url).await?.into_stream();
    let mut file = tokio::fs::File::create(target).await.map_err(write)?;
    while let Some(piece) = pieces.try_next().await.map_err(|source| read_error(url, source))? {
        file.write_all(&piece).await.map_err(write)?;
    }
    file.flush().await.map_err(write)
}

/// The path of a file on this machine; nothing for one that must be downloaded.
///
/// # Errors
/// What is wrong with the URL.
pub fn local_path(url: &str) -> Result<Option<PathBuf>, StoreError> {
    let location = parse(url)?;
    Ok((location.root == "file://").then(|| Path::new("/").join(location.names.join("/"))))
}

async fn get(stores: &ObjectStores, url: &str) -> Result<GetResult, StoreError> {
    let invalid = |reason: String| StoreError::InvalidUrl { url: url.to_owned(), reason };
    let (address, query) = match url.split_once('?') {
        Some((address, query)) if is_http(url) => (address, Some(query)),
        _ => (url, None),
    };
    let location = parse(address)?;
    let root = Url::parse(&location.root).map_err(|error| invalid(error.to_string()))?;
    let path = location.path().map_err(|error| invalid(error.message().to_owned()))?;
    let store: Arc<dyn ObjectStore> = match query {
        // The query, often a signature, belongs to this one file.
        Some(query) => open_http(&format!("{root}?{query}"), &location.root)?,
        None => stores.store(&root)?,
    };
    store.get(&path).await.map_err(|source| read_error(url, source))
}

fn parse(url: &str) -> Result<Location, StoreError> {
    Location::parse(url)
        .map_err(|error| StoreError::InvalidUrl { url: url.to_owned(), reason: error.message().to_owned() })
}

fn is_http(url: &str) -> bool {
    url.split_once("://")
        .is_some_and(|(scheme, _)| matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https"))
}

/// Without the query, which may hold a secret.
fn read_error(url: &str, source: object_store::Error) -> StoreError {
    let shown = if is_http(url) { url.split('?').next().unwrap_or(url) } else { url };
    StoreError::Read { url: shown.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use cerium_conf::SparkConf;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn main_files_are_read_by_path_and_url() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a b.sql");
        std::fs::write(&path, "SELECT 1").unwrap();
        let stores = ObjectStores::new(SparkConf::new());
        let text = path.to_str().unwrap();
        for url in [text.to_owned(), format!("file://{text}"), format!("local://{text}")] {
            assert_eq!(read_to_string(&stores, &url).await.unwrap(), "SELECT 1", "{url}");
            assert_eq!(local_path(&url).unwrap(), Some(path.clone()), "{url}");
        }
        assert_eq!(local_path("s3a://bucket/a.py").unwrap(), None);
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_named() {
        let stores = ObjectStores::new(SparkConf::new());
        let missing = read_to_string(&stores, "/no/such/main.sql").await.unwrap_err();
        assert!(missing.to_string().contains("/no/such/main.sql"), "{missing}");
        let scheme = read_to_string(&stores, "ftp://x/y").await.unwrap_err();
        assert!(scheme.to_string().contains("ftp"), "{scheme}");
    }

    #[tokio::test]
    async fn a_web_server_is_sent_the_query_too() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let read = socket.read(&mut request).await.unwrap();
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 8\r\nlast-modified: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\nprint(1)";
            socket.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8_lossy(&request[..read]).into_owned()
        });
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("job.py");
        let url = format!("http://{address}/jobs/job.py?token=abc");
        download(&ObjectStores::new(SparkConf::new()), &url, &target).await.unwrap();
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "print(1)");
        let request = asked.await.unwrap();
        assert!(request.starts_with("GET /jobs/job.py?token=abc "), "{request}");
    }
}
