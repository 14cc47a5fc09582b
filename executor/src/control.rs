//! Carries out what the driver tells beside tasks.

use std::convert::Infallible;
use std::task::{Context, Poll};

use cerium_engine::control::{Done, Order, SERVICE, TELL, What};
use cerium_engine::logging::{self, LogLevel};
use cerium_engine::python::broadcast;
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Service, StdError, http};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::{Code, Request, Response, Status};
use tonic_prost::ProstCodec;

/// The service that takes orders.
#[derive(Debug, Clone)]
pub struct Control;

impl NamedService for Control {
    const NAME: &'static str = SERVICE;
}

impl<B> Service<http::Request<B>> for Control
where
    B: tonic::codegen::Body + Send + 'static,
    B::Error: Into<StdError> + Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        Box::pin(async move {
            if request.uri().path() != TELL {
                return Ok(Status::new(Code::Unimplemented, "").into_http());
            }
            Ok(Grpc::new(ProstCodec::<Done, Order>::default()).unary(Tell, request).await)
        })
    }
}

struct Tell;

impl UnaryService<Order> for Tell {
    type Response = Done;
    type Future = BoxFuture<Response<Done>, Status>;

    fn call(&mut self, request: Request<Order>) -> Self::Future {
        let outcome = request.into_inner().what.map_or(Ok(()), carry_out);
        Box::pin(async move { outcome.map(|()| Response::new(Done {})) })
    }
}

fn carry_out(what: What) -> Result<(), Status> {
    match what {
        What::LogLevel(level) => {
            let level: LogLevel =
                level.parse().map_err(|error| Status::invalid_argument(format!("{error}")))?;
            logging::set_level(level);
        }
        What::ForgetBroadcast(content) => {
            broadcast::forget(&content).map_err(|error| Status::internal(error.to_string()))?;
        }
    }
    Ok(())
}
