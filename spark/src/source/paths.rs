//! Finds the files that paths name: schemes, patterns, folders.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::execution::SessionState;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::object_store::path::{DELIMITER, Path};
use datafusion::object_store::{self, ObjectMeta, ObjectStore, ObjectStoreExt};
use futures::TryStreamExt;

use super::{errors, glob};
use crate::error::{Result, SparkError};

/// A path as the program wrote it, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// Scheme and authority: `file://`, `s3a://bucket`.
    pub root: String,
    /// Names from the root on, possibly patterns.
    pub names: Vec<String>,
}

/// A file or folder that was found.
#[derive(Debug, Clone)]
pub struct Root {
    pub store: Arc<dyn ObjectStore>,
    pub url: ObjectStoreUrl,
    pub path: Path,
    /// The files at or below it, hidden ones left out.
    pub files: Vec<ObjectMeta>,
    pub is_file: bool,
}

impl Location {
    /// Takes a path apart. A relative path is relative to the working directory.
    pub fn parse(path: &str) -> Result<Self> {
        let (root, rest) = match path.split_once("://") {
            Some((scheme, rest)) if !scheme.contains('/') => {
                let (authority, rest) = rest.split_once('/').unwrap_or((rest, ""));
                let scheme = scheme.to_ascii_lowercase();
                match scheme.as_str() {
                    "file" | "local" => ("file://".to_owned(), rest.to_owned()),
                    "s3" | "s3a" | "http" | "https" if !authority.is_empty() => {
                        (format!("{scheme}://{authority}"), rest.to_owned())
                    }
                    _ => return Err(unsupported_scheme(&scheme, path)),
                }
            }
            _ => {
                let local = path.strip_prefix("file:").unwrap_or(path);
                let absolute = std::path::absolute(local).map_err(|error| {
                    SparkError::new(
                        "INVALID_PATH",
                        "42K03",
                        format!("The path `{path}` is not valid: {error}."),
                    )
                })?;
                ("file://".to_owned(), absolute.to_string_lossy().into_owned())
            }
        };
        let names =
            rest.split('/').filter(|name| !name.is_empty() && *name != ".").map(str::to_owned).collect();
        Ok(Self { root, names })
    }

    /// As Hadoop prints it: `file:/data/x`, `s3a://bucket/x`.
    pub fn display(&self) -> String {
        let root = self.root.strip_suffix("//").unwrap_or(&self.root);
        format!("{root}/{}", self.names.join("/"))
    }

    /// The key of the store for this location.
    pub fn store_url(&self) -> Result<ObjectStoreUrl> {
        ObjectStoreUrl::parse(&self.root)
            .map_err(|error| SparkError::new("INVALID_PATH", "42K03", error.to_string()))
    }

    /// The location as a path within its store.
    pub fn path(&self) -> Result<Path> {
        Path::parse(self.names.join("/")).map_err(|error| {
            SparkError::new(
                "INVALID_PATH",
                "42K03",
                format!("The path `{}` is not valid: {error}.", self.display()),
            )
        })
    }

    fn is_local(&self) -> bool {
        self.root == "file://"
    }
}

fn unsupported_scheme(scheme: &str, path: &str) -> SparkError {
    SparkError::new(
        "UNSUPPORTED_FEATURE.FILE_SYSTEM",
        "0A000",
        format!(
            "No FileSystem for scheme \"{scheme}\" in `{path}`: Cerium reads plain paths, file://, s3://, s3a://, http:// and https://."
        ),
    )
}

/// Whether Spark leaves a file or folder of this name out.
pub fn is_hidden(name: &str) -> bool {
    let hidden = (name.starts_with('_') && !name.contains('=')) || name.starts_with('.');
    hidden || name.ends_with("._COPYING_")
}

/// An error of an object store, naming what was looked for.
pub fn store_error(what: &str, error: impl std::error::Error) -> SparkError {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        source = inner.source();
    }
    errors::failed_read_file(what, text)
}

/// Finds what a path names. Fails with PATH_NOT_FOUND where that is nothing.
pub async fn find(state: &SessionState, path: &str) -> Result<Vec<Root>> {
    let location = Location::parse(path)?;
    let url = location.store_url()?;
    let store =
        state.runtime_env().object_store(&url).map_err(|error| store_error(&location.display(), error))?;
    let mut roots = vec![];
    if glob::is_pattern(path) {
        let mut found = BTreeSet::new();
        for pattern in glob::alternatives(&location.names.join("/")) {
            let names: Vec<&str> = pattern.split(DELIMITER).collect();
            found.extend(expand(store.as_ref(), &location, &names).await?);
        }
        for names in found {
            let concrete = Location { root: location.root.clone(), names };
            roots.extend(root(&store, &url, &concrete).await?);
        }
    } else {
        roots.extend(root(&store, &url, &location).await?);
    }
    if roots.is_empty() {
        return Err(errors::path_not_found(&location.display()));
    }
    Ok(roots)
}

