//! Writes and reads files as tasks and driver do, through the codec and without a cluster.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use cerium_conf::SparkConf;
use cerium_engine::codec::{CeriumLogicalCodec, CeriumPhysicalCodec};
use cerium_engine::object_stores::ObjectStores;
use cerium_engine::planner::CeriumQueryPlanner;
use cerium_engine::write::{self, Prepared, WriteJob};
use cerium_spark::error::SparkError;
use cerium_spark::source::resolve;
use cerium_spark::spark_options::SparkOptions;
use cerium_spark::write::{FileFormat, SaveMode, WriteSpec};
use datafusion::arrow::array::{Int64Array, RecordBatch};
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, collect};
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion_proto::bytes::{
    logical_plan_from_bytes_with_extension_codec, logical_plan_to_bytes_with_extension_codec,
};
use datafusion_proto::physical_plan::AsExecutionPlan;
use datafusion_proto::protobuf::PhysicalPlanNode;
use futures::TryStreamExt;

const ROWS: &str =
    "SELECT * FROM (VALUES (1, 'a', 'x'), (2, 'b', 'x'), (3, NULL, 'y/z'), (4, 'd', NULL)) t(i, s, k)";

fn context_with(conf: SparkConf) -> SessionContext {
    let runtime = RuntimeEnvBuilder::new()
        .with_object_store_registry(Arc::new(ObjectStores::new(conf.clone())))
        .build()
        .unwrap();
    let config = SessionConfig::new()
        .with_target_partitions(2)
        .with_round_robin_repartition(false)
        .with_option_extension(SparkOptions::new(conf));
    let state = SessionStateBuilder::new()
        .with_default_features()
        .with_config(config)
        .with_runtime_env(Arc::new(runtime))
        .with_query_planner(Arc::new(CeriumQueryPlanner))
        .build();
    SessionContext::new_with_state(state)
}

fn context() -> SessionContext {
    context_with(SparkConf::new())
}

fn spec(path: &Path, format: FileFormat) -> WriteSpec {
    WriteSpec {
        path: path.to_str().unwrap().to_owned(),
        format,
        mode: SaveMode::ErrorIfExists,
        ..WriteSpec::default()
    }
}

/// A plan as an executor gets it: encoded and decoded.
fn over_the_wire(context: &SessionContext, plan: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
    let codec = CeriumPhysicalCodec::default();
    let mut bytes = vec![];
    PhysicalPlanNode::try_from_physical_plan(plan, &codec).unwrap().try_encode(&mut bytes).unwrap();
    let node = <PhysicalPlanNode as AsExecutionPlan>::try_decode(&bytes).unwrap();
    node.try_into_physical_plan(&context.task_ctx(), &codec).unwrap()
}

async fn job(
    context: &SessionContext,
    spec: &WriteSpec,
    input: &LogicalPlan,
) -> Result<Prepared, SparkError> {
    let id = uuid::Uuid::new_v4().to_string();
    write::prepare(&context.state(), spec, input.schema().as_arrow(), &id).await
}

/// Runs the tasks of a job and returns what each reported.
async fn run(context: &SessionContext, job: &WriteJob, input: &LogicalPlan) -> Vec<Vec<RecordBatch>> {
    let plan = write::plan(job.clone(), input.clone()).unwrap();
    let physical = over_the_wire(context, context.state().create_physical_plan(&plan).await.unwrap());
    let mut reported = vec![];
    for partition in 0..physical.output_partitioning().partition_count() {
        let rows = physical.execute(partition, context.task_ctx()).unwrap();
        reported.push(rows.try_collect().await.unwrap());
    }
    reported
}

async fn write_all(context: &SessionContext, spec: &WriteSpec, sql: &str) -> Result<u64, SparkError> {
    let input = context.sql(sql).await.unwrap().into_unoptimized_plan();
    let Prepared::Write(job) = job(context, spec, &input).await? else { return Ok(0) };
    let reported = run(context, &job, &input).await.concat();
    let schema = Arc::new(input.schema().as_arrow().clone());
    Ok(write::commit(&context.state(), &job, &schema, &reported).await?.rows)
}

/// The files below a folder, without the unique part of their names.
fn files(folder: &Path) -> Vec<String> {
    fn walk(folder: &Path, root: &Path, into: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, root, into);
                continue;
            }
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            into.push(match (name.find("part-"), name.rfind("-c")) {
                (Some(part), Some(counter)) => format!("{}*{}", &name[..part + 10], &name[counter..]),
                _ => name,
            });
        }
    }
    let mut found = vec![];
    walk(folder, folder, &mut found);
    found.sort();
    found
}

