//! One client's session: its conf, catalog, artifacts, executions and errors.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cerium_engine::python::broadcast::{BROADCASTS_KEY, Broadcasts};
use cerium_engine::python::files::{FILES_KEY, FileKind, SessionFile};
use cerium_spark::connect::Artifacts;
use cerium_spark::error::SparkError;
use cerium_spark::session::SparkSession;
use datafusion::logical_expr::LogicalPlan;
use spark_connect_proto::fetch_error_details_response as details;
use spark_connect_proto::get_status_response::operation_status::OperationState;
use tonic::Status;
use uuid::Uuid;

use super::artifacts::{Artifact, ArtifactError, ArtifactKind, SessionArtifacts};
use super::error::{Failure, handle};
use super::operation::{self, Operation};
use crate::files::Files;

/// Errors whose details can still be fetched.
const KEPT_ERRORS: usize = 20;
/// Ended executions whose fate is remembered.
const KEPT_ENDS: usize = 1000;

/// Who a session belongs to, and its id.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SessionKey {
    /// The user, as the client says; empty where it says nothing.
    pub user_id: String,
    /// The id the client made, a UUID.
    pub session_id: String,
}

/// What became of an execution that is no longer kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The client had all of it, or ended it.
    Released(OperationState),
    /// Nobody came back for it.
    Abandoned,
}

