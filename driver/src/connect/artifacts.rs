//! Files that clients send: checked, kept in a folder of the session, and offered to executors.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use spark_connect_proto::add_artifacts_request::{
    ArtifactChunk, BeginChunkedArtifact, Payload, SingleChunkArtifact,
};
use spark_connect_proto::add_artifacts_response::ArtifactSummary;
use tempfile::NamedTempFile;

use super::error::{Failure, handle};
use cerium_spark::error::SparkError;

/// The folder of a session could not be written.
#[derive(Debug, thiserror::Error)]
#[error("failed to store an artifact in {}", path.display())]
pub struct ArtifactError {
    path: PathBuf,
    source: io::Error,
}

impl From<ArtifactError> for Failure {
    fn from(error: ArtifactError) -> Self {
        SparkError::internal(format!("{error}: {}", error.source)).into()
    }
}

/// What a file is for; the first folder of its name says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ArtifactKind {
    /// `files/`: beside the working directory of Python functions.
    File,
    /// `pyfiles/`: a module, package or archive that Python functions import from.
    PythonFile,
    /// `archives/`: unpacked beside the working directory of Python functions.
    Archive,
    /// `cache/`: rows of a local relation.
    Cache,
    /// `jars/` and `classes/`: for a JVM, so for nobody here.
    Java,
}

/// A file of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// What it is for.
    pub kind: ArtifactKind,
    /// Its name below the folder of its kind, such as `helpers.py`.
    pub name: String,
    /// The name an archive is unpacked under, where the client gave one.
    pub alias: Option<String>,
    /// Where it lies on the driver.
    pub path: PathBuf,
}

/// The files of one session. They are deleted with it.
#[derive(Debug)]
pub struct SessionArtifacts {
    folder: PathBuf,
    known: Mutex<BTreeMap<String, Artifact>>,
}

impl Drop for SessionArtifacts {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            tracing::warn!(folder = %self.folder.display(), %error, "deleting the files of a session");
        }
    }
}

impl SessionArtifacts {
    /// No files yet. They go into `folder`, which is made.
    pub fn new(folder: &Path) -> Result<Self, ArtifactError> {
        fs::create_dir_all(folder).map_err(|source| ArtifactError { path: folder.to_path_buf(), source })?;
        Ok(Self { folder: folder.to_path_buf(), known: Mutex::default() })
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<String, Artifact>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All files that Python functions may ask for, ordered by name.
    pub fn for_functions(&self) -> Vec<Artifact> {
        let wanted = [ArtifactKind::File, ArtifactKind::PythonFile, ArtifactKind::Archive];
        self.known().values().filter(|artifact| wanted.contains(&artifact.kind)).cloned().collect()
    }

    /// What lies under `cache/`: names are hashes.
    pub fn cache(&self) -> Vec<Artifact> {
        self.known().values().filter(|artifact| artifact.kind == ArtifactKind::Cache).cloned().collect()
    }

    /// Deletes `cache/<hash>`.
    pub fn remove_cached(&self, hash: &str) {
        if let Some(artifact) = self.known().remove(&format!("cache/{hash}"))
            && let Err(error) = fs::remove_file(&artifact.path)
        {
            tracing::warn!(path = %artifact.path.display(), %error, "deleting a broadcast");
        }
    }

    /// Whether a file of this name (as the client writes it) is there.
    pub fn contains(&self, name: &str) -> bool {
        self.known().contains_key(name)
    }

    /// The content of `cache/<hash>`.
    pub fn cached(&self, hash: &str) -> Option<Bytes> {
        let path = self.known().get(&format!("cache/{hash}"))?.path.clone();
        match fs::read(&path) {
            Ok(content) => Some(content.into()),
            Err(error) => {
                tracing::error!(path = %path.display(), %error, "reading a cached relation");
                None
            }
        }
    }

    /// Gives another session copies of all files.
    pub fn copy_to(&self, other: &Self) -> Result<(), ArtifactError> {
        for (name, artifact) in self.known().iter() {
            let content = fs::read(&artifact.path)
                .map_err(|source| ArtifactError { path: artifact.path.clone(), source })?;
            let path = other.folder.join(artifact.path.strip_prefix(&self.folder).unwrap_or(&artifact.path));
            write(&path, &content)?;
            other.known().insert(name.clone(), Artifact { path, ..artifact.clone() });
        }
        Ok(())
    }

    /// A file to collect an artifact in.
    fn staged(&self) -> Result<NamedTempFile, ArtifactError> {
        NamedTempFile::new_in(&self.folder)
            .map_err(|source| ArtifactError { path: self.folder.clone(), source })
    }

    /// Takes a complete file in under its name. Sending the same again changes nothing; other
    /// content under a known name is refused, as functions may have been made with the first.
    fn take(&self, name: &str, staged: NamedTempFile) -> Result<(), Failure> {
        let mut artifact = parse_name(name)?;
        let path = self.folder.join(&artifact.path);
        if artifact.kind != ArtifactKind::Cache && path.exists() {
            let stored = |path: &Path| {
                fs::read(path).map_err(|source| ArtifactError { path: path.to_path_buf(), source })
            };
            if stored(&path)? != stored(staged.path())? {
                return Err(handle::artifact_exists(name));
            }
        } else {
            let failed = |source| ArtifactError { path: path.clone(), source };
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent).map_err(failed)?;
            }
            staged.persist(&path).map_err(|error| failed(error.error))?;
        }
        artifact.path = path;
        self.known().insert(name.to_owned(), artifact);
        Ok(())
    }
}