async fn read(context: &SessionContext, format: &str, path: &Path, options: &[(&str, &str)]) -> String {
    let options = options.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let paths = [path.to_str().unwrap().to_owned()];
    let table = resolve(&context.state(), format, &paths, &options, None).await.unwrap();
    let plan = context.read_table(table).unwrap().create_physical_plan().await.unwrap();
    // Scans cross the wire too.
    let batches = collect(over_the_wire(context, plan), context.task_ctx()).await.unwrap();
    let text = pretty_format_batches(&batches).unwrap().to_string();
    let mut lines: Vec<&str> = text.lines().filter(|line| line.starts_with('|')).collect();
    lines[1..].sort_unstable();
    lines
        .iter()
        .map(|line| line.split('|').map(str::trim).collect::<Vec<_>>().join("|"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[tokio::test]
async fn every_format_comes_back_as_it_was_written() {
    let context = context();
    let folder = tempfile::tempdir().unwrap();
    let expected = "|i|s|k|\n|1|a|x|\n|2|b|x|\n|3||y/z|\n|4|d||";
    for (format, ending) in [
        (FileFormat::Parquet, ".snappy.parquet"),
        (FileFormat::Orc, ".zstd.orc"),
        (FileFormat::Csv, ".csv"),
        (FileFormat::Json, ".json"),
    ] {
        let path = folder.path().join(format.to_string());
        let mut spec = spec(&path, format);
        spec.options.insert("header".into(), "true".into());
        assert_eq!(write_all(&context, &spec, ROWS).await.unwrap(), 4);
        assert_eq!(files(&path), vec!["_SUCCESS".to_owned(), format!("part-00000*-c000{ending}")]);
        let options = [("header", "true"), ("inferSchema", "true")];
        let back = read(&context, &format.to_string(), &path, &options).await;
        // JSON's columns come in the order of their names.
        let wanted =
            if format == FileFormat::Json { "|i|k|s|\n|1|x|a|\n|2|x|b|\n|3|y/z||\n|4||d|" } else { expected };
        assert_eq!(back, wanted, "{format}");
    }
}

#[tokio::test]
async fn partitions_become_folders() {
    let context = context();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t");
    let mut spec = spec(&path, FileFormat::Parquet);
    spec.partition_by = vec!["k".into()];
    write_all(&context, &spec, ROWS).await.unwrap();
    let mut names: Vec<String> =
        files(&path).iter().map(|file| file.split('/').next().unwrap().to_owned()).collect();
    names.dedup();
    assert_eq!(names, ["_SUCCESS", "k=__HIVE_DEFAULT_PARTITION__", "k=x", "k=y%2Fz"]);
    assert_eq!(read(&context, "parquet", &path, &[]).await, "|i|s|k|\n|1|a|x|\n|2|b|x|\n|3||y/z|\n|4|d||");
}

#[tokio::test]
async fn save_modes_are_sparks() {
    let context = context();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t");
    let mut spec = spec(&path, FileFormat::Csv);
    assert_eq!(write_all(&context, &spec, "SELECT 1 AS a").await.unwrap(), 1);

    let error = write_all(&context, &spec, "SELECT 2 AS a").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "[PATH_ALREADY_EXISTS] Path file:{} already exists. Set mode as \"overwrite\" to overwrite the existing path. SQLSTATE: 42K04",
            path.display()
        )
    );
    spec.mode = SaveMode::Ignore;
    assert_eq!(write_all(&context, &spec, "SELECT 2 AS a").await.unwrap(), 0);
    assert_eq!(read(&context, "csv", &path, &[]).await, "|_c0|\n|1|");
    spec.mode = SaveMode::Append;
    write_all(&context, &spec, "SELECT 3 AS a").await.unwrap();
    assert_eq!(read(&context, "csv", &path, &[]).await, "|_c0|\n|1|\n|3|");
    spec.mode = SaveMode::Overwrite;
    write_all(&context, &spec, "SELECT 4 AS a").await.unwrap();
    assert_eq!(read(&context, "csv", &path, &[]).await, "|_c0|\n|4|");
    assert_eq!(files(&path).len(), 2);
}

#[tokio::test]
async fn only_the_reported_attempt_of_a_task_counts() {
    let context = context();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t");
    let spec = spec(&path, FileFormat::Parquet);
    let input = context.sql(ROWS).await.unwrap().into_unoptimized_plan();
    let Prepared::Write(job) = job(&context, &spec, &input).await.unwrap() else { panic!("skipped") };
    let first = run(&context, &job, &input).await.concat();
    let second = run(&context, &job, &input).await.concat();
    assert_eq!(files(&path).iter().filter(|file| !file.starts_with("_temporary")).count(), 0);
    let schema = Arc::new(input.schema().as_arrow().clone());
    let committed = write::commit(&context.state(), &job, &schema, &second).await.unwrap();
    assert_eq!((committed.rows, committed.files), (4, second.iter().map(RecordBatch::num_rows).sum()));
    assert_eq!(first.len(), second.len());
    assert_eq!(files(&path), ["_SUCCESS", "part-00000*-c000.snappy.parquet"]);
}

#[tokio::test]
async fn a_failed_job_leaves_the_target_as_it_was() {
    let context = context();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t");
    let mut spec = spec(&path, FileFormat::Csv);
    write_all(&context, &spec, "SELECT 1 AS a").await.unwrap();
    let before = files(&path);

    spec.mode = SaveMode::Overwrite;
    let input = context.sql("SELECT 2 AS a").await.unwrap().into_unoptimized_plan();
    let Prepared::Write(job) = job(&context, &spec, &input).await.unwrap() else { panic!("skipped") };
    let reported = run(&context, &job, &input).await.concat();
    write::abort(&context.state(), &job, &reported).await.unwrap();
    assert_eq!(files(&path), before);
    assert_eq!(read(&context, "csv", &path, &[]).await, "|_c0|\n|1|");
}

#[tokio::test]
async fn files_that_the_driver_cannot_see_fail_the_commit_with_advice() {
    let context = context();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t");
    let spec = spec(&path, FileFormat::Csv);
    let input = context.sql("SELECT 1 AS a").await.unwrap().into_unoptimized_plan();
    let Prepared::Write(job) = job(&context, &spec, &input).await.unwrap() else { panic!("skipped") };
    let reported = run(&context, &job, &input).await.concat();
    // As in a pod without the executor's volume.
    std::fs::remove_dir_all(path.join("_temporary")).unwrap();
    let schema = Arc::new(input.schema().as_arrow().clone());
    let error = write::commit(&context.state(), &job, &schema, &reported).await.unwrap_err().to_string();
    assert!(error.contains("mount the same volume") && error.contains("s3a://"), "{error}");
    assert_eq!(files(&path), Vec::<String>::new());
}

#[tokio::test]
async fn no_rows_still_make_a_file_with_the_schema() {
    let context = context();
    let folder = tempfile::tempdir().unwrap();
    let none = format!("SELECT * FROM ({ROWS}) WHERE i > 10");
    let path = folder.path().join("p");
    write_all(&context, &spec(&path, FileFormat::Parquet), &none).await.unwrap();
    assert_eq!(files(&path), ["_SUCCESS", "part-00000*-c000.snappy.parquet"]);
    let paths = [path.to_str().unwrap().to_owned()];
    let table = resolve(&context.state(), "parquet", &paths, &BTreeMap::new(), None).await.unwrap();
    assert_eq!(table.schema().fields().len(), 3);

    let path = folder.path().join("c");
    let mut csv = spec(&path, FileFormat::Csv);
    csv.options.insert("header".into(), "true".into());
    write_all(&context, &csv, &none).await.unwrap();
    let name = std::fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()).find(|p| p.extension().is_some());
    assert_eq!(std::fs::read_to_string(name.unwrap()).unwrap(), "i,s,k\n");
}

