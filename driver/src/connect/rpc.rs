//! The twelve calls of the service: who asks, in which session, and what is answered.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use spark_connect_proto as proto;
use spark_connect_proto::execute_plan_request::request_option::RequestOption;
use spark_connect_proto::get_status_response::OperationStatus;
use spark_connect_proto::get_status_response::operation_status::OperationState;
use spark_connect_proto::interrupt_request::{Interrupt, InterruptType};
use spark_connect_proto::release_execute_request::Release;
use tonic::{Request, Response, Status, Streaming};
use uuid::Uuid;

use super::analyze::analyze;
use super::arrow::Style;
use super::artifacts::Upload;
use super::client::Client;
use super::config::config;
use super::error::{Failure, handle};
use super::execute::{Execution, panicked};
use super::operation;
use super::service::spark_connect_service_server::SparkConnectService;
use super::session::{Fate, Session, SessionKey};
use super::sessions::{Sessions, is_uuid};

/// The service.
pub struct Service {
    sessions: Arc<Sessions>,
}

impl Service {
    /// The service of these sessions.
    pub fn new(sessions: Arc<Sessions>) -> Self {
        Self { sessions }
    }

    /// The session of a request, opened if need be.
    fn enter(
        &self,
        user: Option<&proto::UserContext>,
        session_id: &str,
        observed: Option<&str>,
    ) -> Result<Arc<Session>, Status> {
        self.sessions.enter(key(user, session_id), observed).map_err(Failure::into_status)
    }

    /// The session of a request that makes sense in an open session alone.
    fn find(
        &self,
        user: Option<&proto::UserContext>,
        session_id: &str,
        observed: Option<&str>,
    ) -> Result<Arc<Session>, Status> {
        self.sessions.find(&key(user, session_id), observed).map_err(Failure::into_status)
    }

    fn execute(
        &self,
        session: &Arc<Session>,
        request: proto::ExecutePlanRequest,
    ) -> Result<Responses, Failure> {
        let mut reattachable = false;
        let mut chunk = None;
        for option in request.request_options {
            match option.request_option {
                Some(RequestOption::ReattachOptions(options)) => reattachable = options.reattachable,
                Some(RequestOption::ResultChunkingOptions(options)) if options.allow_arrow_batch_chunking => {
                    chunk = Some(Style::chunk_size(options.preferred_arrow_chunk_size));
                }
                Some(RequestOption::ResultChunkingOptions(_) | RequestOption::Extension(_)) | None => {}
            }
        }
        let id = request.operation_id.unwrap_or_else(|| Uuid::new_v4().to_string());
        if !is_uuid(&id) {
            return Err(handle::format(&id));
        }
        for tag in &request.tags {
            check_tag(tag)?;
        }
        let (operation, is_new) = session.begin(operation::Request {
            id,
            plan: request.plan.ok_or_else(|| handle::missing("the plan"))?,
            tags: request.tags,
            reattachable,
            retained: self.sessions.limits.retained,
            session_id: session.key.session_id.clone(),
            server_side_session_id: session.server_side_id.clone(),
        })?;
        let responses = operation.attach(None)?.boxed();
        if is_new {
            let sessions = Arc::clone(&self.sessions);
            let execution = Execution { sessions, session: Arc::clone(session), operation, chunk };
            self.sessions.tasks.spawn(execution.run());
        }
        Ok(responses)
    }

    fn interrupt(session: &Session, request: &proto::InterruptRequest) -> Result<Vec<String>, Failure> {
        let running = session.operations().into_iter();
        let chosen: Vec<_> = match (request.interrupt_type(), &request.interrupt) {
            (InterruptType::All, _) => running.collect(),
            (InterruptType::Tag, Some(Interrupt::OperationTag(tag))) => {
                check_tag(tag)?;
                running.filter(|operation| operation.has_tag(tag)).collect()
            }
            (InterruptType::OperationId, Some(Interrupt::OperationId(id))) => {
                running.filter(|operation| operation.id == *id).collect()
            }
            (InterruptType::Tag | InterruptType::OperationId | InterruptType::Unspecified, _) => {
                return Err(handle::missing("what to interrupt"));
            }
        };
        let interrupted = chosen.into_iter().filter(|operation| operation.interrupt());
        Ok(interrupted.map(|operation| operation.id.clone()).collect())
    }
}

fn key(user: Option<&proto::UserContext>, session_id: &str) -> SessionKey {
    let user_id = user.map(|user| user.user_id.clone()).unwrap_or_default();
    SessionKey { user_id, session_id: session_id.to_owned() }
}

fn check_tag(tag: &str) -> Result<(), Failure> {
    let problem = match tag {
        "" => "Spark Connect tag cannot be an empty string.",
        tag if tag.contains(',') => "Spark Connect tag cannot contain ','.",
        _ => return Ok(()),
    };
    Err(Failure::illegal_argument(problem))
}

/// The responses of an execution.
type Responses = BoxStream<'static, Result<proto::ExecutePlanResponse, Status>>;

#[tonic::async_trait]
impl SparkConnectService for Service {
    type ExecutePlanStream = Responses;
    type ReattachExecuteStream = Responses;

