//! The workers of this process: started when needed, kept for the next task, ended when idle.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::super::files::Placed;
use super::daemon::{Daemon, Interpreter};
use super::{Worker, WorkerError};

/// How long a worker waits for the next task, as in Spark.
const WORKER_IDLE: Duration = Duration::from_mins(1);
/// How long a daemon without workers stays.
const DAEMON_IDLE: Duration = Duration::from_mins(10);
const SWEEP: Duration = Duration::from_secs(10);

/// The workers of all interpreters.
#[derive(Default)]
pub struct Workers {
    seats: Mutex<HashMap<Interpreter, Arc<Seat>>>,
}

/// The daemon of one interpreter and its workers without a task.
struct Seat {
    daemon: tokio::sync::Mutex<Option<Arc<Daemon>>>,
    idle: Mutex<Vec<(Worker, Instant)>>,
    used: Mutex<Instant>,
}

static WORKERS: LazyLock<Workers> = LazyLock::new(|| {
    std::thread::spawn(sweep_again_and_again);
    Workers::default()
});

fn sweep_again_and_again() {
    loop {
        std::thread::park_timeout(SWEEP);
        WORKERS.sweep(Instant::now());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Workers {
    /// Those of this process.
    pub fn shared() -> &'static Self {
        &WORKERS
    }

    fn seat(&self, interpreter: &Interpreter) -> Arc<Seat> {
        let mut seats = lock(&self.seats);
        let seat = seats.entry(interpreter.clone()).or_insert_with(|| {
            Arc::new(Seat {
                daemon: tokio::sync::Mutex::new(None),
                idle: Mutex::new(vec![]),
                used: Mutex::new(Instant::now()),
            })
        });
        Arc::clone(seat)
    }

    /// A worker for one task: one that waits and had the same files, or else a new one.
    pub async fn take(&self, interpreter: &Interpreter, files: &Arc<Placed>) -> Result<Worker, WorkerError> {
        let mut worker = self.any(interpreter, files).await?;
        worker.files = Some(Arc::clone(files));
        Ok(worker)
    }

    async fn any(&self, interpreter: &Interpreter, files: &Placed) -> Result<Worker, WorkerError> {
        let seat = self.seat(interpreter);
        *lock(&seat.used) = Instant::now();
        loop {
            // What a worker has imported stays with it.
            let waiting = {
                let mut idle = lock(&seat.idle);
                let fits = |worker: &Worker| worker.files.as_ref().is_some_and(|known| known.id == files.id);
                let at = idle.iter().rposition(|(worker, _)| fits(worker));
                at.map(|at| idle.remove(at))
            };
            let Some((worker, _)) = waiting else { break };
            if worker.waits() {
                return Ok(worker);
            }
        }
        let mut daemon = seat.daemon.lock().await;
        if let Some(running) = daemon.as_ref() {
            match running.fork().await {
                Ok(worker) => return Ok(worker),
                Err(error) => tracing::warn!(%error, "a Python daemon is gone, another one is started"),
            }
        }
        // Any worker of a daemon that is gone is of no use either.
        lock(&seat.idle).clear();
        let started = Daemon::start(interpreter).await?;
        *daemon = Some(Arc::clone(&started));
        drop(daemon);
        started.fork().await
    }

    /// Takes a worker back that has finished its task and waits for the next.
    pub fn give_back(&self, interpreter: &Interpreter, worker: Worker) {
        let seat = self.seat(interpreter);
        let now = Instant::now();
        *lock(&seat.used) = now;
        lock(&seat.idle).push((worker, now));
    }

    /// Ends what nobody has used for long.
    fn sweep(&self, now: Instant) {
        let seats: Vec<_> =
            lock(&self.seats).iter().map(|(key, seat)| (key.clone(), Arc::clone(seat))).collect();
        for (interpreter, seat) in seats {
            lock(&seat.idle).retain(|(_, since)| now.duration_since(*since) < WORKER_IDLE);
            let unused = now.duration_since(*lock(&seat.used)) >= DAEMON_IDLE;
            // A daemon held by nobody else has no worker.
            if unused
                && let Ok(mut daemon) = seat.daemon.try_lock()
                && daemon.as_ref().is_none_or(|daemon| Arc::strong_count(daemon) == 1)
            {
                *daemon = None;
                lock(&self.seats).remove(&interpreter);
            }
        }
    }
}