/// The texts are what Spark 4.1.1 writes for these rows.
#[tokio::test]
async fn text_is_written_as_spark_does() {
    let context = context();
    let folder = tempfile::tempdir().unwrap();
    let sql = "SELECT * FROM (VALUES \
        (1, 'a,b', 1.5, true, DATE '2024-01-02', arrow_cast('2024-01-02T03:04:05.123456', 'Timestamp(Microsecond, Some(\"UTC\"))'), arrow_cast(12.50, 'Decimal128(4, 2)')), \
        (2, 'say \"hi\"', 1e10, false, NULL, NULL, arrow_cast(0, 'Decimal128(4, 2)')), \
        (3, 'back\\slash', 'NaN'::double, NULL, NULL, NULL, NULL), \
        (4, '', -0.0, NULL, NULL, NULL, NULL), \
        (5, NULL, 1e-5, NULL, NULL, NULL, NULL), \
        (7, ' pad ', 'Infinity'::double, NULL, NULL, NULL, NULL), \
        (8, 'q\\\"x', 0.1, NULL, NULL, NULL, NULL)) t(i, s, d, b, dt, ts, dec)";
    let text = async |format: FileFormat| {
        let path = folder.path().join(format.to_string());
        write_all(&context, &spec(&path, format), sql).await.unwrap();
        let name =
            std::fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()).find(|p| p.extension().is_some());
        std::fs::read_to_string(name.unwrap()).unwrap()
    };
    assert_eq!(
        text(FileFormat::Csv).await,
        "1,\"a,b\",1.5,true,2024-01-02,2024-01-02T03:04:05.123Z,12.50\n\
         2,\"say \\\"hi\\\"\",1.0E10,false,,,0.00\n\
         3,back\\slash,NaN,,,,\n\
         4,\"\",-0.0,,,,\n\
         5,,1.0E-5,,,,\n\
         7,pad,Infinity,,,,\n\
         8,\"q\\\\\\\"x\",0.1,,,,\n"
    );
    assert_eq!(
        text(FileFormat::Json).await,
        "{\"i\":1,\"s\":\"a,b\",\"d\":1.5,\"b\":true,\"dt\":\"2024-01-02\",\"ts\":\"2024-01-02T03:04:05.123Z\",\"dec\":12.50}\n\
         {\"i\":2,\"s\":\"say \\\"hi\\\"\",\"d\":1.0E10,\"b\":false,\"dec\":0.00}\n\
         {\"i\":3,\"s\":\"back\\\\slash\",\"d\":\"NaN\"}\n\
         {\"i\":4,\"s\":\"\",\"d\":-0.0}\n\
         {\"i\":5,\"d\":1.0E-5}\n\
         {\"i\":7,\"s\":\" pad \",\"d\":\"Infinity\"}\n\
         {\"i\":8,\"s\":\"q\\\\\\\"x\",\"d\":0.1}\n"
    );
}

