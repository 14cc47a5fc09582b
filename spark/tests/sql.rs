//! Scripts run on plain DataFusion, their answers compared with those recorded from Apache Spark.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and tells how far it came"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cerium_spark::analysis::scope::Relation;
use cerium_spark::error::SparkError;
use cerium_spark::functions;
use cerium_spark::layout::{Layout, LayoutNode};
use cerium_spark::session::SparkSession;
use cerium_spark::show::show_string;
use cerium_spark::sql::plan::fragment::Fragment;
use cerium_spark::sql::{Parameters, Planned, ScriptStatement, plan, plan_with, split_statements};
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::Transformed;
use datafusion::execution::SessionStateBuilder;
use datafusion::logical_expr::registry::FunctionRegistry;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
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

/// A plan without what only an engine can plan. Of one partition a sort within partitions is a sort.
fn without_layouts(plan: LogicalPlan) -> datafusion::error::Result<LogicalPlan> {
    let plain = plan.transform_up_with_subqueries(|node| {
        let LogicalPlan::Extension(extension) = &node else { return Ok(Transformed::no(node)) };
        let Some(layout) = extension.node.as_any().downcast_ref::<LayoutNode>() else {
            return Ok(Transformed::no(node));
        };
        let input = layout.input().clone();
        Ok(Transformed::yes(match layout.layout() {
            Layout::Sorted(keys) => LogicalPlanBuilder::from(input).sort(keys.clone())?.build()?,
            _ => input,
        }))
    })?;
    Ok(plain.data)
}

async fn answer(session: &SparkSession, statement: &ScriptStatement) -> Result<String, SparkError> {
    let (schema, batches) = match plan(session, statement).await? {
        Planned::Query(plan) => {
            let frame = DataFrame::new(session.state()?, without_layouts(plan)?);
            let schema = Arc::clone(frame.schema().inner());
            (schema, frame.collect().await?)
        }
        Planned::Local(batches, schema) => (schema, batches),
        Planned::Compute(_) => return Ok("computed".to_owned()),
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

/// What the reference says is refused: statements and the words their errors hold.
fn refused() -> Vec<(String, String)> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/sql.md");
    let text = std::fs::read_to_string(page).expect("the reference of SQL");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| row.strip_suffix(" |")?.split_once("` | "))
        .map(|(statement, words)| (statement.replace("\\|", "|"), words.to_owned()))
        .collect()
}

#[tokio::test]
async fn what_the_reference_says_is_refused_by_name() {
    let warehouse = tempfile::tempdir().expect("a folder");
    let session = session(warehouse.path());
    let refused = refused();
    assert!(refused.len() > 15, "the table is not where it was");
    for (statement, words) in refused {
        let error = answer(&session, &ScriptStatement::single(&statement)).await.expect_err(&statement);
        assert!(error.class().starts_with("UNSUPPORTED_FEATURE"), "{statement}: {error}");
        assert!(error.message().contains(&words), "{statement}: {error}");
    }
}

#[tokio::test]
async fn parameters_stand_for_values() {
    let warehouse = tempfile::tempdir().expect("a folder");
    let session = session(warehouse.path());
    let statement = ScriptStatement::single("select :a + 1 as x, :b as y, :c is null as z from range(:a)");
    let values = [
        ("a".to_owned(), ScalarValue::Int32(Some(1))),
        ("b".to_owned(), ScalarValue::Utf8(Some("it's".to_owned()))),
        ("c".to_owned(), ScalarValue::Int64(None)),
    ];
    let named = Parameters::named(values).expect("literals");
    let text = "+---+----+----+\n|  x|   y|   z|\n+---+----+----+\n|  2|it's|true|\n+---+----+----+\n";
    assert_eq!(shown(&session, &statement, &named).await.as_deref(), Ok(text));

    let statement = ScriptStatement::single("select ? as a, ? as b");
    let values = [ScalarValue::Int32(Some(-5)), ScalarValue::Date32(Some(0))];
    let positional = Parameters::positional(values).expect("literals");
    let text = "+---+----------+\n|  a|         b|\n+---+----------+\n| -5|1970-01-01|\n+---+----------+\n";
    assert_eq!(shown(&session, &statement, &positional).await.as_deref(), Ok(text));

    // The names are Spark's: that of the parameter, or its place.
    for (statement, name) in [("select :x", "x"), ("select ? + 1", "_7")] {
        let error = plan(&session, &ScriptStatement::single(statement)).await.expect_err(statement);
        assert_eq!(error.class(), "UNBOUND_SQL_PARAMETER");
        assert_eq!(error.params()["name"], name);
    }
}

fn query(planned: Planned) -> LogicalPlan {
    let plan = match planned {
        Planned::Query(plan) => Some(plan),
        _ => None,
    };
    plan.expect("a query")
}

async fn shown(
    session: &SparkSession,
    statement: &ScriptStatement,
    parameters: &Parameters,
) -> Result<String, SparkError> {
    let plan = query(plan_with(session, statement, parameters).await?);
    let frame = DataFrame::new(session.state()?, without_layouts(plan)?);
    let schema = Arc::clone(frame.schema().inner());
    let rows = frame.collect().await?;
    show_string(&schema, &rows, 20, 20)
}

#[tokio::test]
async fn fragments_are_planned_over_columns_at_hand() {
    let warehouse = tempfile::tempdir().expect("a folder");
    let session = session(warehouse.path());
    let statement = ScriptStatement::single("select 1 as a, array(1, 2) as xs");
    let plan = query(plan(&session, &statement).await.expect("a plan"));
    let input = Relation::unqualified(plan);
    let parse = async |text: &str| Fragment::parse(&session, text, &Parameters::default()).await;
    let snapshot = session.snapshot().expect("snapshot");
    let names = [
        ("a + 1", "(a + 1)"),
        ("a + 1 as b", "b"),
        ("cast(a as string)", "a"),
        ("(select 1)", "scalarsubquery()"),
    ];
    for (text, name) in names {
        let fragment = parse(text).await.expect(text);
        let named = fragment.expr(&snapshot, &input.columns, input.schema()).expect(text);
        assert_eq!(named.name, name);
    }
    let (_, items) = parse("*").await.expect("star").items(&snapshot, input.clone()).expect("columns");
    assert_eq!(items.len(), 2);
    let (_, items) =
        parse("posexplode(xs) as (p, x)").await.expect("call").items(&snapshot, input).expect("columns");
    assert_eq!(items.iter().map(|item| item.name.as_str()).collect::<Vec<_>>(), ["p", "x"]);
    let error = parse("a +").await.err().expect("no expression");
    assert_eq!(error.class(), "PARSE_SYNTAX_ERROR");
}

#[tokio::test]
async fn deep_nesting_is_an_error_not_a_crash() {
    let warehouse = tempfile::tempdir().expect("a folder");
    let session = session(warehouse.path());
    for (open, middle, close) in
        [("(", "1", ")"), ("(select ", "1", ")"), ("array(", "1", ")"), ("- ", "1", "")]
    {
        let text = format!("select {}{middle}{}", open.repeat(5000), close.repeat(5000));
        let error = plan(&session, &ScriptStatement::single(text)).await.expect_err(open);
        assert_eq!(error.class(), "FAILED_TO_PARSE_TOO_COMPLEX", "{open}");
    }
    let text = format!("select * from {}range(1){}", "(".repeat(60), ")".repeat(60));
    assert!(plan(&session, &ScriptStatement::single(text)).await.is_ok());
}
