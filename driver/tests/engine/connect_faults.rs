//! Clients of the Spark Connect server that vanish, and messages that no client would send.

use spark_connect_proto as proto;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use crate::connect::{Connect, endless, range};

/// What a client sends of an execution it asked for, and then does no more.
async fn vanish(connect: &mut Connect, reattachable: bool) {
    let plan = endless(&connect.app, &mut connect.client).await;
    let mut request = connect.client.execution(plan);
    if !reattachable {
        request.request_options.clear();
    }
    let stream = connect.client.rpc.execute_plan(request).await.unwrap().into_inner();
    connect.app.until(|load| load.running_tasks > 0).await;
    drop(stream);
    connect.app.until(|load| load.running_tasks == 0 && load.pending_tasks == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_of_a_client_that_cannot_come_back_stop_at_once() {
    let mut connect = Connect::start(&[("spark.executor.instances", "1")]).await;
    vanish(&mut connect, false).await;
    assert_eq!(connect.client.rows(range(3)).await.unwrap(), [0, 1, 2]);
    connect.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_of_a_client_that_does_not_come_back_stop_in_time() {
    let timeout = ("spark.connect.execute.manager.detachedTimeout", "1ms");
    let mut connect = Connect::start(&[("spark.executor.instances", "1"), timeout]).await;
    vanish(&mut connect, true).await;
    connect.stop().await;
}

/// A message whose first field, the id of the session, is a number.
#[derive(Clone, Copy, PartialEq, prost::Message)]
struct Malformed {
    #[prost(int32, tag = "1")]
    session_id: i32,
}

/// The error that a message is answered with.
async fn refused<M: prost::Message + 'static>(connect: &Connect, message: M) -> Status {
    let url = format!("http://{}", connect.server.local_addr());
    let channel = tonic::transport::Channel::from_shared(url).unwrap().connect().await.unwrap();
    let mut grpc = Grpc::new(channel);
    grpc.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<M, proto::ConfigResponse>::default();
    let path = PathAndQuery::from_static("/spark.connect.SparkConnectService/Config");
    grpc.unary(Request::new(message), path, codec).await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_make_no_sense_are_told_so_and_the_server_goes_on() {
    let mut connect = Connect::start(&[("spark.executor.instances", "0")]).await;
    let reason = |status: &Status| status.get_details_error_info().map(|info| info.reason);
    let malformed = refused(&connect, Malformed { session_id: 7 }).await;
    assert_eq!(malformed.code(), Code::Internal, "{malformed}");
    assert!(reason(&malformed).unwrap().ends_with("InvalidPlanInput"), "{malformed}");
    let session_id = connect.client.session_id.clone();
    let nothing = refused(&connect, proto::ConfigRequest { session_id, ..Default::default() }).await;
    assert!(reason(&nothing).unwrap().ends_with("InvalidPlanInput"), "{nothing}");
    assert!(connect.client.get("spark.sql.ansi.enabled").await.is_ok());
    connect.stop().await;
}
