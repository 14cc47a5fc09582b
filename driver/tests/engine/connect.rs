//! The Spark Connect server, spoken to as clients do.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use cerium_driver::connect::Server;
use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::Int64Type;
use datafusion::arrow::ipc::reader::StreamReader;
use spark_connect_proto::analyze_plan_request::{Analyze, DdlParse, SparkVersion};
use spark_connect_proto::config_request::operation::OpType as ConfigOp;
use spark_connect_proto::config_request::{self, Operation};
use spark_connect_proto::execute_plan_request::RequestOption;
use spark_connect_proto::execute_plan_request::request_option::RequestOption as Choice;
use spark_connect_proto::execute_plan_response::ResponseType;
use spark_connect_proto::interrupt_request::{Interrupt, InterruptType};
use spark_connect_proto::plan::OpType;
use spark_connect_proto::relation::RelType;
use spark_connect_proto::release_execute_request::{Release, ReleaseAll};
use spark_connect_proto::spark_connect_service_client::SparkConnectServiceClient;
use spark_connect_proto::{self as proto, add_artifacts_request};
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt;
use uuid::Uuid;

use crate::app::App;

/// A server in this process and a client of it.
pub struct Connect {
    pub app: App,
    pub server: Server,
    pub client: Client,
}

#[derive(Clone)]
pub struct Client {
    pub rpc: SparkConnectServiceClient<Channel>,
    pub session_id: String,
    pub user: proto::UserContext,
}

impl Connect {
    pub async fn start(settings: &[(&str, &str)]) -> Self {
        let app = App::start(settings).await;
        let server = Server::start(Arc::clone(&app.driver), ([127, 0, 0, 1], 0).into()).await.unwrap();
        let url = format!("http://{}", server.local_addr());
        let rpc =
            SparkConnectServiceClient::connect(url).await.unwrap().max_encoding_message_size(usize::MAX);
        let user = proto::UserContext { user_id: "ada".into(), ..Default::default() };
        let client = Client { rpc, session_id: Uuid::new_v4().to_string(), user };
        Self { app, server, client }
    }

    pub async fn stop(self) {
        self.server.stop().await;
        self.app.driver.stop().await;
    }
}

impl Client {
    /// The same client in a session of its own.
    fn elsewhere(&self) -> Self {
        Self { session_id: Uuid::new_v4().to_string(), ..self.clone() }
    }

    async fn config(&mut self, operation: ConfigOp) -> Result<proto::ConfigResponse, Status> {
        let request = proto::ConfigRequest {
            session_id: self.session_id.clone(),
            user_context: Some(self.user.clone()),
            operation: Some(Operation { op_type: Some(operation) }),
            ..Default::default()
        };
        self.rpc.config(request).await.map(tonic::Response::into_inner)
    }

    pub async fn get(&mut self, key: &str) -> Result<Option<String>, Status> {
        let keys = vec![key.to_owned()];
        let answer = self.config(ConfigOp::Get(config_request::Get { keys })).await?;
        Ok(answer.pairs.into_iter().next().unwrap().value)
    }

    async fn set(&mut self, key: &str, value: &str, silent: bool) -> Result<Vec<String>, Status> {
        let pairs = vec![proto::KeyValue { key: key.into(), value: Some(value.into()) }];
        let answer = self.config(ConfigOp::Set(config_request::Set { pairs, silent: Some(silent) })).await?;
        Ok(answer.warnings)
    }

    async fn analyze(&mut self, question: Analyze) -> Result<proto::AnalyzePlanResponse, Status> {
        let request = proto::AnalyzePlanRequest {
            session_id: self.session_id.clone(),
            user_context: Some(self.user.clone()),
            analyze: Some(question),
            ..Default::default()
        };
        Box::pin(self.rpc.analyze_plan(request)).await.map(tonic::Response::into_inner)
    }