    async fn execute_plan(
        &self,
        request: Request<proto::ExecutePlanRequest>,
    ) -> Result<Response<Responses>, Status> {
        let request = request.into_inner();
        let observed = request.client_observed_server_side_session_id.as_deref();
        let session = self.enter(request.user_context.as_ref(), &request.session_id, observed)?;
        self.execute(&session, request).map(Response::new).map_err(|failure| session.status(&failure))
    }

    async fn analyze_plan(
        &self,
        request: Request<proto::AnalyzePlanRequest>,
    ) -> Result<Response<proto::AnalyzePlanResponse>, Status> {
        let request = request.into_inner();
        let observed = request.client_observed_server_side_session_id.as_deref();
        let session = self.enter(request.user_context.as_ref(), &request.session_id, observed)?;
        let answer = match request.analyze {
            Some(question) => {
                let answer = AssertUnwindSafe(analyze(&self.sessions.driver, &session, question));
                answer.catch_unwind().await.unwrap_or_else(|panic| Err(panicked(panic.as_ref())))
            }
            None => Err(handle::missing("the question about the plan")),
        };
        Ok(Response::new(proto::AnalyzePlanResponse {
            session_id: request.session_id,
            server_side_session_id: session.server_side_id.clone(),
            result: Some(answer.map_err(|failure| session.status(&failure))?),
        }))
    }

    async fn config(
        &self,
        request: Request<proto::ConfigRequest>,
    ) -> Result<Response<proto::ConfigResponse>, Status> {
        let request = request.into_inner();
        let observed = request.client_observed_server_side_session_id.as_deref();
        let session = self.enter(request.user_context.as_ref(), &request.session_id, observed)?;
        let client = Client::parse(request.client_type.as_deref());
        let answer = config(&self.sessions.driver, &session.spark, client, request.operation);
        let (pairs, warnings) = answer.map_err(|failure| session.status(&failure))?;
        Ok(Response::new(proto::ConfigResponse {
            session_id: request.session_id,
            server_side_session_id: session.server_side_id.clone(),
            pairs,
            warnings,
        }))
    }

    async fn add_artifacts(
        &self,
        request: Request<Streaming<proto::AddArtifactsRequest>>,
    ) -> Result<Response<proto::AddArtifactsResponse>, Status> {
        let mut messages = request.into_inner();
        let mut next = messages.message().await?;
        let Some(first) = &next else {
            return Err(handle::missing("an artifact").into_status());
        };
        let observed = first.client_observed_server_side_session_id.as_deref();
        let session = self.enter(first.user_context.as_ref(), &first.session_id, observed)?;
        let mut upload = Upload::new(&session.artifacts);
        while let Some(message) = next {
            let accepted = match message.payload {
                Some(payload) => upload.accept(payload),
                None => Err(handle::missing("the payload of an artifact")),
            };
            accepted.map_err(|failure| session.status(&failure))?;
            next = messages.message().await?;
        }
        let artifacts = upload.finish().map_err(|failure| session.status(&failure))?;
        session.publish(self.sessions.driver.files());
        session.publish_broadcasts(self.sessions.driver.files());
        Ok(Response::new(proto::AddArtifactsResponse {
            session_id: session.key.session_id.clone(),
            server_side_session_id: session.server_side_id.clone(),
            artifacts,
        }))
    }

    async fn artifact_status(
        &self,
        request: Request<proto::ArtifactStatusesRequest>,
    ) -> Result<Response<proto::ArtifactStatusesResponse>, Status> {
        let request = request.into_inner();
        let observed = request.client_observed_server_side_session_id.as_deref();
        let session = self.enter(request.user_context.as_ref(), &request.session_id, observed)?;
        let statuses = request.names.into_iter().map(|name| {
            let exists = session.artifacts.contains(&name);
            (name, proto::artifact_statuses_response::ArtifactStatus { exists })
        });
        Ok(Response::new(proto::ArtifactStatusesResponse {
            statuses: statuses.collect::<HashMap<_, _>>(),
            session_id: request.session_id,
            server_side_session_id: session.server_side_id.clone(),
        }))
    }

    async fn interrupt(
        &self,
        request: Request<proto::InterruptRequest>,
    ) -> Result<Response<proto::InterruptResponse>, Status> {
        let request = request.into_inner();
        let observed = request.client_observed_server_side_session_id.as_deref();
        let session = self.enter(request.user_context.as_ref(), &request.session_id, observed)?;
        let interrupted_ids =
            Self::interrupt(&session, &request).map_err(|failure| session.status(&failure))?;
        Ok(Response::new(proto::InterruptResponse {
            session_id: request.session_id,
            server_side_session_id: session.server_side_id.clone(),
            interrupted_ids,
        }))
    }

    async fn reattach_execute(
        &self,
        request: Request<proto::ReattachExecuteRequest>,
    ) -> Result<Response<Responses>, Status> {
        let request = request.into_inner();
        let observed = request.client_observed_server_side_session_id.as_deref();
        let session = self.find(request.user_context.as_ref(), &request.session_id, observed)?;
        let attached = session.operation(&request.operation_id).and_then(|operation| {
            if !operation.is_reattachable() {
                return Err(handle::not_reattachable());
            }
            operation.attach(request.last_response_id.as_deref())
        });
        let responses = attached.map_err(|failure| session.status(&failure))?;
        Ok(Response::new(responses.boxed()))
    }

