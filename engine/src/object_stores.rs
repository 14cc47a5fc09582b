//! Object stores made on first use from the Spark configuration: local files, S3, HTTP.

mod explain;
mod fetch;
mod s3;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use cerium_conf::{SparkConf, keys};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::object_store::ObjectStoreRegistry;
use object_store::http::HttpBuilder;
use object_store::local::LocalFileSystem;
use object_store::multipart::MultipartStore;
use object_store::{ClientOptions, ObjectStore};
use url::Url;

use self::explain::Explained;
pub use self::fetch::{download, local_path, read_to_string};

/// What can go wrong before a store is asked for anything.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A scheme without a store.
    #[error(
        "no file system for scheme \"{scheme}\" in `{url}`: use a plain path, file://, local://, s3://, s3a://, http:// or https://"
    )]
    UnknownScheme { scheme: String, url: String },
    /// A path or URL that makes no sense.
    #[error("`{url}` is not a valid path: {reason}")]
    InvalidUrl { url: String, reason: String },
    /// A setting of a store that makes no sense.
    #[error("property {key} is `{value}`: expected {expected}")]
    InvalidSetting { key: String, value: String, expected: &'static str },
    /// The store can't be set up.
    #[error("cannot set up access to `{url}`")]
    Setup { url: String, source: object_store::Error },
    /// The file can't be read. The source says why.
    #[error("cannot read `{url}`")]
    Read { url: String, source: object_store::Error },
    /// The copy of a file can't be written.
    #[error("cannot write {}", target.display())]
    Write { target: PathBuf, source: std::io::Error },
    /// The file is no text.
    #[error("`{url}` is not UTF-8 text")]
    NotText { url: String },
}

/// Stores by scheme and authority, made when they are first asked for.
#[derive(Debug, Default)]
pub struct ObjectStores {
    conf: RwLock<SparkConf>,
    stores: Mutex<HashMap<String, Arc<dyn ObjectStore>>>,
}

impl ObjectStores {
    /// A registry for this configuration (`spark.hadoop.fs.s3a.*`), with the usual AWS
    /// environment for what it leaves open.
    pub fn new(conf: SparkConf) -> Self {
        Self { conf: RwLock::new(conf), stores: Mutex::default() }
    }