#[tokio::test]
async fn large_partitions_are_cut_by_max_records() {
    let context = context();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t");
    let mut spec = spec(&path, FileFormat::Csv);
    spec.options.insert("maxRecordsPerFile".into(), "3".into());
    assert_eq!(write_all(&context, &spec, "SELECT * FROM generate_series(1, 7)").await.unwrap(), 7);
    assert_eq!(files(&path).len(), 4);
}

#[tokio::test]
async fn what_cannot_be_written_is_refused_before_a_task_runs() {
    let context = context();
    let folder = tempfile::tempdir().unwrap();
    let refuse = async |change: fn(&mut WriteSpec)| {
        let mut spec = spec(&folder.path().join("t"), FileFormat::Csv);
        change(&mut spec);
        write_all(&context, &spec, "SELECT 1 AS a, make_array(1) AS l").await.unwrap_err().to_string()
    };
    assert!(
        refuse(|s| s.partition_by = vec!["nope".into()])
            .await
            .contains("[PARTITION_COLUMN_NOT_FOUND_IN_SCHEMA]")
    );
    assert!(refuse(|_| ()).await.contains("[UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE]"));
    assert!(
        refuse(|s| {
            s.format = FileFormat::Parquet;
            s.path = "hdfs://x/y".into();
        })
        .await
        .contains("hdfs")
    );
    assert!(
        refuse(|s| {
            s.format = FileFormat::Parquet;
            s.options.insert("compression".into(), "rar".into());
        })
        .await
        .contains("rar")
    );
    assert!(!folder.path().join("t").exists());
}

#[tokio::test]
async fn logical_writes_survive_the_wire() {
    let context = context();
    let folder = tempfile::tempdir().unwrap();
    let spec = spec(&folder.path().join("t"), FileFormat::Json);
    let input = context.sql("SELECT 1 AS a").await.unwrap().into_unoptimized_plan();
    let Prepared::Write(job) = job(&context, &spec, &input).await.unwrap() else { panic!("skipped") };
    let plan = write::plan(job, input).unwrap();
    let codec = CeriumLogicalCodec::default();
    let bytes = logical_plan_to_bytes_with_extension_codec(&plan, &codec).unwrap();
    let back = logical_plan_from_bytes_with_extension_codec(&bytes, &context.task_ctx(), &codec).unwrap();
    assert_eq!(format!("{back}"), format!("{plan}"));
}