/// A client's session.
pub struct Session {
    /// Owner and id.
    pub key: SessionKey,
    /// The id by which a client notices that this is another server's session.
    pub server_side_id: String,
    /// Conf, catalog and functions.
    pub spark: SparkSession,
    /// Files the client sent.
    pub artifacts: SessionArtifacts,
    operations: Mutex<HashMap<String, Arc<Operation>>>,
    fates: Mutex<VecDeque<(String, Fate)>>,
    errors: Mutex<VecDeque<(String, details::Error)>>,
    checkpoints: Mutex<HashMap<String, LogicalPlan>>,
    /// Files that executors may fetch, and where they lie.
    published: Mutex<Vec<(PathBuf, SessionFile)>>,
    /// Whether executors were told of the files.
    listed: AtomicBool,
    /// What may be a broadcast, by the hash of its content.
    broadcasts: Mutex<BTreeMap<String, SessionFile>>,
    used: Mutex<Instant>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Session {
    /// A new session with its artifacts in a folder of its own below `folder`.
    pub fn new(key: SessionKey, spark: SparkSession, folder: &Path) -> Result<Self, ArtifactError> {
        let server_side_id = Uuid::new_v4().to_string();
        let artifacts = SessionArtifacts::new(&folder.join(&server_side_id))?;
        Ok(Self {
            key,
            server_side_id,
            spark,
            artifacts,
            operations: Mutex::default(),
            fates: Mutex::default(),
            errors: Mutex::default(),
            checkpoints: Mutex::default(),
            published: Mutex::default(),
            listed: AtomicBool::default(),
            broadcasts: Mutex::default(),
            used: Mutex::new(Instant::now()),
        })
    }

    /// Notes that the client is alive.
    pub fn touch(&self) {
        *lock(&self.used) = Instant::now();
    }

    /// Whether nobody has used it for so long and nothing runs in it.
    pub fn is_idle(&self, timeout: Duration) -> bool {
        lock(&self.used).elapsed() > timeout && lock(&self.operations).is_empty()
    }

    /// Adds an execution. One of the same id and plan is the same again: the answer to an earlier
    /// request was lost, and `false` says that it runs already.
    pub fn begin(&self, request: operation::Request) -> Result<(Arc<Operation>, bool), Failure> {
        let mut operations = lock(&self.operations);
        if let Some(existing) = operations.get(&request.id) {
            if existing.is_reattachable() && existing.plan == request.plan {
                return Ok((Arc::clone(existing), false));
            }
            return Err(handle::operation_already_exists(&request.id));
        }
        if self.fate(&request.id) == Some(Fate::Abandoned) {
            return Err(handle::operation_abandoned(&request.id));
        }
        let operation = Arc::new(Operation::new(request));
        operations.insert(operation.id.clone(), Arc::clone(&operation));
        Ok((operation, true))
    }

    /// The execution of this id.
    pub fn operation(&self, id: &str) -> Result<Arc<Operation>, Failure> {
        match lock(&self.operations).get(id) {
            Some(operation) => Ok(Arc::clone(operation)),
            None if self.fate(id) == Some(Fate::Abandoned) => Err(handle::operation_abandoned(id)),
            None => Err(handle::operation_not_found(id)),
        }
    }

    /// All executions that are kept.
    pub fn operations(&self) -> Vec<Arc<Operation>> {
        lock(&self.operations).values().cloned().collect()
    }

    /// Forgets an execution, and ends it if it still runs.
    pub fn release(&self, id: &str) -> Option<Arc<Operation>> {
        self.remove(id, false)
    }

    /// Lets executors have the files that Python functions of this session need.
    pub fn publish(&self, files: &Files) {
        let mut published = lock(&self.published);
        let known = |artifact: &Artifact| published.iter().any(|(path, _)| *path == artifact.path);
        let new: Vec<_> = self.artifacts.for_functions().into_iter().filter(|a| !known(a)).collect();
        // Workers stay with the list they know.
        if self.listed.swap(true, Ordering::AcqRel) && new.is_empty() {
            return;
        }
        for artifact in new {
            let kind = match artifact.kind {
                ArtifactKind::PythonFile => FileKind::Python,
                ArtifactKind::Archive => FileKind::Archive,
                ArtifactKind::File | ArtifactKind::Cache | ArtifactKind::Java => FileKind::Plain,
            };
            let name = artifact.alias.unwrap_or_else(|| artifact.name.clone());
            let offered = files.offer(artifact.path.clone(), name, artifact.name, kind);
            published.push((artifact.path, offered));
        }
        let own = published.iter().map(|(_, file)| file.clone()).collect();
        if let Some(list) = files.list(own) {
            self.spark.tell_executors(FILES_KEY, list.to_text());
        }
    }

    /// Lets executors have what functions of this session may use as broadcasts.
    pub fn publish_broadcasts(&self, files: &Files) {
        let mut broadcasts = lock(&self.broadcasts);
        for artifact in self.artifacts.cache() {
            let Artifact { name, path, .. } = artifact;
            let offer = || files.offer(path, name.clone(), name.clone(), FileKind::Plain);
            broadcasts.entry(name.clone()).or_insert_with(offer);
        }
        self.tell_broadcasts(files, &broadcasts);
    }

    fn tell_broadcasts(&self, files: &Files, broadcasts: &BTreeMap<String, SessionFile>) {
        let known = broadcasts.iter().map(|(content, file)| (content.clone(), file.id.to_string()));
        let told = Broadcasts { url: files.url().to_owned(), files: known.collect() };
        self.spark.tell_executors(BROADCASTS_KEY, told.to_text());
    }

    /// Forgets the content of a broadcast.
    pub fn destroy_broadcast(&self, files: &Files, content: &str) {
        let mut broadcasts = lock(&self.broadcasts);
        self.artifacts.remove_cached(content);
        if let Some(file) = broadcasts.remove(content) {
            files.withdraw(&file);
            self.tell_broadcasts(files, &broadcasts);
        }
    }

    /// Takes back what [`Self::publish`] and [`Self::publish_broadcasts`] offered.
    pub fn withdraw(&self, files: &Files) {
        for file in std::mem::take(&mut *lock(&self.broadcasts)).values() {
            files.withdraw(file);
        }
        for (_, file) in lock(&self.published).drain(..) {
            files.withdraw(&file);
        }
    }

    fn remove(&self, id: &str, abandoned: bool) -> Option<Arc<Operation>> {
        let operation = lock(&self.operations).remove(id)?;
        operation.interrupt();
        let fate = if abandoned { Fate::Abandoned } else { Fate::Released(operation.phase()) };
        let mut fates = lock(&self.fates);
        if fates.len() == KEPT_ENDS {
            fates.pop_front();
        }
        fates.push_back((operation.id.clone(), fate));
        Some(operation)
    }

    /// Ends executions that nobody has read from for so long.
    pub fn abandon(&self, timeout: Duration) {
        for operation in self.operations() {
            if operation.is_abandoned(timeout) {
                tracing::info!(operation = operation.id, "nobody came back for the execution, ending it");
                self.remove(&operation.id, true);
            }
        }
    }

    /// What became of an execution that is no longer kept.
    pub fn fate(&self, id: &str) -> Option<Fate> {
        lock(&self.fates).iter().find(|(known, _)| known == id).map(|(_, fate)| *fate)
    }

    /// All executions that are no longer kept, as far as remembered.
    pub fn fates(&self) -> Vec<(String, Fate)> {
        lock(&self.fates).iter().cloned().collect()
    }

    /// Ends everything that runs.
    pub fn close(&self) {
        for operation in self.operations() {
            self.release(&operation.id);
        }
    }

    /// The failure as a status whose details can be fetched.
    pub fn status(&self, failure: &Failure) -> Status {
        let id = Uuid::new_v4().to_string();
        let mut errors = lock(&self.errors);
        if errors.len() == KEPT_ERRORS {
            errors.pop_front();
        }
        errors.push_back((id.clone(), failure.details()));
        failure.status(Some(&id))
    }

    /// Details of a failure; each is handed out once.
    pub fn error_details(&self, id: &str) -> Option<details::Error> {
        let mut errors = lock(&self.errors);
        let at = errors.iter().position(|(known, _)| known == id)?;
        errors.remove(at).map(|(_, error)| error)
    }

    /// Keeps a plan under a new id.
    pub fn add_checkpoint(&self, plan: LogicalPlan) -> String {
        let id = Uuid::new_v4().to_string();
        lock(&self.checkpoints).insert(id.clone(), plan);
        id
    }

    /// Forgets a checkpoint.
    pub fn remove_checkpoint(&self, id: &str) {
        lock(&self.checkpoints).remove(id);
    }

    /// Another session with what this one has, under another id.
    pub fn fork(&self, session_id: &str, folder: &Path) -> Result<Self, Failure> {
        let key = SessionKey { user_id: self.key.user_id.clone(), session_id: session_id.to_owned() };
        let copy = Self::new(key, self.spark.cloned(), folder).map_err(|error| failure(&error))?;
        self.artifacts.copy_to(&copy.artifacts).map_err(|error| failure(&error))?;
        lock(&copy.checkpoints).clone_from(&lock(&self.checkpoints));
        Ok(copy)
    }
}

fn failure(error: &ArtifactError) -> Failure {
    SparkError::internal(error).into()
}

impl Artifacts for Session {
    fn cached(&self, hash: &str) -> Option<bytes::Bytes> {
        self.artifacts.cached(hash)
    }

    fn checkpoint(&self, id: &str) -> Option<LogicalPlan> {
        lock(&self.checkpoints).get(id).cloned()
    }
}
