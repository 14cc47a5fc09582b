//! Scripts run on plain DataFusion, their answers compared with those recorded from Apache Spark.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and tells how far it came"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cerium_spark::error::SparkError;
use cerium_spark::functions;
use cerium_spark::session::SparkSession;
use cerium_spark::show::show_string;
use cerium_spark::sql::{Planned, ScriptStatement, plan, split_statements};
use datafusion::execution::SessionStateBuilder;
use datafusion::logical_expr::registry::FunctionRegistry;
use datafusion::prelude::{DataFrame, SessionConfig};
use datafusion_spark::SessionStateBuilderSpark;

fn session(warehouse: &Path) -> SparkSession {
    let config = SessionConfig::new().with_target_partitions(2);
    let mut state =
        SessionStateBuilder::new().with_config(config).with_default_features().with_spark_features().build();
    for function in functions::all_scalar() {
        state.register_udf(function).expect("scalar function");
    }
    for function in functions::all_aggregate() {
        state.register_udaf(function).expect("aggregate function");
    }
    let conf = [("spark.sql.warehouse.dir", warehouse.to_str().expect("a path of UTF-8"))];
    SparkSession::new(state, conf.into_iter().collect())
}

async fn answer(session: &SparkSession, statement: &ScriptStatement) -> Result<String, SparkError> {
    let (schema, batches) = match plan(session, statement).await? {
        Planned::Query(plan) => {
            let frame = DataFrame::new(session.state()?, plan);
            let schema = Arc::clone(frame.schema().inner());
            (schema, frame.collect().await?)
        }
        Planned::Local(batches, schema) => (schema, batches),
        Planned::Write(command) => return Ok(format!("write to {}", command.target.path)),
    };
    show_string(&schema, &batches, 20, 20)
}

/// The statements and answers of a recorded file.
fn recorded(path: &Path) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(path).expect("recorded answers");
    let mut cases: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        if let Some(statement) = line.strip_prefix("-- >>> ") {
            cases.push((statement.to_owned(), String::new()));
        } else if let Some((statement, answer)) = cases.last_mut() {
            let (to, line) = match line.strip_prefix("-- ... ") {
                Some(more) if answer.is_empty() => (statement, more),
                _ => (answer, line),
            };
            if !to.is_empty() {
                to.push('\n');
            }
            to.push_str(line);
        }
    }
    cases
}

/// Runs one file; gives how many answers agree, and the ones that do not.
async fn run(path: &Path) -> (usize, Vec<String>) {
    let warehouse = tempfile::tempdir().expect("a folder");
    let session = session(warehouse.path());
    let (mut agree, mut differences) = (0, Vec::new());
    for (statement, expected) in recorded(&path.with_extension("out")) {
        let answer = match answer(&session, &ScriptStatement::single(&statement)).await {
            Ok(table) => table.trim_end_matches('\n').to_owned(),
            Err(error) => error.to_string(),
        };
        if answer == expected {
            agree += 1;
        } else {
            differences.push(format!("{statement}\nSpark:\n{expected}\nCerium:\n{answer}\n"));
        }
    }
    (agree, differences)
}

fn scripts() -> Vec<PathBuf> {
    let folder = match std::env::var_os("CERIUM_SQL_SCRIPTS") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sql"),
    };
    let mut scripts: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("scripts")
        .map(|entry| entry.expect("entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "sql"))
        .collect();
    scripts.sort();
    scripts
}

#[tokio::test]
async fn answers_are_sparks() {
    let mut all = Vec::new();
    for script in scripts() {
        let (agree, differences) = run(&script).await;
        println!("{}: {agree} agree, {} differ", script.display(), differences.len());
        all.extend(differences);
    }
    assert!(all.is_empty(), "{} answers differ:\n\n{}", all.len(), all.join("\n"));
}

#[tokio::test]
async fn errors_know_their_place_in_the_script() {
    let warehouse = tempfile::tempdir().expect("a folder");
    let session = session(warehouse.path());
    let statements = split_statements("select 1;\n\nselect *\nfrom nope;");
    let error = plan(&session, &statements[1]).await.expect_err("no such table");
    assert_eq!(error.class(), "TABLE_OR_VIEW_NOT_FOUND");
    assert_eq!(error.script_position(), Some((4, 6)));
}

#[tokio::test]
async fn the_catalog_outlives_its_session_and_external_files_their_table() {
    let (warehouse, files) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let file = files.path().join("p=7/part.csv");
    std::fs::create_dir_all(files.path().join("p=7")).expect("a folder");
    std::fs::write(&file, "x\n").expect("a file");
    let run = async |session: &SparkSession, text: &str| {
        answer(session, &ScriptStatement::single(text)).await.unwrap_or_else(|error| error.to_string())
    };
    let first = session(warehouse.path());
    run(&first, "create database d").await;
    run(&first, "use d").await;
    let table = format!(
        "create table t (p int, a string) using csv partitioned by (p) location '{}'",
        files.path().display()
    );
    run(&first, &table).await;
    run(&first, "create view v as select a, p + 1 as q from t").await;
    drop(first);

    let second = session(warehouse.path());
    // As in Spark, partitions that were there before the table are not part of it until they are recovered.
    assert_eq!(run(&second, "select * from d.t").await, "+---+---+\n|  a|  p|\n+---+---+\n+---+---+\n");
    run(&second, "msck repair table d.t").await;
    assert_eq!(
        run(&second, "select * from d.v").await,
        "+---+---+\n|  a|  q|\n+---+---+\n|  x|  8|\n+---+---+\n"
    );
    run(&second, "drop database d cascade").await;
    assert!(file.exists(), "the files of an external table stay");
    let gone = run(&session(warehouse.path()), "select * from d.v").await;
    assert!(gone.starts_with("[TABLE_OR_VIEW_NOT_FOUND]"), "{gone}");
}
