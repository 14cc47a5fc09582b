//! Writes the server side of the Spark Connect service; its messages come from a crate that
//! brings the client side alone.

use tonic_prost_build::manual::{Builder, Method, Service};

fn main() {
    let method = |name: &str, route: &str, input: &str, output: &str| {
        Method::builder()
            .name(name)
            .route_name(route)
            .input_type(format!("::spark_connect_proto::{input}"))
            .output_type(format!("::spark_connect_proto::{output}"))
            .codec_path("crate::connect::codec::BoundedCodec")
    };
    let unary = |name: &str, route: &str| {
        method(name, route, &format!("{route}Request"), &format!("{route}Response")).build()
    };
    let service = Service::builder()
        .name("SparkConnectService")
        .package("spark.connect")
        .method(
            method("execute_plan", "ExecutePlan", "ExecutePlanRequest", "ExecutePlanResponse")
                .server_streaming()
                .build(),
        )
        .method(unary("analyze_plan", "AnalyzePlan"))
        .method(unary("config", "Config"))
        .method(
            method("add_artifacts", "AddArtifacts", "AddArtifactsRequest", "AddArtifactsResponse")
                .client_streaming()
                .build(),
        )
        .method(
            method(
                "artifact_status",
                "ArtifactStatus",
                "ArtifactStatusesRequest",
                "ArtifactStatusesResponse",
            )
            .build(),
        )
        .method(unary("interrupt", "Interrupt"))
        .method(
            method("reattach_execute", "ReattachExecute", "ReattachExecuteRequest", "ExecutePlanResponse")
                .server_streaming()
                .build(),
        )
        .method(unary("release_execute", "ReleaseExecute"))
        .method(unary("release_session", "ReleaseSession"))
        .method(unary("fetch_error_details", "FetchErrorDetails"))
        .method(unary("clone_session", "CloneSession"))
        .method(unary("get_status", "GetStatus"))
        .build();
    Builder::new().build_client(false).compile(&[service]);
}