    pub fn execution(&self, plan: proto::Plan) -> proto::ExecutePlanRequest {
        let reattach = Choice::ReattachOptions(proto::ReattachOptions { reattachable: true });
        proto::ExecutePlanRequest {
            session_id: self.session_id.clone(),
            user_context: Some(self.user.clone()),
            operation_id: Some(Uuid::new_v4().to_string()),
            plan: Some(plan),
            request_options: vec![RequestOption { request_option: Some(reattach) }],
            ..Default::default()
        }
    }

    async fn responses(
        &mut self,
        request: proto::ExecutePlanRequest,
    ) -> Result<Vec<proto::ExecutePlanResponse>, Status> {
        let mut stream = self.rpc.execute_plan(request).await?.into_inner();
        let mut responses = Vec::new();
        while let Some(response) = stream.message().await? {
            responses.push(response);
        }
        Ok(responses)
    }

    pub async fn rows(&mut self, plan: proto::Plan) -> Result<Vec<i64>, Status> {
        let request = self.execution(plan);
        Ok(self.responses(request).await?.iter().flat_map(numbers).collect())
    }

    async fn reattach(
        &mut self,
        operation_id: &str,
        after: Option<String>,
    ) -> Result<Vec<proto::ExecutePlanResponse>, Status> {
        let request = proto::ReattachExecuteRequest {
            session_id: self.session_id.clone(),
            user_context: Some(self.user.clone()),
            operation_id: operation_id.to_owned(),
            last_response_id: after,
            ..Default::default()
        };
        let mut stream = self.rpc.reattach_execute(request).await?.into_inner();
        let mut responses = Vec::new();
        while let Some(response) = stream.message().await? {
            responses.push(response);
        }
        Ok(responses)
    }

    async fn release_all(&mut self, operation_id: &str) -> Result<Option<String>, Status> {
        let request = proto::ReleaseExecuteRequest {
            session_id: self.session_id.clone(),
            user_context: Some(self.user.clone()),
            operation_id: operation_id.to_owned(),
            release: Some(Release::ReleaseAll(ReleaseAll {})),
            ..Default::default()
        };
        Ok(self.rpc.release_execute(request).await?.into_inner().operation_id)
    }
}

/// The values of the first column of a response, if it holds rows.
fn numbers(response: &proto::ExecutePlanResponse) -> Vec<i64> {
    let Some(ResponseType::ArrowBatch(batch)) = &response.response_type else { return Vec::new() };
    let batches = StreamReader::try_new(batch.data.as_ref(), None).unwrap();
    batches.flat_map(|batch| batch.unwrap().column(0).as_primitive::<Int64Type>().values().to_vec()).collect()
}

fn relation(rel_type: RelType) -> proto::Plan {
    let relation = proto::Relation { rel_type: Some(rel_type), ..Default::default() };
    proto::Plan { op_type: Some(OpType::Root(relation)) }
}

pub fn range(end: i64) -> proto::Plan {
    relation(RelType::Range(proto::Range { start: Some(0), end, step: 1, num_partitions: None }))
}

fn sql(query: &str) -> proto::Plan {
    relation(RelType::Sql(proto::Sql { query: query.into(), ..Default::default() }))
}

/// A query that executors would never end: 512 billion pairs.
pub async fn endless(app: &App, client: &mut Client) -> proto::Plan {
    app.numbers("t", 4, 2000).await;
    let view = format!(
        "CREATE TEMPORARY VIEW t USING csv OPTIONS (path '{}', header 'true', inferSchema 'true')",
        app.dir.path().join("t").display()
    );
    let command = proto::command::CommandType::SqlCommand(proto::SqlCommand {
        input: Some(match sql(&view).op_type {
            Some(OpType::Root(relation)) => relation,
            _ => unreachable!(),
        }),
        ..Default::default()
    });
    let plan = proto::Plan { op_type: Some(OpType::Command(proto::Command { command_type: Some(command) })) };
    client.rows(plan).await.unwrap();
    sql("SELECT count(*) FROM t a, t b, t c WHERE a.k + b.k > c.k")
}