fn write(path: &Path, content: &[u8]) -> Result<(), ArtifactError> {
    let failed = |source| ArtifactError { path: path.to_path_buf(), source };
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(failed)?;
    }
    fs::write(path, content).map_err(failed)
}

/// The parts of a name; its path is relative to the session's folder.
fn parse_name(name: &str) -> Result<Artifact, Failure> {
    let (file, alias) = match name.split_once('#') {
        Some((file, alias)) => (file, Some(alias)),
        None => (name, None),
    };
    let is_plain = |text: &str| {
        !text.is_empty()
            && !text.contains(['\0', '\\'])
            && Path::new(text).components().all(|part| matches!(part, Component::Normal(_)))
    };
    if !is_plain(file) || alias.is_some_and(|alias| !is_plain(alias)) {
        return Err(handle::invalid_artifact_path(name));
    }
    let (folder, rest) = file.split_once('/').ok_or_else(|| handle::invalid_artifact_path(name))?;
    let kind = match folder {
        "files" => ArtifactKind::File,
        "pyfiles" => ArtifactKind::PythonFile,
        "archives" => ArtifactKind::Archive,
        "cache" => ArtifactKind::Cache,
        "jars" | "classes" => ArtifactKind::Java,
        "forward_to_fs" => return Err(SparkError::unsupported("copyFromLocalToFs").into()),
        _ => return Err(handle::invalid_artifact_path(name)),
    };
    Ok(Artifact { kind, name: rest.to_owned(), alias: alias.map(str::to_owned), path: file.into() })
}

/// A large file on its way.
struct Chunked {
    name: String,
    chunks_left: i64,
    bytes_left: i64,
    intact: bool,
    file: NamedTempFile,
}

/// Takes the messages of one upload in.
pub struct Upload<'a> {
    artifacts: &'a SessionArtifacts,
    chunked: Option<Chunked>,
    summaries: Vec<ArtifactSummary>,
}

impl<'a> Upload<'a> {
    /// An upload to a session.
    pub fn new(artifacts: &'a SessionArtifacts) -> Self {
        Self { artifacts, chunked: None, summaries: Vec::new() }
    }

    /// Takes one message in.
    pub fn accept(&mut self, payload: Payload) -> Result<(), Failure> {
        match payload {
            Payload::Batch(batch) => {
                self.expect_nothing_open()?;
                batch.artifacts.into_iter().try_for_each(|artifact| self.single(artifact))
            }
            Payload::BeginChunk(begin) => {
                self.expect_nothing_open()?;
                self.begin(begin)
            }
            Payload::Chunk(chunk) => match self.chunked.take() {
                Some(chunked) => self.continue_with(chunked, &chunk),
                None => Err(Failure::invalid_plan("a chunk of an artifact came before its beginning")),
            },
        }
    }

    /// What became of each file.
    pub fn finish(self) -> Result<Vec<ArtifactSummary>, Failure> {
        self.expect_nothing_open()?;
        Ok(self.summaries)
    }

    fn expect_nothing_open(&self) -> Result<(), Failure> {
        match &self.chunked {
            None => Ok(()),
            Some(open) => Err(Failure::invalid_plan(format!(
                "{} chunks of the artifact {} are missing",
                open.chunks_left, open.name
            ))),
        }
    }

    fn single(&mut self, artifact: SingleChunkArtifact) -> Result<(), Failure> {
        let SingleChunkArtifact { name, data } = artifact;
        parse_name(&name)?;
        let chunk = data.ok_or_else(|| handle::missing("the data of an artifact"))?;
        let mut file = self.artifacts.staged()?;
        append(&mut file, &chunk)?;
        self.close(name, file, is_intact(&chunk))
    }

    fn begin(&mut self, begin: BeginChunkedArtifact) -> Result<(), Failure> {
        let BeginChunkedArtifact { name, total_bytes, num_chunks, initial_chunk } = begin;
        parse_name(&name)?;
        let chunk = initial_chunk.ok_or_else(|| handle::missing("the first chunk of an artifact"))?;
        let file = self.artifacts.staged()?;
        let chunked = Chunked { name, chunks_left: num_chunks, bytes_left: total_bytes, intact: true, file };
        self.continue_with(chunked, &chunk)
    }