    async fn release_execute(
        &self,
        request: Request<proto::ReleaseExecuteRequest>,
    ) -> Result<Response<proto::ReleaseExecuteResponse>, Status> {
        let request = request.into_inner();
        let observed = request.client_observed_server_side_session_id.as_deref();
        let session = self.find(request.user_context.as_ref(), &request.session_id, observed)?;
        let operation = session.operation(&request.operation_id).ok();
        if let Some(operation) = &operation {
            if !operation.is_reattachable() {
                return Err(session.status(&handle::not_reattachable()));
            }
            match request.release {
                Some(Release::ReleaseUntil(until)) => operation.release_until(&until.response_id),
                Some(Release::ReleaseAll(_)) => {
                    session.release(&operation.id);
                    operation.ended().await;
                }
                None => return Err(session.status(&handle::missing("what to release"))),
            }
        }
        Ok(Response::new(proto::ReleaseExecuteResponse {
            session_id: request.session_id,
            server_side_session_id: session.server_side_id.clone(),
            operation_id: operation.map(|operation| operation.id.clone()),
        }))
    }

    async fn release_session(
        &self,
        request: Request<proto::ReleaseSessionRequest>,
    ) -> Result<Response<proto::ReleaseSessionResponse>, Status> {
        let request = request.into_inner();
        let key = key(request.user_context.as_ref(), &request.session_id);
        if !is_uuid(&key.session_id) {
            return Err(handle::format(&key.session_id).into_status());
        }
        let closed = self.sessions.close(&key, request.allow_reconnect);
        Ok(Response::new(proto::ReleaseSessionResponse {
            session_id: request.session_id,
            server_side_session_id: closed.map(|session| session.server_side_id.clone()).unwrap_or_default(),
        }))
    }

    async fn fetch_error_details(
        &self,
        request: Request<proto::FetchErrorDetailsRequest>,
    ) -> Result<Response<proto::FetchErrorDetailsResponse>, Status> {
        let request = request.into_inner();
        let observed = request.client_observed_server_side_session_id.as_deref();
        let session = self.find(request.user_context.as_ref(), &request.session_id, observed)?;
        let errors: Vec<_> = session.error_details(&request.error_id).into_iter().collect();
        Ok(Response::new(proto::FetchErrorDetailsResponse {
            session_id: request.session_id,
            server_side_session_id: session.server_side_id.clone(),
            root_error_idx: (!errors.is_empty()).then_some(0),
            errors,
        }))
    }

    async fn clone_session(
        &self,
        request: Request<proto::CloneSessionRequest>,
    ) -> Result<Response<proto::CloneSessionResponse>, Status> {
        let request = request.into_inner();
        let observed = request.client_observed_server_side_session_id.as_deref();
        let session = self.find(request.user_context.as_ref(), &request.session_id, observed)?;
        let copy = self.sessions.fork(&session, request.new_session_id.as_deref());
        let copy = copy.map_err(|failure| session.status(&failure))?;
        Ok(Response::new(proto::CloneSessionResponse {
            session_id: request.session_id,
            server_side_session_id: session.server_side_id.clone(),
            new_session_id: copy.key.session_id.clone(),
            new_server_side_session_id: copy.server_side_id.clone(),
        }))
    }

    async fn get_status(
        &self,
        request: Request<proto::GetStatusRequest>,
    ) -> Result<Response<proto::GetStatusResponse>, Status> {
        let request = request.into_inner();
        let observed = request.client_observed_server_side_session_id.as_deref();
        let session = self.find(request.user_context.as_ref(), &request.session_id, observed)?;
        let asked = request.operation_status.map(|asked| asked.operation_ids);
        Ok(Response::new(proto::GetStatusResponse {
            session_id: request.session_id,
            server_side_session_id: session.server_side_id.clone(),
            operation_statuses: asked.map(|ids| statuses(&session, ids)).unwrap_or_default(),
            extensions: Vec::new(),
        }))
    }
}

/// The state of these executions, or of all that are known.
fn statuses(session: &Session, ids: Vec<String>) -> Vec<OperationStatus> {
    let mut known: HashMap<String, OperationState> = session
        .fates()
        .into_iter()
        .map(|(id, fate)| match fate {
            // Released while it ran, so ended by that.
            Fate::Released(OperationState::Running | OperationState::Terminating) | Fate::Abandoned => {
                (id, OperationState::Cancelled)
            }
            Fate::Released(state) => (id, state),
        })
        .collect();
    known.extend(session.operations().into_iter().map(|operation| (operation.id.clone(), operation.phase())));
    let ids = if ids.is_empty() { known.keys().cloned().collect() } else { ids };
    ids.into_iter()
        .map(|id| {
            let state = known.get(&id).copied().unwrap_or(OperationState::Unknown);
            OperationStatus { operation_id: id, state: state.into(), extensions: Vec::new() }
        })
        .collect()
}
