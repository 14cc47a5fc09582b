//! Tells executors what concerns all of them at once: those there are, and those that come later.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::uri::PathAndQuery;
use cerium_engine::control::{Done, Order, TELL, What};
use cerium_engine::logging::{self, LogLevel};
use futures::future::join_all;
use tokio::task::JoinHandle;
use tonic::Request;
use tonic::client::Grpc;
use tonic::transport::Endpoint;
use tonic_prost::ProstCodec;

use crate::scheduler::Scheduler;

/// How long an executor is waited for.
const TIMEOUT: Duration = Duration::from_secs(5);

/// An executor that could not be told.
#[derive(Debug, thiserror::Error)]
enum ControlError {
    #[error(transparent)]
    Connect(#[from] tonic::transport::Error),
    #[error(transparent)]
    Refused(#[from] tonic::Status),
}

#[derive(Default)]
struct Levels {
    /// The level that a program asked for, once it did.
    wanted: Option<LogLevel>,
    /// What executors were told, by their ids.
    told: HashMap<String, LogLevel>,
}

/// Sends orders to executors.
pub struct Control {
    scheduler: Scheduler,
    levels: Arc<Mutex<Levels>>,
    following: JoinHandle<()>,
}

impl Drop for Control {
    fn drop(&mut self) {
        self.following.abort();
    }
}

fn lock(levels: &Mutex<Levels>) -> MutexGuard<'_, Levels> {
    levels.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Control {
    /// Begins to follow which executors there are.
    pub fn start(scheduler: Scheduler) -> Self {
        let levels = Arc::new(Mutex::new(Levels::default()));
        let mut changes = scheduler.membership();
        let (members, known) = (scheduler.clone(), Arc::clone(&levels));
        let following = tokio::spawn(async move {
            while changes.changed().await.is_ok() {
                tell_level(&members, &known).await;
            }
        });
        Self { scheduler, levels, following }
    }

    /// Has the driver and all executors log at another level.
    pub async fn set_log_level(&self, level: LogLevel) {
        logging::set_level(level);
        lock(&self.levels).wanted = Some(level);
        tell_level(&self.scheduler, &self.levels).await;
    }

    /// Has all executors delete a broadcast. One that cannot be told keeps its copy until it ends.
    pub async fn forget_broadcast(&self, content: &str) {
        let orders = self.scheduler.executor_urls().into_iter().map(|(id, url)| async move {
            tell(&id, &url, What::ForgetBroadcast(content.to_owned())).await;
        });
        join_all(orders).await;
    }
}

/// Tells those executors the level that were not told it yet.
async fn tell_level(scheduler: &Scheduler, levels: &Mutex<Levels>) {
    let members = scheduler.executor_urls();
    let Some((level, untold)) = ({
        let mut levels = lock(levels);
        levels.told.retain(|id, _| members.iter().any(|(member, _)| member == id));
        levels.wanted.map(|level| {
            let is_new = |id: &String| levels.told.get(id) != Some(&level);
            (level, members.into_iter().filter(|(id, _)| is_new(id)).collect::<Vec<_>>())
        })
    }) else {
        return;
    };
    let orders = untold.into_iter().map(|(id, url)| async move {
        if tell(&id, &url, What::LogLevel(level.name().to_owned())).await {
            lock(levels).told.insert(id, level);
        }
    });
    join_all(orders).await;
}

/// Sends one order; answers whether it was carried out.
async fn tell(executor_id: &str, url: &str, what: What) -> bool {
    let name = what.to_string();
    match tokio::time::timeout(TIMEOUT, send(url, what)).await {
        Ok(Ok(())) => return true,
        Ok(Err(error)) => tracing::warn!(executor_id, %error, "the executor was not told: {name}"),
        Err(_) => tracing::warn!(executor_id, "the executor did not answer to: {name}"),
    }
    false
}

async fn send(url: &str, what: What) -> Result<(), ControlError> {
    let channel = Endpoint::from_str(url)?.connect().await?;
    let mut client = Grpc::new(channel);
    client.ready().await?;
    let order = Request::new(Order { what: Some(what) });
    let codec: ProstCodec<Order, Done> = ProstCodec::default();
    client.unary(order, PathAndQuery::from_static(TELL), codec).await?;
    Ok(())
}