#[tokio::test]
async fn partition_filters_leave_files_out() {
    let context = context();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t");
    let mut spec = spec(&path, FileFormat::Parquet);
    spec.partition_by = vec!["k".into()];
    write_all(&context, &spec, ROWS).await.unwrap();
    // Only the file of k=x can be read.
    for entry in std::fs::read_dir(path.join("k=y%2Fz")).unwrap() {
        std::fs::write(entry.unwrap().path(), "no parquet").unwrap();
    }
    let paths = [path.to_str().unwrap().to_owned()];
    let table = resolve(&context.state(), "parquet", &paths, &BTreeMap::new(), None).await.unwrap();
    context.register_table("t", table).unwrap();
    let batches = context.sql("SELECT sum(i) FROM t WHERE t.k = 'x'").await.unwrap().collect().await.unwrap();
    let sum: &Int64Array = batches[0].column(0).as_any().downcast_ref().unwrap();
    assert_eq!(sum.value(0), 3);
}

/// A real S3 server, ended with the test.
struct S3Server {
    process: std::process::Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// The server that the cluster tests build, or `None` where it has not been built.
fn s3_server() -> Option<S3Server> {
    let cache = std::env::var("CERIUM_CACHE")
        .unwrap_or_else(|_| format!("{}/.cache/cerium", std::env::var("HOME").unwrap_or_default()));
    let built = std::fs::read_dir(format!("{cache}/cluster")).ok()?;
    let binary = built.filter_map(Result::ok).map(|e| e.path().join("bin/versitygw")).find(|p| p.exists())?;
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("data/bucket")).unwrap();
    std::fs::create_dir_all(folder.path().join("meta")).unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let process = std::process::Command::new(binary)
        .env("ROOT_ACCESS_KEY", "key")
        .env("ROOT_SECRET_KEY", "secret")
        .args(["--port", &format!("127.0.0.1:{port}"), "posix", "--sidecar"])
        .args([folder.path().join("meta"), folder.path().join("data")])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let server = S3Server { process, port, folder };
    let started = std::time::Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(started.elapsed().as_secs() < 30, "the S3 server does not listen");
        std::thread::yield_now();
    }
    Some(server)
}

#[tokio::test]
async fn uploads_to_s3_appear_at_the_commit() {
    let Some(server) = s3_server() else {
        eprintln!("SKIPPED: no versitygw in the cache; `make cluster` builds it");
        return;
    };
    let conf = |secret: &str| {
        let mut conf = SparkConf::new();
        conf.set("spark.hadoop.fs.s3a.endpoint", format!("http://127.0.0.1:{}", server.port));
        conf.set("spark.hadoop.fs.s3a.access.key", "key");
        conf.set("spark.hadoop.fs.s3a.secret.key", secret);
        conf
    };
    let context = context_with(conf("secret"));
    let target = |path: &str| spec(Path::new(path), FileFormat::Parquet);
    let input = context.sql(ROWS).await.unwrap().into_unoptimized_plan();
    let objects = || {
        let folder = server.folder.path().join("data/bucket/t");
        if folder.exists() { files(&folder) } else { vec![] }
    };

    let to = target("s3a://bucket/t");
    let Prepared::Write(first) = job(&context, &to, &input).await.unwrap() else { panic!("skipped") };
    let reported = run(&context, &first, &input).await.concat();
    assert_eq!(objects(), Vec::<String>::new());
    write::abort(&context.state(), &first, &reported).await.unwrap();
    assert_eq!(objects(), Vec::<String>::new());

    assert_eq!(write_all(&context, &to, ROWS).await.unwrap(), 4);
    assert_eq!(objects().len(), 2);
    let expected = "|i|s|k|\n|1|a|x|\n|2|b|x|\n|3||y/z|\n|4|d||";
    assert_eq!(read(&context, "parquet", Path::new("s3a://bucket/t"), &[]).await, expected);
    let error = write_all(&context, &to, ROWS).await.unwrap_err();
    assert_eq!(error.class(), "PATH_ALREADY_EXISTS");

    let missing = write_all(&context, &target("s3a://nowhere/t"), ROWS).await.unwrap_err().to_string();
    assert!(missing.contains("bucket `nowhere` does not exist"), "{missing}");
    let denied = write_all(&context_with(conf("wrong")), &target("s3a://bucket/u"), ROWS)
        .await
        .unwrap_err()
        .to_string();
    assert!(denied.contains("secret key") || denied.contains("denied"), "{denied}");
}
