//! The kind SparkConnect as the operator works on it: a server pod, its ConfigMap and its Service.
//!
//! The server pod is replaced when the specification changes and when it ends; everything made is owned by the
//! SparkConnect, and the executors by the server pod.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cerium_crds::connect::{SparkConnectStatus, ValidatedConnect, validate_connect};
use cerium_crds::{SparkConnect, events as reasons, labels, names};
use futures::future::BoxFuture;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Service};
use kube::api::PostParams;
use kube::runtime::watcher::{self, Event};
use kube::{Api, Resource, ResourceExt};
use serde_json::json;

use crate::apply::{self, ApplyError, adjust_config_map, already_exists, refusal};
use crate::build::connect::{self as build, ServerObjects};
use crate::build::{Runtime, Submission};
use crate::ensure::{Ensured, ensure};
use crate::error::{ApiFailure, Problem, chain};
use crate::events::Note;
use crate::kind::{Kind, ObjectKey, Reach, Refusal, Requeue, Trigger, trigger};
use crate::pods::{InitialList, PodPhase};
use crate::reconcile::Context;

pub mod decide;
mod server;
mod service;
pub mod status;
mod told;

use decide::{Server, Step, Why, decide};
use server::{classify, is_live, view};
use status::Seen;

/// The SparkConnects of one span.
pub struct Connects {
    /// What every pass needs; its pods are those of SparkConnects.
    pub context: Context,
}

/// A pass that could not be finished.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Making or removing an object failed.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// Reading failed.
    #[error("failed to read {kind} {name}")]
    Read {
        /// Kind of the object.
        kind: &'static str,
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: kube::Error,
    },
    /// Writing the status failed.
    #[error("failed to write the status of SparkConnect {name}")]
    Status {
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: kube::Error,
    },
}

impl Problem for ConnectError {
    fn category(&self) -> &'static str {
        match self {
            ConnectError::Apply(error) => error.category(),
            ConnectError::Read { .. } => "read",
            ConnectError::Status { .. } => "status",
        }
    }

    fn failure(&self) -> ApiFailure {
        match self {
            ConnectError::Apply(error) => error.failure(),
            ConnectError::Read { source, .. } | ConnectError::Status { source, .. } => ApiFailure::of(source),
        }
    }
}

impl Kind for Connects {
    type Object = SparkConnect;
    type Error = ConnectError;

    const CONTROLLER: &'static str = "spark-connect-controller";

    fn triggers(self: &Arc<Self>, reach: &Reach) -> Vec<Trigger> {
        let this = self.clone();
        let mut list = InitialList::default();
        let pods =
            format!("{}={},{}", labels::LAUNCHED_BY_SPARK_OPERATOR, labels::TRUE, labels::CONNECT_NAME);
        let pods = watcher::Config::default().labels(&pods);
        let services =
            format!("{}={},{}", labels::CREATED_BY_SPARK_OPERATOR, labels::TRUE, labels::CONNECT_NAME);
        let services = watcher::Config::default().labels(&services);
        vec![
            trigger::<Pod>(reach, pods, "server pods", move |event| {
                this.context.pods.take_in(event, &mut list)
            }),
            trigger::<Service>(reach, services, "server services", of_service),
        ]
    }

    fn reconcile<'a>(
        &'a self,
        object: &'a SparkConnect,
        fresh: bool,
    ) -> BoxFuture<'a, Result<Requeue, ConnectError>> {
        reconcile(&self.context, object, fresh)
    }

    fn begins(status: &serde_json::Value) -> bool {
        status["server"].is_null()
    }

    /// Fails one that has no server yet; one that runs is left alone.
    fn refusal(name: &str, old_status: &serde_json::Value, problem: &str, now: Timestamp) -> Option<Refusal> {
        if !old_status["server"]["podName"].is_null() || old_status["state"] == "Failed" {
            return None;
        }
        let old = SparkConnectStatus::default();
        let next = Seen {
            old: &old,
            generation: None,
            invalid: Some(problem),
            ignored: "",
            refused: None,
            server: None,
            service: None,
            executors: BTreeMap::new(),
            now,
        }
        .next();
        let note = Note::new(reasons::CONNECT_FAILED, format!("SparkConnect {name}: {problem}"));
        Some(Refusal { status: json!(next), note })
    }

    fn forget(&self, _: &ObjectKey) {}
}

