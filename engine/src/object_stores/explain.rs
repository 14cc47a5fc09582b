//! Says in words what an object store's refusal means and what to check.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result,
};

/// A refusal in words. The store's own answer, often a page of XML, goes to the log.
#[derive(Debug, thiserror::Error)]
#[error("{words}")]
pub struct Refusal {
    words: String,
}

/// A store whose refusals are explained.
#[derive(Debug)]
pub struct Explained<S> {
    /// Scheme and authority.
    root: String,
    store: Arc<S>,
}

impl<S> Explained<S> {
    /// Wraps the store of `root`, such as `s3a://bucket`.
    pub fn new(root: String, store: S) -> Self {
        Self { root, store: Arc::new(store) }
    }

    fn explain(&self, path: Option<&Path>, error: Error) -> Error {
        explain(&self.root, path, error)
    }
}

/// Puts words before an error that a user can act on; leaves others as they are.
pub fn explain(root: &str, path: Option<&Path>, error: Error) -> Error {
    let object = format!("{}/{}", root.trim_end_matches('/'), path.map_or("", AsRef::as_ref));
    let bucket = root.split("://").last().unwrap_or(root).trim_end_matches('/');
    let text = full_text(&error);
    let has = |needle: &str| text.contains(needle);
    let words = if has("NoSuchBucket") {
        format!(
            "bucket `{bucket}` does not exist: check its name, and spark.hadoop.fs.s3a.endpoint and endpoint.region for the server it is on"
        )
    } else if has("InvalidAccessKeyId") {
        format!(
            "the server does not know the access key used for `{object}`: check spark.hadoop.fs.s3a.access.key or AWS_ACCESS_KEY_ID"
        )
    } else if has("SignatureDoesNotMatch") {
        format!(
            "the secret key used for `{object}` is wrong: check spark.hadoop.fs.s3a.secret.key or AWS_SECRET_ACCESS_KEY, and the endpoint's region"
        )
    } else if has("ExpiredToken") {
        format!(
            "the session token used for `{object}` has expired: renew AWS_SESSION_TOKEN or spark.hadoop.fs.s3a.session.token"
        )
    } else if root.starts_with("s3")
        && (matches!(error, Error::PermissionDenied { .. } | Error::Unauthenticated { .. })
            || has("AccessDenied"))
    {
        format!(
            "access to `{object}` is denied: check that the credentials (spark.hadoop.fs.s3a.access.key and secret.key, or the AWS environment) may read, write and list bucket `{bucket}`"
        )
    } else if matches!(error, Error::PermissionDenied { .. }) || has("Permission denied") {
        format!(
            "permission denied for `{object}`: check the owner and mode of the file for the user the pod runs as"
        )
    } else if has("169.254.169.254") || has("169.254.170.2") {
        format!(
            "no credentials for `{object}`: set spark.hadoop.fs.s3a.access.key and secret.key, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or for public data spark.hadoop.fs.s3a.aws.credentials.provider to org.apache.hadoop.fs.s3a.AnonymousAWSCredentialsProvider"
        )
    } else if has("error sending request") || has("dns error") || has("connection refused") {
        format!(
            "the server of `{object}` cannot be reached: check spark.hadoop.fs.s3a.endpoint, its port, and whether it speaks http or https"
        )
    } else {
        return error;
    };
    tracing::debug!(%error, object, "an object store refused");
    Error::Generic { store: "object store", source: Box::new(Refusal { words }) }
}

/// An error with all its causes.
fn full_text(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

impl<S: ObjectStore> fmt::Display for Explained<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.store.fmt(f)
    }
}

#[async_trait]
impl<S: ObjectStore> ObjectStore for Explained<S> {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.store.put_opts(location, payload, options).await.map_err(|e| self.explain(Some(location), e))
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.store.put_multipart_opts(location, options).await.map_err(|e| self.explain(Some(location), e))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.store.get_opts(location, options).await.map_err(|e| self.explain(Some(location), e))
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.store.get_ranges(location, ranges).await.map_err(|e| self.explain(Some(location), e))
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let root = self.root.clone();
        self.store.delete_stream(locations).map_err(move |e| explain(&root, None, e)).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (root, path) = (self.root.clone(), prefix.cloned());
        self.store.list(prefix).map_err(move |e| explain(&root, path.as_ref(), e)).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.store.list_with_delimiter(prefix).await.map_err(|e| self.explain(prefix, e))
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.store.copy_opts(from, to, options).await.map_err(|e| self.explain(Some(to), e))
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.store.rename_opts(from, to, options).await.map_err(|e| self.explain(Some(to), e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> String {
        let error = Error::Generic { store: "S3", source: text.into() };
        explain("s3a://data", Some(&Path::from("x/y.csv")), error).to_string()
    }

    #[test]
    fn refusals_name_the_bucket_or_object_and_what_to_check() {
        assert!(words("404 <Code>NoSuchBucket</Code>").contains("bucket `data` does not exist"));
        let denied = words("403 Forbidden: <Code>AccessDenied</Code>");
        assert!(denied.contains("s3a://data/x/y.csv") && denied.contains("denied"), "{denied}");
        assert!(words("<Code>SignatureDoesNotMatch</Code>").contains("secret key"));
        assert!(words("<Code>InvalidAccessKeyId</Code>").contains("access key"));
    }

    #[test]
    fn a_missing_object_stays_what_it_is() {
        let error = Error::NotFound { path: "x".into(), source: "404".into() };
        assert!(matches!(explain("s3a://data", None, error), Error::NotFound { .. }));
    }
}
