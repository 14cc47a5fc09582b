//! All sessions of a server: who may enter which, and when they end.

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cerium_conf::{ConfError, SparkConf, SparkDuration, keys};
use cerium_spark::catalog::SharedViews;
use cerium_spark::error::SparkError;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::error::{Failure, handle};
use super::session::{Session, SessionKey};
use crate::driver::Driver;

/// Ended sessions that are remembered, so that their ids are not taken for new ones.
const KEPT_CLOSED: usize = 1000;

/// How long sessions and executions outlive the interest of their clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Time without a request after which a session ends; nothing: never.
    pub session: Option<Duration>,
    /// Time without a reader after which an execution ends; nothing: never.
    pub execution: Option<Duration>,
    /// Bytes of sent responses that are kept for each execution.
    pub retained: usize,
    /// Time between two reports of progress; nothing: none are made.
    pub progress: Option<Duration>,
}

impl Limits {
    /// The limits that a configuration asks for.
    pub fn from_conf(conf: &SparkConf) -> Result<Self, ConfError> {
        let timeout = |timeout: Option<SparkDuration>| timeout.map(Duration::from);
        let progress = Duration::from(conf.get(&keys::CONNECT_PROGRESS_REPORT_INTERVAL)?);
        Ok(Self {
            session: timeout(conf.get(&keys::CONNECT_SESSION_TIMEOUT)?),
            execution: timeout(conf.get(&keys::CONNECT_EXECUTE_DETACHED_TIMEOUT)?),
            retained: conf.get(&keys::CONNECT_RETRY_BUFFER_SIZE)?.bytes().max(0) as usize,
            progress: (!progress.is_zero()).then_some(progress),
        })
    }
}

#[derive(Default)]
struct Table {
    live: HashMap<SessionKey, Arc<Session>>,
    closed: VecDeque<SessionKey>,
}

/// All sessions of a server.
pub struct Sessions {
    /// The engine they share.
    pub driver: Arc<Driver>,
    /// How long they live.
    pub limits: Limits,
    /// Their executions.
    pub tasks: TaskTracker,
    /// The global views they share.
    views: Arc<SharedViews>,
    folder: tempfile::TempDir,
    table: Mutex<Table>,
}

impl Sessions {
    /// No sessions yet. Their files go below `folder`.
    pub fn new(driver: Arc<Driver>, limits: Limits, folder: tempfile::TempDir) -> Self {
        Self {
            driver,
            limits,
            tasks: TaskTracker::new(),
            views: Arc::default(),
            folder,
            table: Mutex::default(),
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The session of this key, new if there was none. `observed` is what the client believes to
    /// be the server's id of it.
    pub fn enter(&self, key: SessionKey, observed: Option<&str>) -> Result<Arc<Session>, Failure> {
        if !is_uuid(&key.session_id) {
            return Err(handle::format(&key.session_id));
        }
        let mut table = self.table();
        if let Some(session) = table.live.get(&key) {
            return known(session, observed);
        }
        if table.closed.contains(&key) {
            return Err(handle::session_closed(&key.session_id));
        }
        if observed.is_some() {
            return Err(handle::session_changed(&key.session_id));
        }
        let spark = self.driver.session(Arc::clone(&self.views))?;
        let session =
            Arc::new(Session::new(key.clone(), spark, self.folder()).map_err(SparkError::internal)?);
        session.publish(self.driver.files());
        tracing::info!(session = key.session_id, user = key.user_id, "session opened");
        table.live.insert(key, Arc::clone(&session));
        Ok(session)
    }

    /// The session of this key, which must be there.
    pub fn find(&self, key: &SessionKey, observed: Option<&str>) -> Result<Arc<Session>, Failure> {
        if !is_uuid(&key.session_id) {
            return Err(handle::format(&key.session_id));
        }
        let table = self.table();
        match table.live.get(key) {
            Some(session) => known(session, observed),
            None if table.closed.contains(key) => Err(handle::session_closed(&key.session_id)),
            None => Err(handle::session_not_found(&key.session_id)),
        }
    }

    /// Ends a session and all that runs in it. Its id cannot be used again unless `reopen`.
    pub fn close(&self, key: &SessionKey, reopen: bool) -> Option<Arc<Session>> {
        let mut table = self.table();
        let session = table.live.remove(key)?;
        if !reopen {
            table.remember(key.clone());
        }
        drop(table);
        tracing::info!(session = key.session_id, user = key.user_id, "session closed");
        session.close();
        session.withdraw(self.driver.files());
        Some(session)
    }

    /// A copy of a session under another id, or under a new one.
    pub fn fork(&self, session: &Session, new_id: Option<&str>) -> Result<Arc<Session>, Failure> {
        let id = new_id.map_or_else(|| Uuid::new_v4().to_string(), str::to_owned);
        if !is_uuid(&id) {
            return Err(handle::clone_format(&id));
        }
        let copy = Arc::new(session.fork(&id, self.folder())?);
        copy.publish(self.driver.files());
        copy.publish_broadcasts(self.driver.files());
        let mut table = self.table();
        if table.live.contains_key(&copy.key) {
            return Err(handle::clone_exists(&id));
        }
        if table.closed.contains(&copy.key) {
            return Err(handle::clone_closed(&id));
        }
        table.live.insert(copy.key.clone(), Arc::clone(&copy));
        Ok(copy)
    }

    /// Ends sessions and executions that clients have lost interest in.
    pub fn expire(&self) {
        let sessions: Vec<_> = self.table().live.values().cloned().collect();
        for session in sessions {
            if let Some(timeout) = self.limits.execution {
                session.abandon(timeout);
            }
            if self.limits.session.is_some_and(|timeout| session.is_idle(timeout)) {
                self.close(&session.key, false);
            }
        }
    }

    /// Ends all sessions.
    pub fn close_all(&self) {
        let sessions: Vec<_> = std::mem::take(&mut self.table().live).into_values().collect();
        for session in sessions {
            session.close();
        }
    }
}

impl Table {
    fn remember(&mut self, key: SessionKey) {
        if self.closed.contains(&key) {
            return;
        }
        if self.closed.len() == KEPT_CLOSED {
            self.closed.pop_front();
        }
        self.closed.push_back(key);
    }
}

fn known(session: &Arc<Session>, observed: Option<&str>) -> Result<Arc<Session>, Failure> {
    if observed.is_some_and(|id| id != session.server_side_id) {
        return Err(handle::session_changed(&session.key.session_id));
    }
    session.touch();
    Ok(Arc::clone(session))
}

/// Whether a text is a UUID in the form of 36 characters.
pub fn is_uuid(text: &str) -> bool {
    text.len() == 36 && Uuid::try_parse(text).is_ok()
}