    fn continue_with(&mut self, mut chunked: Chunked, chunk: &ArtifactChunk) -> Result<(), Failure> {
        chunked.chunks_left -= 1;
        chunked.bytes_left -= chunk.data.len() as i64;
        chunked.intact &= is_intact(chunk);
        if chunked.bytes_left < 0 || chunked.chunks_left < 0 {
            let problem = format!("the artifact {} is larger than announced", chunked.name);
            return Err(Failure::invalid_plan(problem));
        }
        append(&mut chunked.file, chunk)?;
        if chunked.chunks_left > 0 {
            self.chunked = Some(chunked);
            return Ok(());
        }
        if chunked.bytes_left > 0 {
            let problem = format!("the artifact {} is smaller than announced", chunked.name);
            return Err(Failure::invalid_plan(problem));
        }
        self.close(chunked.name, chunked.file, chunked.intact)
    }

    /// A file that did not arrive intact is dropped; the client may send it again.
    fn close(&mut self, name: String, file: NamedTempFile, intact: bool) -> Result<(), Failure> {
        if intact {
            self.artifacts.take(&name, file)?;
        }
        self.summaries.push(ArtifactSummary { name, is_crc_successful: intact });
        Ok(())
    }
}

fn is_intact(chunk: &ArtifactChunk) -> bool {
    i64::from(crc32fast::hash(&chunk.data)) == chunk.crc
}

fn append(file: &mut NamedTempFile, chunk: &ArtifactChunk) -> Result<(), ArtifactError> {
    let path = file.path().to_path_buf();
    let file: &mut File = file.as_file_mut();
    file.write_all(&chunk.data).map_err(|source| ArtifactError { path, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(data: &'static [u8]) -> ArtifactChunk {
        ArtifactChunk { data: Bytes::from_static(data), crc: i64::from(crc32fast::hash(data)) }
    }

    fn send(artifacts: &SessionArtifacts, name: &str, chunk: ArtifactChunk) -> Result<bool, Failure> {
        let mut upload = Upload::new(artifacts);
        upload.single(SingleChunkArtifact { name: name.to_owned(), data: Some(chunk) })?;
        Ok(upload.finish()?[0].is_crc_successful)
    }

    fn artifacts() -> (tempfile::TempDir, SessionArtifacts) {
        let folder = tempfile::tempdir().unwrap();
        let artifacts = SessionArtifacts::new(&folder.path().join("s")).unwrap();
        (folder, artifacts)
    }

    #[test]
    fn names_cannot_leave_the_folder() {
        let (folder, artifacts) = artifacts();
        for name in [
            "files/../../x",
            "/etc/passwd",
            "files//etc/../x",
            "../x",
            "files/..",
            "x.py",
            "",
            "archives/a#../b",
        ] {
            let refused = send(&artifacts, name, chunk(b"x")).unwrap_err();
            assert_eq!(refused.spark_error().unwrap().class(), "INVALID_ARTIFACT_PATH", "{name}");
        }
        assert_eq!(fs::read_dir(folder.path().join("s")).unwrap().count(), 0);
    }

    #[test]
    fn chunks_are_put_together_and_checked() {
        let (_folder, artifacts) = artifacts();
        let begin = |total| BeginChunkedArtifact {
            name: "pyfiles/helpers.py".into(),
            total_bytes: total,
            num_chunks: 2,
            initial_chunk: Some(chunk(b"abc")),
        };
        let mut upload = Upload::new(&artifacts);
        upload.accept(Payload::BeginChunk(begin(5))).unwrap();
        upload.accept(Payload::Chunk(chunk(b"de"))).unwrap();
        assert!(upload.finish().unwrap()[0].is_crc_successful);
        let files = artifacts.for_functions();
        assert_eq!(files[0].name, "helpers.py");
        assert_eq!(fs::read(&files[0].path).unwrap(), b"abcde");

        let mut upload = Upload::new(&artifacts);
        upload.accept(Payload::BeginChunk(begin(5))).unwrap();
        assert!(upload.finish().is_err());
        let mut upload = Upload::new(&artifacts);
        upload.accept(Payload::BeginChunk(begin(4))).unwrap();
        assert!(upload.accept(Payload::Chunk(chunk(b"de"))).is_err());
    }

    #[test]
    fn broken_files_are_dropped_and_other_content_refused() {
        let (_folder, artifacts) = artifacts();
        assert!(!send(&artifacts, "files/a", ArtifactChunk { crc: 1, ..chunk(b"a") }).unwrap());
        assert!(!artifacts.contains("files/a"));
        assert!(send(&artifacts, "files/a", chunk(b"a")).unwrap());
        assert!(send(&artifacts, "files/a", chunk(b"a")).unwrap());
        let refused = send(&artifacts, "files/a", chunk(b"b")).unwrap_err();
        assert_eq!(refused.spark_error().unwrap().class(), "ARTIFACT_ALREADY_EXISTS");
        assert!(send(&artifacts, "cache/abc", chunk(b"rows")).unwrap());
        assert_eq!(artifacts.cached("abc").unwrap(), b"rows".as_slice());
    }

    #[test]
    fn archives_keep_their_alias() {
        let (_folder, artifacts) = artifacts();
        send(&artifacts, "archives/env.zip#python", chunk(b"z")).unwrap();
        let archive = &artifacts.for_functions()[0];
        assert_eq!((archive.name.as_str(), archive.alias.as_deref()), ("env.zip", Some("python")));
    }
}
