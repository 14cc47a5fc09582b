//! One execution: its responses, kept until the client has them, and its end.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::Stream;
use prost::Message;
use spark_connect_proto as proto;
use spark_connect_proto::execute_plan_response::{ObservedMetrics, ResponseType, ResultComplete};
use spark_connect_proto::get_status_response::operation_status::OperationState;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use uuid::Uuid;

use super::error::{Failure, handle};

/// Bytes of responses made ahead of what the client has been sent.
const AHEAD: usize = 64 << 20;

/// One response and where it stands in the stream.
struct Buffered {
    index: u64,
    size: usize,
    response: proto::ExecutePlanResponse,
}

/// What the lock of an operation guards.
struct State {
    responses: VecDeque<Buffered>,
    /// Index of the response made last; the first is 1.
    last: u64,
    /// Index of the last response that was sent.
    sent: u64,
    sent_bytes: usize,
    unsent_bytes: usize,
    ended: Option<Result<(), Status>>,
    phase: OperationState,
    /// Number of the stream that is served; earlier ones are told that they are not any more.
    stream: u64,
    /// Since when nobody reads.
    detached: Option<Instant>,
}

/// One execution of a session.
pub struct Operation {
    /// The id the client gave it.
    pub id: String,
    /// What it was asked to do.
    pub plan: proto::Plan,
    tags: Vec<String>,
    reattachable: bool,
    /// Bytes of sent responses that are kept in case the client asks for them again.
    retained: usize,
    session_id: String,
    server_side_session_id: String,
    cancel: CancellationToken,
    changed: Notify,
    state: Mutex<State>,
}

/// Who asks for an execution, and how.
pub struct Request {
    /// Id of the operation.
    pub id: String,
    /// Its plan.
    pub plan: proto::Plan,
    /// Tags by which it can be interrupted.
    pub tags: Vec<String>,
    /// Whether the client may come back for its responses.
    pub reattachable: bool,
    /// Bytes of sent responses to keep for that.
    pub retained: usize,
    /// The session's id.
    pub session_id: String,
    /// The id the server gave the session.
    pub server_side_session_id: String,
}