fn error_class(status: &Status) -> String {
    assert_eq!(status.code(), Code::Internal, "{status}");
    status.get_details_error_info().unwrap().metadata["errorClass"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_have_sparks_conf_each_its_own() {
    let Connect { app, server, mut client } = Connect::start(&[("spark.executor.instances", "0")]).await;
    assert_eq!(client.get("spark.sql.shuffle.partitions").await.unwrap().as_deref(), Some("200"));
    assert_eq!(
        client.get("spark.connect.session.planCompression.threshold").await.unwrap().as_deref(),
        Some("-1")
    );
    assert_eq!(error_class(&client.get("spark.nope").await.unwrap_err()), "SQL_CONF_NOT_FOUND");

    assert!(client.set("spark.executor.memory", "2g", true).await.unwrap().is_empty());
    assert_eq!(client.get("spark.executor.memory").await.unwrap().as_deref(), Some("2g"));
    let warnings = client.set("spark.sql.warehouse.dir", "/x", true).await.unwrap();
    assert!(warnings[0].contains("CANNOT_MODIFY_STATIC_CONFIG"), "{warnings:?}");
    let refused = client.set("spark.sql.warehouse.dir", "/x", false).await.unwrap_err();
    assert_eq!(error_class(&refused), "CANNOT_MODIFY_STATIC_CONFIG");

    client.set("my.own", "1", false).await.unwrap();
    let mut other = client.elsewhere();
    assert_eq!(error_class(&other.get("my.own").await.unwrap_err()), "SQL_CONF_NOT_FOUND");
    let clone = proto::CloneSessionRequest {
        session_id: client.session_id.clone(),
        user_context: Some(client.user.clone()),
        ..Default::default()
    };
    other.session_id = client.rpc.clone_session(clone).await.unwrap().into_inner().new_session_id;
    assert_eq!(other.get("my.own").await.unwrap().as_deref(), Some("1"));
    Connect { app, server, client }.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_entered_by_their_owner_alone() {
    let Connect { app, server, mut client } = Connect::start(&[("spark.executor.instances", "1")]).await;
    let operation = client.execution(range(3));
    let id = operation.operation_id.clone().unwrap();
    assert_eq!(client.responses(operation).await.unwrap().len(), 2);
    let mut stranger = client.clone();
    stranger.user.user_id = "eve".into();
    assert_eq!(
        error_class(&stranger.reattach(&id, None).await.unwrap_err()),
        "INVALID_HANDLE.SESSION_NOT_FOUND"
    );
    stranger.session_id = "no uuid".into();
    assert_eq!(error_class(&stranger.get("spark.app.id").await.unwrap_err()), "INVALID_HANDLE.FORMAT");

    let release = proto::ReleaseSessionRequest {
        session_id: client.session_id.clone(),
        user_context: Some(client.user.clone()),
        ..Default::default()
    };
    client.rpc.release_session(release).await.unwrap();
    assert_eq!(error_class(&client.get("spark.app.id").await.unwrap_err()), "INVALID_HANDLE.SESSION_CLOSED");
    let mut restarted = client.elsewhere();
    let request = proto::ConfigRequest {
        session_id: restarted.session_id.clone(),
        client_observed_server_side_session_id: Some(Uuid::new_v4().to_string()),
        ..Default::default()
    };
    let told = restarted.rpc.config(request).await.unwrap_err();
    assert_eq!(error_class(&told), "INVALID_HANDLE.SESSION_CHANGED");
    Connect { app, server, client }.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn results_can_be_read_again_until_they_are_released() {
    let Connect { app, server, mut client } = Connect::start(&[("spark.executor.instances", "1")]).await;
    assert_eq!(client.rows(range(5)).await.unwrap(), [0, 1, 2, 3, 4]);

    let request = client.execution(range(3));
    let id = request.operation_id.clone().unwrap();
    let responses = client.responses(request.clone()).await.unwrap();
    let [rows, end] = responses.as_slice() else { panic!("{responses:?}") };
    assert!(rows.schema.is_some());
    assert_eq!(numbers(rows), [0, 1, 2]);
    assert!(matches!(end.response_type, Some(ResponseType::ResultComplete(_))));
    assert!(!rows.server_side_session_id.is_empty());

    let again = client.reattach(&id, Some(rows.response_id.clone())).await.unwrap();
    assert_eq!(again.len(), 1);
    // The answer to the request was lost and it is sent again.
    assert_eq!(client.responses(request.clone()).await.unwrap().len(), 2);
    let other = proto::ExecutePlanRequest { plan: Some(range(4)), ..request };
    assert_eq!(
        error_class(&client.responses(other).await.unwrap_err()),
        "INVALID_HANDLE.OPERATION_ALREADY_EXISTS"
    );

    assert_eq!(client.release_all(&id).await.unwrap(), Some(id.clone()));
    assert_eq!(client.release_all(&id).await.unwrap(), None);
    assert_eq!(
        error_class(&client.reattach(&id, None).await.unwrap_err()),
        "INVALID_HANDLE.OPERATION_NOT_FOUND"
    );
    Connect { app, server, client }.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_tell_their_class_and_their_details() {
    let Connect { app, server, mut client } = Connect::start(&[("spark.executor.instances", "0")]).await;
    let status = client.rows(sql("SELECT nope FROM VALUES (1) AS t(a)")).await.unwrap_err();
    assert_eq!(error_class(&status), "UNRESOLVED_COLUMN.WITH_SUGGESTION");
    let info = status.get_details_error_info().unwrap();
    assert!(info.metadata["classes"].contains("org.apache.spark.sql.AnalysisException"));
    let request = proto::FetchErrorDetailsRequest {
        session_id: client.session_id.clone(),
        user_context: Some(client.user.clone()),
        error_id: info.metadata["errorId"].clone(),
        ..Default::default()
    };
    let details = client.rpc.fetch_error_details(request).await.unwrap().into_inner();
    let error = &details.errors[details.root_error_idx.unwrap() as usize];
    assert_eq!(error.message, status.message());
    let thrown = error.spark_throwable.as_ref().unwrap();
    assert_eq!(thrown.message_parameters["objectName"], "`nope`");

    let empty = client.rows(proto::Plan::default()).await.unwrap_err();
    assert!(empty.get_details_error_info().unwrap().reason.contains("InvalidPlanInput"), "{empty}");
    let version = Box::pin(client.analyze(Analyze::SparkVersion(SparkVersion {}))).await.unwrap();
    assert!(format!("{version:?}").contains("4.1.1"));
    let ddl = Analyze::DdlParse(DdlParse { ddl_string: "a INT, b ARRAY<STRING>".into() });
    assert!(Box::pin(client.analyze(ddl)).await.is_ok());
    Connect { app, server, client }.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_can_be_interrupted_and_leaves_no_tasks() {
    let Connect { app, server, mut client } = Connect::start(&[("spark.executor.instances", "1")]).await;
    let plan = endless(&app, &mut client).await;
    let mut request = client.execution(plan);
    request.tags = vec!["slow".into()];
    let id = request.operation_id.clone().unwrap();
    let running = tokio::spawn({
        let mut client = client.clone();
        async move { client.responses(request).await }
    });
    app.until(|load| load.running_tasks > 0).await;
    let interrupt = |tag: &str| proto::InterruptRequest {
        session_id: client.session_id.clone(),
        user_context: Some(client.user.clone()),
        interrupt_type: InterruptType::Tag.into(),
        interrupt: Some(Interrupt::OperationTag(tag.into())),
        ..Default::default()
    };
    let (none, one) = (interrupt("other"), interrupt("slow"));
    assert!(client.rpc.interrupt(none).await.unwrap().into_inner().interrupted_ids.is_empty());
    assert_eq!(client.rpc.interrupt(one).await.unwrap().into_inner().interrupted_ids, [id]);
    assert_eq!(error_class(&running.await.unwrap().unwrap_err()), "OPERATION_CANCELED");
    app.until(|load| load.running_tasks == 0 && load.pending_tasks == 0).await;
    Connect { app, server, client }.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_or_ill_named_is_refused_and_the_server_goes_on() {
    let limit = ("spark.connect.grpc.maxInboundMessageSize", "1m");
    let Connect { app, server, mut client } =
        Connect::start(&[("spark.executor.instances", "0"), limit]).await;
    let oversize = client.rows(sql(&format!("SELECT '{}'", "x".repeat(2 << 20)))).await.unwrap_err();
    assert_eq!(oversize.code(), Code::ResourceExhausted, "{oversize}");

    let artifact = |name: &str| {
        let data = bytes::Bytes::from_static(b"x");
        let crc = i64::from(crc32fast::hash(&data));
        let single = add_artifacts_request::SingleChunkArtifact {
            name: name.into(),
            data: Some(add_artifacts_request::ArtifactChunk { data, crc }),
        };
        let batch = add_artifacts_request::Batch { artifacts: vec![single] };
        futures::stream::iter([proto::AddArtifactsRequest {
            session_id: client.session_id.clone(),
            user_context: Some(client.user.clone()),
            payload: Some(add_artifacts_request::Payload::Batch(batch)),
            ..Default::default()
        }])
    };
    let (outside, inside) = (artifact("files/../../../x"), artifact("pyfiles/helpers.py"));
    assert_eq!(error_class(&client.rpc.add_artifacts(outside).await.unwrap_err()), "INVALID_ARTIFACT_PATH");
    let taken = client.rpc.add_artifacts(inside).await.unwrap().into_inner();
    assert!(taken.artifacts[0].is_crc_successful);
    let statuses = proto::ArtifactStatusesRequest {
        session_id: client.session_id.clone(),
        user_context: Some(client.user.clone()),
        names: vec!["pyfiles/helpers.py".into(), "pyfiles/other.py".into()],
        ..Default::default()
    };
    let statuses = client.rpc.artifact_status(statuses).await.unwrap().into_inner().statuses;
    assert!(statuses["pyfiles/helpers.py"].exists && !statuses["pyfiles/other.py"].exists);
    Connect { app, server, client }.stop().await;
}

/// The Python environment that scripts/python makes.
fn python() -> PathBuf {
    let cache = std::env::var_os("CERIUM_CACHE").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache/cerium"),
        PathBuf::from,
    );
    let python = cache.join("python/bin/python");
    assert!(python.exists(), "{} is missing: run scripts/python", python.display());
    python
}

/// Runs a script of `tests/connect` to its end, which must be good.
async fn run_script(name: &str, conf: &[(&str, &str)]) {
    let Connect { app, server, client } = Connect::start(conf).await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/connect").join(name);
    let remote = format!("sc://localhost:{}", server.local_addr().port());
    let output = tokio::task::spawn_blocking(move || {
        Command::new(python()).arg(script).env("SPARK_REMOTE", remote).output().unwrap()
    });
    let output = output.await.unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{told}", String::from_utf8_lossy(&output.stdout));
    Connect { app, server, client }.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pyspark_programs_run() {
    run_script("smoke.py", &[("spark.executor.instances", "1")]).await;
}

#[test]
fn pyspark_functions_run() {
    // Planning deep plans takes stack, of which the driver's own threads have plenty.
    let runtime =
        tokio::runtime::Builder::new_multi_thread().thread_stack_size(256 << 20).enable_all().build();
    runtime.unwrap().block_on(async {
        let python = python();
        let conf = [("spark.executor.instances", "1"), ("spark.pyspark.python", python.to_str().unwrap())];
        run_script("functions.py", &conf).await;
    });
}
