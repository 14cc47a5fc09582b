//! Counts requests to the API server under the name controller-runtime has for them.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::http::{Request, Response, StatusCode};
use futures::FutureExt;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use tower::{Layer, Service};

use super::exposition::Counter;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    code: String,
    host: String,
    method: String,
}

/// Requests by answer; clones share what they count.
#[derive(Clone, Debug, Default)]
pub struct RequestMetrics {
    answered: Family<Answered, Counter>,
}

impl RequestMetrics {
    /// Registers them.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("rest_client_requests_total", "Requests to the API server", self.answered.clone());
    }

    /// What counts the requests of a client of this API server.
    pub fn of_host(&self, host: &str) -> CountRequests {
        CountRequests { metrics: self.clone(), host: host.to_owned() }
    }

    fn answered(&self, method: &str, host: &str, code: &str) {
        let (code, host, method) = (code.to_owned(), host.to_owned(), method.to_owned());
        self.answered.get_or_create(&Answered { code, host, method }).inc();
    }
}

/// Counts all requests of a client.
#[derive(Clone)]
pub struct CountRequests {
    metrics: RequestMetrics,
    host: String,
}

impl<S> Layer<S> for CountRequests {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted { inner, count: self.clone() }
    }
}

/// A client whose requests are counted.
#[derive(Clone)]
pub struct Counted<S> {
    inner: S,
    count: CountRequests,
}

impl<S, B, R> Service<Request<B>> for Counted<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let CountRequests { metrics, host } = self.count.clone();
        let method = request.method().clone();
        let answer = self.inner.call(request);
        async move {
            let answer = answer.await;
            let code = answer.as_ref().ok().map(Response::status);
            metrics.answered(method.as_str(), &host, code.as_ref().map_or("<error>", StatusCode::as_str));
            answer
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::exposition;
    use axum::Router;
    use axum::routing::get;
    use k8s_openapi::api::core::v1::Pod;
    use kube::{Api, Client};

    #[tokio::test]
    async fn requests_are_counted_by_method_host_and_answer() {
        let metrics = RequestMetrics::default();
        let server = Router::new().route(
            "/api/v1/namespaces/ns/pods/here",
            get(async || axum::Json(Pod::default())).delete(async || StatusCode::FORBIDDEN),
        );
        let client = Client::new(metrics.of_host("10.96.0.1:443").layer(server), "ns");
        let pods: Api<Pod> = Api::default_namespaced(client);
        pods.get("here").await.unwrap();
        pods.get("here").await.unwrap();
        pods.delete("here", &kube::api::DeleteParams::default()).await.unwrap_err();
        let mut registry = Registry::default();
        metrics.register(&mut registry);
        let text = exposition::text(&registry).unwrap();
        for line in [
            r#"rest_client_requests_total{code="200",host="10.96.0.1:443",method="GET"} 2"#,
            r#"rest_client_requests_total{code="403",host="10.96.0.1:443",method="DELETE"} 1"#,
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\nis not in\n{text}");
        }
    }
}