/// The paths that match a pattern, name by name.
async fn expand(store: &dyn ObjectStore, location: &Location, pattern: &[&str]) -> Result<Vec<Vec<String>>> {
    let mut matched: Vec<Vec<String>> = vec![vec![]];
    for (index, name) in pattern.iter().enumerate() {
        if !glob::is_pattern(name) && !name.contains('\\') {
            for names in &mut matched {
                names.push((*name).to_owned());
            }
            continue;
        }
        let last = index + 1 == pattern.len();
        let mut next = vec![];
        for names in matched {
            let folder = Location { root: location.root.clone(), names: names.clone() };
            let listed = store
                .list_with_delimiter(Some(&folder.path()?))
                .await
                .map_err(|error| store_error(&folder.display(), error))?;
            let files = listed.objects.iter().map(|object| &object.location).filter(|_| last);
            for path in listed.common_prefixes.iter().chain(files) {
                if let Some(found) = path.filename()
                    && glob::matches(name, found)
                {
                    let mut names = names.clone();
                    names.push(found.to_owned());
                    next.push(names);
                }
            }
        }
        matched = next;
    }
    Ok(matched)
}

async fn root(
    store: &Arc<dyn ObjectStore>,
    url: &ObjectStoreUrl,
    location: &Location,
) -> Result<Option<Root>> {
    let path = location.path()?;
    let found = |files, is_file| Root {
        store: Arc::clone(store),
        url: url.clone(),
        path: path.clone(),
        files,
        is_file,
    };
    let fail = |error: object_store::Error| store_error(&location.display(), error);
    let folder = if location.is_local() {
        match std::fs::metadata(format!("/{}", location.names.join("/"))) {
            Ok(metadata) => metadata.is_dir(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(store_error(&location.display(), error)),
        }
    } else {
        path.as_ref().is_empty()
    };
    if !folder {
        match store.head(&path).await {
            // An empty object whose name ends with a slash stands for a folder.
            Ok(meta) if meta.size > 0 || location.is_local() => return Ok(Some(found(vec![meta], true))),
            Ok(meta) => {
                let below = files_below(store, &path).await.map_err(fail)?;
                return Ok(Some(if below.is_empty() {
                    found(vec![meta], true)
                } else {
                    found(below, false)
                }));
            }
            Err(object_store::Error::NotFound { .. }) if location.root.starts_with("http") => {
                return Ok(None);
            }
            Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(fail(error)),
        }
    }
    let files = files_below(store, &path).await.map_err(fail)?;
    // A folder of an object store is there if something is in it, be it hidden.
    if files.is_empty() && !folder && store.list(Some(&path)).try_next().await.map_err(fail)?.is_none() {
        return Ok(None);
    }
    Ok(Some(found(files, false)))
}

async fn files_below(
    store: &Arc<dyn ObjectStore>,
    path: &Path,
) -> Result<Vec<ObjectMeta>, object_store::Error> {
    let depth = path.parts().count();
    let mut files: Vec<ObjectMeta> = store
        .list(Some(path))
        .try_filter(|meta| {
            let visible = !meta.location.parts().skip(depth).any(|name| is_hidden(name.as_ref()));
            futures::future::ready(visible)
        })
        .try_collect()
        .await?;
    files.sort_by(|a, b| a.location.cmp(&b.location));
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(path: &str) -> (String, String) {
        let location = Location::parse(path).unwrap();
        (location.root.clone(), location.names.join("/"))
    }

    #[test]
    fn paths_are_taken_apart() {
        assert_eq!(parse("/a/b"), ("file://".into(), "a/b".into()));
        assert_eq!(parse("file:///a/b"), ("file://".into(), "a/b".into()));
        assert_eq!(parse("file:/a//b/"), ("file://".into(), "a/b".into()));
        assert_eq!(parse("local:///a"), ("file://".into(), "a".into()));
        assert_eq!(parse("s3a://bucket/x/*.csv"), ("s3a://bucket".into(), "x/*.csv".into()));
        assert_eq!(Location::parse("/a/b").unwrap().display(), "file:/a/b");
        assert_eq!(Location::parse("s3a://b/x").unwrap().display(), "s3a://b/x");
        assert!(Location::parse("hdfs://nn/x").is_err());
        assert!(Location::parse("s3:///x").is_err());
    }

    #[test]
    fn hidden_names_are_sparks() {
        for (name, hidden) in
            [("_SUCCESS", true), (".crc", true), ("_k=1", false), ("a._COPYING_", true), ("part-0", false)]
        {
            assert_eq!(is_hidden(name), hidden, "{name}");
        }
    }
}
