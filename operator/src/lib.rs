//! Runs SparkApplication manifests on Kubernetes: makes driver pods of them and follows their life.
//!
//! Called by the binary `cerium-operator` alone; a library only so that tests can reach it.
//!
//! ```text
//!  watches ──> controller ──> reconcile: observe ─> validate ─> decide ─> build ─> apply ─> status, events
//!  (applications, pods)                    I/O        pure       pure      pure      I/O       I/O
//! ```
//!
//! Invariants:
//! - One submission, one driver pod. The submission id stands in the status before the pod is created, the
//!   pod's name is fixed, and a pod that is there already is adopted only with our UID as its owner and that id.
//! - `decide` asks for one step at a time, on what was observed; killed between any two steps the next start
//!   goes on from what they left behind.
//! - Nothing is decided on the absence of a pod in the cache: the API server is asked first.
//! - Everything made for an application is owned by it, so that deleting it deletes all.
//! - The status is written last, by `update`, only if it changed, and never over a change of somebody else.
//!
//! Rights used (namespaced unless said otherwise):
//!
//! | API group | resource | verbs |
//! |---|---|---|
//! | sparkoperator.k8s.io | sparkapplications | get, list, watch, create (scheduled runs), delete (time to live, old runs) |
//! | sparkoperator.k8s.io | scheduledsparkapplications, sparkconnects | get, list, watch |
//! | sparkoperator.k8s.io | sparkapplications/status, scheduledsparkapplications/status, sparkconnects/status | update |
//! | sparkoperator.k8s.io | sparkapplications/finalizers, scheduledsparkapplications/finalizers, sparkconnects/finalizers | update (owner references that block deletion) |
//! | core | pods | get, list, watch, create, delete |
//! | core | configmaps | get, create, update |
//! | core | services | get, list, watch, create, update, delete (web UI, drivers of Spark, servers) |
//! | networking.k8s.io | ingresses | get, create, update, delete |
//! | policy | poddisruptionbudgets | get, create, delete |
//! | core | events | create, patch |
//! | core | resourcequotas | list; only with --enable-resource-quota-enforcement |
//! | scheduling.volcano.sh, scheduling.x-k8s.io | podgroups | get, create, update, delete; only with --enable-batch-scheduler |
//! | core (cluster) | namespaces | list, watch; only with --namespace-selector |
//! | coordination.k8s.io | leases | get, create, update; only with --leader-election, in the lock's namespace |

pub mod applications;
pub mod apply;
pub mod batch;
pub mod build;
pub mod cli;
pub mod config_files;
pub mod connect;
pub mod controller;
pub mod decide;
pub mod demand;
pub mod ensure;
pub mod error;
pub mod events;
#[cfg(test)]
mod fake_api;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod golden;
pub mod http;
pub mod kind;
pub mod leader;
pub mod metrics;
pub mod observe;
pub mod phase;
pub mod podgroups;
pub mod pods;
pub mod quota;
pub mod reconcile;
pub mod run;
pub mod scheduled;
pub mod scope;
pub mod shard;
pub mod status;
pub mod telemetry;
pub mod unapplied;
