//! Leader election by a Lease: only the holder reconciles, the others stand by.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::error::{ApiFailure, chain};

mod claim;

use claim::{Claim, Sighting, claim, pause, released};

/// Which lease, and how long each step may take.
#[derive(Clone, Debug)]
pub struct LeaseConfig {
    /// Name of the Lease.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Who we are; unique among the candidates.
    pub identity: String,
    /// After this time without a renewal the others may take the lease.
    pub duration: Duration,
    /// After this time without a successful renewal we stop; shorter than `duration`.
    pub renew_deadline: Duration,
    /// Pause between attempts to take or renew the lease.
    pub retry_period: Duration,
}

/// The lease cannot be used or kept.
#[derive(Debug, thiserror::Error)]
pub enum LeaderError {
    /// The times do not fit together.
    #[error(
        "leader election: lease duration {duration:?} must be longer than the renew deadline {renew_deadline:?}, \
         and that longer than the retry period {retry_period:?}"
    )]
    Times {
        /// The lease duration.
        duration: Duration,
        /// The renew deadline.
        renew_deadline: Duration,
        /// The retry period.
        retry_period: Duration,
    },
    /// Somebody else holds it, or it could not be renewed in time.
    #[error("lost the lease {namespace}/{name}: another operator may lead now")]
    Lost {
        /// Namespace of the Lease.
        namespace: String,
        /// Name of the Lease.
        name: String,
    },
}

/// A candidate for the lease.
pub struct Candidate {
    api: Api<Lease>,
    config: LeaseConfig,
    sighting: Option<Sighting>,
}

impl Candidate {
    /// A candidate; nothing is asked of the API server yet.
    ///
    /// # Errors
    /// [`LeaderError::Times`] when two leaders at once would be possible.
    pub fn new(client: Client, config: LeaseConfig) -> Result<Candidate, LeaderError> {
        if config.duration <= config.renew_deadline || config.renew_deadline <= config.retry_period {
            return Err(LeaderError::Times {
                duration: config.duration,
                renew_deadline: config.renew_deadline,
                retry_period: config.retry_period,
            });
        }
        Ok(Candidate { api: Api::namespaced(client, &config.namespace), config, sighting: None })
    }

    /// Waits until the lease is ours; false if `shutdown` came first.
    pub async fn acquire(&mut self, shutdown: &CancellationToken) -> bool {
        loop {
            if self.attempt().await {
                tracing::info!(lease = self.config.name, identity = self.config.identity, "leading");
                return true;
            }
            tokio::select! {
                () = shutdown.cancelled() => return false,
                () = tokio::time::sleep(pause(self.sighting.as_ref(), Instant::now().into_std(), &self.config)) => {}
            }
        }
    }

    /// Renews the lease until `shutdown`, then gives it back.
    ///
    /// # Errors
    /// [`LeaderError::Lost`] when it could not be renewed within the renew deadline.
    pub async fn hold(mut self, shutdown: CancellationToken) -> Result<(), LeaderError> {
        let mut renewed = Instant::now();
        loop {
            let left = self.config.renew_deadline.saturating_sub(renewed.elapsed());
            tokio::select! {
                () = shutdown.cancelled() => {
                    self.release().await;
                    return Ok(());
                }
                () = tokio::time::sleep(self.config.retry_period.min(left)) => {}
            }
            // An answer that comes too late is no renewal.
            let left = self.config.renew_deadline.saturating_sub(renewed.elapsed());
            let begun = Instant::now();
            if tokio::time::timeout(left, self.attempt()).await == Ok(true) {
                renewed = begun;
            } else if renewed.elapsed() >= self.config.renew_deadline {
                return Err(LeaderError::Lost {
                    namespace: self.config.namespace.clone(),
                    name: self.config.name.clone(),
                });
            }
        }
    }

    /// One attempt to take or renew the lease; true if it is ours now.
    async fn attempt(&mut self) -> bool {
        match self.try_attempt().await {
            Ok(ours) => ours,
            Err(error) => {
                // A conflict is another candidate that was faster.
                if ApiFailure::of(&error) != ApiFailure::Conflict {
                    tracing::warn!(
                        lease = self.config.name,
                        error = chain(&error),
                        "lease could not be written"
                    );
                }
                false
            }
        }
    }

    async fn try_attempt(&mut self) -> Result<bool, kube::Error> {
        let lease = self.api.get_opt(&self.config.name).await?;
        let now = Timestamp::now();
        let Some(mut lease) = lease else {
            let spec = match claim(None, None, &self.config, now) {
                Claim::Take(spec) => spec,
                Claim::Leave => return Ok(false),
            };
            let metadata = ObjectMeta { name: Some(self.config.name.clone()), ..ObjectMeta::default() };
            self.api.create(&PostParams::default(), &Lease { metadata, spec: Some(spec) }).await?;
            return Ok(true);
        };
        let spec = lease.spec.clone().unwrap_or_default();
        let seen = Sighting::renew(self.sighting.take(), &spec, Instant::now().into_std());
        let expired = seen.is_expired(Instant::now().into_std(), self.config.duration);
        self.sighting = Some(seen);
        match claim(Some(&spec), Some(expired), &self.config, now) {
            Claim::Leave => Ok(false),
            Claim::Take(spec) => {
                lease.spec = Some(spec);
                self.api.replace(&self.config.name, &PostParams::default(), &lease).await?;
                Ok(true)
            }
        }
    }

    /// Gives the lease back, so that another candidate need not wait for it to expire.
    async fn release(&mut self) {
        let released = async {
            let mut lease = self.api.get(&self.config.name).await?;
            let spec: LeaseSpec = lease.spec.take().unwrap_or_default();
            if let Some(spec) = released(&spec, &self.config, Timestamp::now()) {
                lease.spec = Some(spec);
                self.api.replace(&self.config.name, &PostParams::default(), &lease).await?;
            }
            Ok::<(), kube::Error>(())
        };
        if let Err(error) = released.await {
            tracing::warn!(lease = self.config.name, error = chain(&error), "lease could not be given back");
        }
    }
}

#[cfg(test)]
mod tests;
