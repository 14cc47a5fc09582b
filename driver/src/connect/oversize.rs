//! Messages larger than the server takes, refused with the code that Spark's server answers.

use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::BoxFuture;
use tonic::Code;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::codegen::http::{HeaderValue, Request, Response};
use tonic::server::NamedService;

/// Where gRPC has the code of an error.
const STATUS: &str = "grpc-status";
/// RESOURCE_EXHAUSTED, which is what gRPC in Java says of a message that is too large.
const EXHAUSTED: HeaderValue = HeaderValue::from_static("8");

/// A service whose errors of size have the code of Spark's.
#[derive(Debug, Clone)]
pub struct Oversize<S>(pub S);

impl<S: NamedService> NamedService for Oversize<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<Request<Body>> for Oversize<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let answer = self.0.call(request);
        async move {
            let mut response = answer.await?;
            if let Some(code) = response.headers_mut().get_mut(STATUS)
                && Code::from_bytes(code.as_bytes()) == Code::OutOfRange
            {
                *code = EXHAUSTED;
            }
            Ok(response)
        }
        .boxed()
    }
}