impl Operation {
    /// An operation nobody works on yet.
    pub fn new(request: Request) -> Self {
        let Request { id, plan, tags, reattachable, retained, session_id, server_side_session_id } = request;
        Self {
            id,
            plan,
            tags,
            reattachable,
            retained,
            session_id,
            server_side_session_id,
            cancel: CancellationToken::new(),
            changed: Notify::new(),
            state: Mutex::new(State {
                responses: VecDeque::new(),
                last: 0,
                sent: 0,
                sent_bytes: 0,
                unsent_bytes: 0,
                ended: None,
                phase: OperationState::Running,
                stream: 0,
                detached: Some(Instant::now()),
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its tags.
    pub fn tags(&self) -> &[String] {
        &self.tags
    }

    /// Whether it carries this tag.
    pub fn has_tag(&self, tag: &str) -> bool {
        self.tags.iter().any(|own| own == tag)
    }

    /// Whether the client may come back for its responses.
    pub fn is_reattachable(&self) -> bool {
        self.reattachable
    }

    /// How far it is.
    pub fn phase(&self) -> OperationState {
        self.state().phase
    }

    /// Whether nobody has read from it for so long.
    pub fn is_abandoned(&self, timeout: Duration) -> bool {
        self.state().detached.is_some_and(|since| since.elapsed() > timeout)
    }

    /// Ends it; answers whether it was still running.
    pub fn interrupt(&self) -> bool {
        let mut state = self.state();
        let running = state.ended.is_none() && state.phase == OperationState::Running;
        if running {
            state.phase = OperationState::Terminating;
        }
        drop(state);
        self.cancel.cancel();
        running
    }

    /// Waits until someone ends it.
    pub async fn interrupted(&self) {
        self.cancel.cancelled().await;
    }

    /// Waits until its work is done, whatever came of it.
    pub async fn ended(&self) {
        self.wait(|state| state.ended.as_ref().map(|_| ())).await;
    }

    /// Hands a response to the client, waiting while too much is under way.
    pub async fn respond(&self, kind: Option<ResponseType>, schema: Option<proto::DataType>) {
        self.hand_over(self.response(kind, schema)).await;
    }

    /// Hands observed metrics to the client.
    pub async fn observed(&self, metrics: Vec<ObservedMetrics>) {
        let response = self.response(None, None);
        self.hand_over(proto::ExecutePlanResponse { observed_metrics: metrics, ..response }).await;
    }

    async fn hand_over(&self, response: proto::ExecutePlanResponse) {
        let size = response.encoded_len();
        self.wait(|state| (state.unsent_bytes == 0 || state.unsent_bytes + size <= AHEAD).then_some(()))
            .await;
        Self::append(&mut self.state(), response, size);
        self.changed.notify_waiters();
    }

    fn response(
        &self,
        response_type: Option<ResponseType>,
        schema: Option<proto::DataType>,
    ) -> proto::ExecutePlanResponse {
        proto::ExecutePlanResponse {
            session_id: self.session_id.clone(),
            server_side_session_id: self.server_side_session_id.clone(),
            operation_id: self.id.clone(),
            response_id: Uuid::new_v4().to_string(),
            response_type,
            schema,
            ..Default::default()
        }
    }

    fn append(state: &mut State, response: proto::ExecutePlanResponse, size: usize) {
        state.last += 1;
        state.unsent_bytes += size;
        state.responses.push_back(Buffered { index: state.last, size, response });
    }

    /// Notes its end.
    pub fn finish(&self, outcome: Result<(), Status>) {
        let mut state = self.state();
        if state.ended.is_some() {
            return;
        }
        state.phase = match &outcome {
            Ok(()) => OperationState::Succeeded,
            Err(_) if self.cancel.is_cancelled() => OperationState::Cancelled,
            Err(_) => OperationState::Failed,
        };
        if outcome.is_ok() {
            let last = self.response(Some(ResponseType::ResultComplete(ResultComplete {})), None);
            let size = last.encoded_len();
            Self::append(&mut state, last, size);
        }
        state.ended = Some(outcome);
        drop(state);
        self.changed.notify_waiters();
    }

    /// Forgets all responses up to this one. Nothing happens if it is not there.
    pub fn release_until(&self, response_id: &str) {
        let mut state = self.state();
        let found = state.responses.iter().find(|buffered| buffered.response.response_id == response_id);
        let Some(index) = found.map(|buffered| buffered.index) else { return };
        while state.responses.front().is_some_and(|buffered| buffered.index <= index) {
            state.pop();
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// The responses after `last_response_id`, or all of them. A stream that was served before
    /// ends with an error that makes its client come back.
    pub fn attach(
        self: &Arc<Self>,
        last_response_id: Option<&str>,
    ) -> Result<impl Stream<Item = Result<proto::ExecutePlanResponse, Status>> + Send + use<>, Failure> {
        let mut state = self.state();
        let next = match last_response_id {
            None if state.responses.front().map_or(state.last == 0, |first| first.index == 1) => 1,
            None => return Err(handle::position_not_available("", 1)),
            Some(id) => {
                let found = state.responses.iter().find(|buffered| buffered.response.response_id == id);
                found.ok_or_else(|| handle::position_not_found(id))?.index + 1
            }
        };
        state.stream += 1;
        state.detached = None;
        let attachment = Attachment { operation: Arc::clone(self), stream: state.stream };
        drop(state);
        self.changed.notify_waiters();
        Ok(futures::stream::unfold(Some((attachment, next)), |reader| async move {
            let (attachment, next) = reader?;
            let item = attachment.operation.next(attachment.stream, next).await?;
            let rest = item.is_ok().then_some((attachment, next + 1));
            Some((item, rest))
        }))
    }

    /// The response at `index`, once there is one; nothing after the last.
    async fn next(&self, stream: u64, index: u64) -> Option<Result<proto::ExecutePlanResponse, Status>> {
        self.wait(|state| {
            if state.stream != stream {
                return Some(Some(Err(handle::disconnected().into_status())));
            }
            if let Some(first) = state.responses.front().map(|buffered| buffered.index)
                && index >= first
                && let Some(buffered) = state.responses.get((index - first) as usize)
            {
                let response = buffered.response.clone();
                self.note_sent(state, index);
                return Some(Some(Ok(response)));
            }
            if index <= state.last {
                let gone = handle::position_not_available("", index);
                return Some(Some(Err(gone.into_status())));
            }
            match &state.ended {
                None => None,
                Some(Ok(())) => Some(None),
                Some(Err(status)) => Some(Some(Err(status.clone()))),
            }
        })
        .await
    }

    fn note_sent(&self, state: &mut State, index: u64) {
        if index > state.sent {
            let newly = state.responses.iter().filter(|b| b.index > state.sent && b.index <= index);
            let bytes: usize = newly.map(|buffered| buffered.size).sum();
            state.sent = index;
            state.sent_bytes += bytes;
            state.unsent_bytes -= bytes;
            self.changed.notify_waiters();
        }
        let limit = if self.reattachable { self.retained } else { 0 };
        // The one just sent stays: the client may not have got it.
        let keep = u64::from(self.reattachable);
        while state.sent_bytes > limit
            && state.responses.front().is_some_and(|front| front.index + keep <= state.sent)
        {
            state.pop();
        }
    }

    /// Waits until `look` finds something.
    async fn wait<T>(&self, mut look: impl FnMut(&mut State) -> Option<T>) -> T {
        loop {
            let notified = self.changed.notified();
            tokio::pin!(notified);
            notified.as_mut().enable();
            if let Some(found) = look(&mut self.state()) {
                return found;
            }
            notified.await;
        }
    }
}

impl State {
    fn pop(&mut self) {
        if let Some(buffered) = self.responses.pop_front() {
            if buffered.index <= self.sent {
                self.sent_bytes -= buffered.size;
            } else {
                self.unsent_bytes -= buffered.size;
            }
        }
    }
}

/// A client's hold on an operation. Where it lets go of one it could not come back for, the work
/// ends.
struct Attachment {
    operation: Arc<Operation>,
    stream: u64,
}

impl Drop for Attachment {
    fn drop(&mut self) {
        let mut state = self.operation.state();
        if state.stream == self.stream {
            state.detached = Some(Instant::now());
        }
        drop(state);
        if !self.operation.reattachable {
            self.operation.interrupt();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;

    use super::*;

    fn operation(reattachable: bool, retained: usize) -> Arc<Operation> {
        Arc::new(Operation::new(Request {
            id: "op".into(),
            plan: proto::Plan::default(),
            tags: vec!["etl".into()],
            reattachable,
            retained,
            session_id: "session".into(),
            server_side_session_id: "server".into(),
        }))
    }

    fn ids(responses: &[Result<proto::ExecutePlanResponse, Status>]) -> Vec<String> {
        responses.iter().map(|response| response.as_ref().unwrap().response_id.clone()).collect()
    }

    #[tokio::test]
    async fn a_client_that_comes_back_gets_what_it_missed() {
        let operation = operation(true, 1 << 20);
        operation.respond(None, None).await;
        operation.respond(None, None).await;
        operation.finish(Ok(()));
        let all: Vec<_> = operation.attach(None).unwrap().collect().await;
        let all = ids(&all);
        assert_eq!(all.len(), 3);
        let rest: Vec<_> = operation.attach(Some(&all[0])).unwrap().collect().await;
        assert_eq!(ids(&rest), all[1..]);
        operation.release_until(&all[0]);
        assert!(operation.attach(None).is_err());
        assert!(operation.attach(Some(&all[0])).is_err());
        let last: Vec<_> = operation.attach(Some(&all[1])).unwrap().collect().await;
        assert_eq!(ids(&last), all[2..]);
    }

    #[tokio::test]
    async fn an_older_stream_is_told_that_another_took_over() {
        let operation = operation(true, 1 << 20);
        let mut first = Box::pin(operation.attach(None).unwrap());
        let mut second = Box::pin(operation.attach(None).unwrap());
        let told = first.next().await.unwrap().unwrap_err();
        assert!(told.message().contains("INVALID_CURSOR.DISCONNECTED"), "{told}");
        operation.respond(None, None).await;
        assert!(second.next().await.unwrap().is_ok());
    }

    #[tokio::test]
    async fn what_was_sent_is_kept_up_to_the_limit() {
        let operation = operation(true, 0);
        operation.respond(None, None).await;
        operation.respond(None, None).await;
        let mut stream = Box::pin(operation.attach(None).unwrap());
        let first = stream.next().await.unwrap().unwrap();
        let second = stream.next().await.unwrap().unwrap();
        drop(stream);
        assert!(operation.attach(Some(&first.response_id)).is_err());
        assert!(operation.attach(Some(&second.response_id)).is_ok());
    }

    #[tokio::test]
    async fn work_nobody_can_come_back_for_ends_with_its_stream() {
        let operation = operation(false, 0);
        drop(operation.attach(None).unwrap());
        operation.interrupted().await;
        assert_eq!(operation.phase(), OperationState::Terminating);
        operation.finish(Err(Status::internal("cancelled")));
        assert_eq!(operation.phase(), OperationState::Cancelled);
    }
}