    /// Stores follow this configuration from now on; those there are, are made anew where it says
    /// something else of file systems.
    pub fn reconfigure(&self, conf: &SparkConf) {
        let mut current = self.conf.write().unwrap_or_else(PoisonError::into_inner);
        if !current.iter_prefix(keys::HADOOP).eq(conf.iter_prefix(keys::HADOOP)) {
            *current = conf.clone();
            self.stores.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }

    /// The store for a URL.
    ///
    /// # Errors
    /// An unknown scheme, or settings that make no sense.
    pub fn store(&self, url: &Url) -> std::result::Result<Arc<dyn ObjectStore>, StoreError> {
        let key = key(url);
        let mut stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = stores.get(&key) {
            return Ok(Arc::clone(store));
        }
        let store = self.open(url)?;
        stores.insert(key, Arc::clone(&store));
        Ok(store)
    }

    fn open(&self, url: &Url) -> std::result::Result<Arc<dyn ObjectStore>, StoreError> {
        let setup = |source| StoreError::Setup { url: key(url), source };
        let conf = self.conf.read().unwrap_or_else(PoisonError::into_inner);
        match url.scheme() {
            "file" => Ok(Arc::new(Explained::new("file://".into(), LocalFileSystem::new()))),
            "s3" | "s3a" => {
                let bucket = bucket(url)?;
                let store = s3::builder(&conf, bucket, &s3::environment())?.build().map_err(setup)?;
                Ok(Arc::new(Explained::new(key(url), store)))
            }
            "http" | "https" => open_http(&key(url), &key(url)),
            scheme => Err(StoreError::UnknownScheme { scheme: scheme.into(), url: url.to_string() }),
        }
    }
}

/// The store behind a web server; `shown` stands for its address in messages.
fn open_http(address: &str, shown: &str) -> std::result::Result<Arc<dyn ObjectStore>, StoreError> {
    let options = ClientOptions::new().with_allow_http(true);
    let store = HttpBuilder::new()
        .with_url(address)
        .with_client_options(options)
        .build()
        .map_err(|source| StoreError::Setup { url: shown.to_owned(), source })?;
    Ok(Arc::new(Explained::new(shown.to_owned(), store)))
}

/// Multipart uploads to the store of a URL; `None` where files are renamed instead.
///
/// # Errors
/// Settings that make no sense.
pub fn multipart(
    conf: &SparkConf,
    url: &Url,
) -> std::result::Result<Option<Arc<dyn MultipartStore>>, StoreError> {
    if !matches!(url.scheme(), "s3" | "s3a") {
        return Ok(None);
    }
    let store = s3::builder(conf, bucket(url)?, &s3::environment())?
        .build()
        .map_err(|source| StoreError::Setup { url: key(url), source })?;
    Ok(Some(Arc::new(store)))
}

/// Puts words before a store's refusal that a user can act on.
pub fn explained(
    root: &str,
    path: &object_store::path::Path,
    error: object_store::Error,
) -> object_store::Error {
    explain::explain(root, Some(path), error)
}

fn bucket(url: &Url) -> std::result::Result<&str, StoreError> {
    url.host_str()
        .filter(|host| !host.is_empty())
        .ok_or_else(|| StoreError::InvalidUrl { url: url.to_string(), reason: "it names no bucket".into() })
}

/// Scheme and authority, without credentials.
fn key(url: &Url) -> String {
    format!("{}://{}", url.scheme(), &url[url::Position::BeforeHost..url::Position::AfterPort])
}

impl ObjectStoreRegistry for ObjectStores {
    fn register_store(&self, url: &Url, store: Arc<dyn ObjectStore>) -> Option<Arc<dyn ObjectStore>> {
        self.stores.lock().unwrap_or_else(PoisonError::into_inner).insert(key(url), store)
    }

    fn deregister_store(&self, url: &Url) -> Result<Arc<dyn ObjectStore>> {
        let removed = self.stores.lock().unwrap_or_else(PoisonError::into_inner).remove(&key(url));
        removed.ok_or_else(|| DataFusionError::Execution(format!("no object store is registered for {url}")))
    }

    fn get_store(&self, url: &Url) -> Result<Arc<dyn ObjectStore>> {
        self.store(url).map_err(|error| DataFusionError::External(Box::new(error)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_settings_make_other_stores() {
        let stores = ObjectStores::new(SparkConf::new());
        let url = Url::parse("s3a://bucket/x").unwrap();
        let first = stores.store(&url).unwrap();
        let mut conf: SparkConf = [("spark.app.name", "x")].into_iter().collect();
        stores.reconfigure(&conf);
        assert!(Arc::ptr_eq(&first, &stores.store(&url).unwrap()));
        conf.set("spark.hadoop.fs.s3a.endpoint", "http://127.0.0.1:9000");
        stores.reconfigure(&conf);
        assert!(!Arc::ptr_eq(&first, &stores.store(&url).unwrap()));
    }

    #[test]
    fn stores_are_made_once_for_each_bucket() {
        let stores = ObjectStores::new(SparkConf::new());
        let url = |text: &str| Url::parse(text).unwrap();
        let first = stores.store(&url("s3a://bucket/x")).unwrap();
        let same = stores.store(&url("s3a://bucket/y")).unwrap();
        let other = stores.store(&url("s3a://other/x")).unwrap();
        assert!(Arc::ptr_eq(&first, &same));
        assert!(!Arc::ptr_eq(&first, &other));
        assert!(stores.store(&url("hdfs://nn/x")).is_err());
    }
}