/// The SparkConnect whose Service was changed or deleted.
fn of_service(event: &Event<Service>) -> Vec<ObjectKey> {
    let (Event::Apply(service) | Event::Delete(service)) = event else { return Vec::new() };
    let name = service.labels().get(labels::CONNECT_NAME);
    let key =
        |name: &String| ObjectKey { namespace: service.namespace().unwrap_or_default(), name: name.clone() };
    name.map(key).into_iter().collect()
}

/// How soon a server pod that is on its way is looked at, should its event be lost.
const NEXT_LOOK: Duration = Duration::from_secs(5);

/// Boxed here once, as its states hold several copies of a pod.
fn reconcile<'a>(
    context: &'a Context,
    connect: &'a SparkConnect,
    fresh: bool,
) -> BoxFuture<'a, Result<Requeue, ConnectError>> {
    Box::pin(take_further(context, connect, fresh))
}

async fn take_further(
    context: &Context,
    connect: &SparkConnect,
    fresh: bool,
) -> Result<Requeue, ConnectError> {
    if connect.metadata.deletion_timestamp.is_some() {
        // The garbage collector does the rest.
        return Ok(None);
    }
    let now = Timestamp::from_second((context.clock)().as_second()).unwrap_or(Timestamp::UNIX_EPOCH);
    let pass = Pass { context, connect, key: ObjectKey::of(connect), now };
    let validated = validate_connect(connect);
    let (mut pod, mut refused) = (pass.server_pod().await?, None);
    let fingerprint = validated.as_ref().ok().map(|valid| valid.fingerprint.as_str());
    let server = classify(pod.as_ref(), &connect.uid().unwrap_or_default(), fingerprint);
    let step = decide(&server, validated.is_ok(), now);
    let mut requeue = match step {
        Step::Create if !fresh => return pass.again().await,
        Step::Wait(requeue) => requeue,
        Step::Create | Step::Replace(_) => Some(NEXT_LOOK),
    };
    let mut notes = Vec::new();
    if let Ok(valid) = &validated {
        match step {
            Step::Create => match pass.create(valid).await? {
                Created::Pod(created) => {
                    let name = created.name_any();
                    notes.push(Note::new(
                        reasons::CONNECT_SERVER_CREATED,
                        format!("created server pod {name}"),
                    ));
                    pod = Some(*created);
                    requeue = None;
                }
                Created::Later => {}
                Created::Refused(text) => {
                    refused = Some(text);
                    requeue = Some(REFUSAL_PAUSE);
                }
            },
            Step::Replace(why) => {
                notes.push(pass.replace(pod.as_ref(), why).await?);
            }
            Step::Wait(_) => {
                if let Some(pod) = pod.as_ref().filter(|_| is_live(&server)) {
                    notes.extend(pass.tell(pod, valid).await?);
                }
            }
        }
        let old_service = connect.status.as_ref().and_then(|status| status.server.as_ref());
        let old_service = old_service.and_then(|server| server.service_name.as_deref());
        if let Some(text) = service::apply(&context.client, valid, old_service).await? {
            requeue = requeue.or(Some(REFUSAL_PAUSE));
            refused.get_or_insert(text);
        }
    }
    if server == Server::Foreign {
        let name = pass.server_name();
        refused = Some(format!("pod {name} already exists and belongs to something else; delete it"));
    }
    pass.write(&validated, pod.filter(|_| server != Server::Foreign), refused, notes).await?;
    Ok(requeue)
}

/// Pause after the API server refused a server pod or a Service: a quota, a service account that is missing.
const REFUSAL_PAUSE: Duration = Duration::from_secs(30);

enum Created {
    Pod(Box<Pod>),
    /// Something of the same name is about to go.
    Later,
    Refused(String),
}

/// One pass over one SparkConnect.
struct Pass<'a> {
    context: &'a Context,
    connect: &'a SparkConnect,
    key: ObjectKey,
    now: Timestamp,
}

impl Pass<'_> {
    fn server_name(&self) -> String {
        names::connect_server(&self.key.name)
    }

    fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.context.client.clone(), &self.key.namespace)
    }

    /// From the API server: nothing is decided on what the cache says of so few pods.
    async fn server_pod(&self) -> Result<Option<Pod>, ConnectError> {
        let name = self.server_name();
        let pod = self.pods().get_opt(&name).await;
        pod.map_err(|source| ConnectError::Read { kind: "pod", name, source })
    }

    /// Once more with what the API server has: the cache may show a SparkConnect that is gone.
    async fn again(&self) -> Result<Requeue, ConnectError> {
        let api: Api<SparkConnect> = Api::namespaced(self.context.client.clone(), &self.key.namespace);
        let name = self.key.name.clone();
        match api.get_opt(&name).await {
            Ok(Some(live)) if live.uid() == self.connect.uid() => reconcile(self.context, &live, true).await,
            Ok(_) => Ok(None),
            Err(source) => Err(ConnectError::Read { kind: "SparkConnect", name, source }),
        }
    }

    /// Makes the ConfigMap, then the pod that mounts it.
    async fn create(&self, valid: &ValidatedConnect) -> Result<Created, ConnectError> {
        let policy = &self.context.policy;
        let runtime = Runtime {
            image: policy.runtime_image.clone(),
            pull_policy: policy.runtime_image_pull_policy.clone(),
            ..Runtime::default()
        };
        let submission = Submission { id: uuid::Uuid::new_v4().to_string(), time: self.now };
        let ServerObjects { config_map, pod } = match build::server(valid, &submission, &runtime) {
            Ok(objects) => objects,
            Err(error) => return Ok(Created::Refused(chain(&error))),
        };
        let maps: Api<ConfigMap> = Api::namespaced(self.context.client.clone(), &self.key.namespace);
        match ensure(&maps, "ConfigMap", &config_map, adjust_config_map).await? {
            Ensured::Done => {}
            Ensured::Vanishing => return Ok(Created::Later),
            Ensured::Refused(text) | Ensured::Unknown(text) => return Ok(Created::Refused(text)),
            Ensured::Foreign => {
                let name = config_map.name_any();
                let text = format!("ConfigMap {name} already exists and belongs to something else");
                return Ok(Created::Refused(text));
            }
        }
        match self.pods().create(&PostParams::default(), &pod).await {
            Ok(pod) => Ok(Created::Pod(Box::new(pod))),
            Err(error) if already_exists(&error) => Ok(Created::Later),
            Err(error) => match refusal(error) {
                Ok(text) => Ok(Created::Refused(text)),
                Err(source) => {
                    Err(ApplyError::Write { kind: "Pod", name: self.server_name(), source }.into())
                }
            },
        }
    }

    async fn replace(&self, pod: Option<&Pod>, why: Why) -> Result<Note, ConnectError> {
        let name = self.server_name();
        let uid = pod.and_then(ResourceExt::uid).unwrap_or_default();
        apply::remove_driver(&self.context.client, &self.key.namespace, &name, &uid).await?;
        let why = match why {
            Why::Changed => "the specification changed; its sessions end",
            Why::Ended => "it has ended",
        };
        Ok(Note::new(reasons::CONNECT_SERVER_REPLACED, format!("replacing server pod {name}: {why}")))
    }

    fn executors(&self) -> BTreeMap<String, i64> {
        let mut count = BTreeMap::new();
        for pod in self.context.pods.pods_of(&self.key).iter().filter(|pod| pod.is_executor()) {
            let phase = match pod.phase {
                PodPhase::Pending => "pending",
                PodPhase::Running => "running",
                PodPhase::Succeeded => "succeeded",
                PodPhase::Failed => "failed",
                PodPhase::Unknown => "unknown",
            };
            *count.entry(phase.to_owned()).or_default() += 1;
        }
        count
    }

    async fn write(
        &self,
        validated: &Result<ValidatedConnect, cerium_crds::Invalid>,
        pod: Option<Pod>,
        refused: Option<String>,
        mut notes: Vec<Note>,
    ) -> Result<(), ConnectError> {
        let old = self.connect.status.clone().unwrap_or_default();
        let invalid = validated.as_ref().err().map(ToString::to_string);
        let ignored =
            validated.as_ref().map(|valid| valid.application.ignored.join("; ")).unwrap_or_default();
        let next = Seen {
            old: &old,
            generation: self.connect.metadata.generation,
            invalid: invalid.as_deref(),
            ignored: &ignored,
            refused: refused.as_deref(),
            server: pod.as_ref().map(view),
            service: validated.as_ref().ok().and_then(|valid| valid.service.metadata.name.as_deref()),
            executors: self.executors(),
            now: self.now,
        }
        .next();
        let name = &self.key.name;
        if self.connect.status.as_ref() != Some(&next) {
            let mut changed = self.connect.clone();
            changed.status = Some(next.clone());
            let api: Api<SparkConnect> = Api::namespaced(self.context.client.clone(), &self.key.namespace);
            let written = api.replace_status(name, &PostParams::default(), &changed).await;
            written.map_err(|source| ConnectError::Status { name: name.clone(), source })?;
            notes.extend(status::notes(name, &old, &next));
        }
        let time = (self.context.clock)();
        let about = self.connect.object_ref(&());
        self.context.events.publish(Connects::CONTROLLER, &about, &notes, time);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
