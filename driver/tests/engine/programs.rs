//! `cerium-driver run` as a user calls it: exit code, standard output, standard error.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn run(manifest: &Path, conf: &[String]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cerium-driver"))
        .current_dir(root())
        .arg("run")
        .arg(manifest)
        .args(conf.iter().flat_map(|entry| ["--conf", entry]))
        .output()
        .unwrap()
}

/// Runs a script of SQL with one executor.
fn run_sql(folder: &TempDir, sql: &str) -> Output {
    let script = folder.path().join("program.sql");
    fs::write(&script, sql).unwrap();
    let manifest = folder.path().join("program.yaml");
    let text = format!(
        "
apiVersion: sparkoperator.k8s.io/v1beta2
kind: SparkApplication
metadata: {{name: program}}
spec:
  type: SQL
  sparkVersion: 4.1.1
  mainApplicationFile: {}
  driver: {{}}
  executor: {{instances: 1}}
",
        script.display()
    );
    fs::write(&manifest, text).unwrap();
    run(&manifest, &[])
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// What examples/flights.sql prints, worked out from the files with nothing but additions.
fn expected_flights(data: &Path) -> Vec<Vec<String>> {
    #[derive(Default)]
    struct Carrier {
        flights: u64,
        departed: i64,
        delay: i64,
        miles: u64,
    }
    let mut carriers: BTreeMap<String, Carrier> = BTreeMap::new();
    let flights = fs::read_to_string(data.join("flights.csv")).unwrap();
    for line in flights.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let carrier = carriers.entry(fields[9].to_owned()).or_default();
        carrier.flights += 1;
        carrier.miles += fields[15].parse::<u64>().unwrap();
        if let Ok(delay) = fields[5].parse::<i64>() {
            carrier.departed += 1;
            carrier.delay += delay;
        }
    }
    let airlines = fs::read_to_string(data.join("airlines.csv")).unwrap();
    let names: BTreeMap<&str, &str> =
        airlines.lines().skip(1).filter_map(|line| line.split_once(',')).collect();
    let mut rows: Vec<_> = carriers.into_iter().collect();
    rows.sort_by_key(|(_, carrier)| std::cmp::Reverse(carrier.flights));
    rows.into_iter()
        .map(|(code, carrier)| {
            let name = names[code.as_str()].trim();
            // `show` cuts after 20 characters.
            let name = if name.len() > 20 { format!("{}...", &name[..17]) } else { name.to_owned() };
            let delay = carrier.delay as f64 / carrier.departed as f64;
            let delay = format!("{:.1}", (delay * 10.0).round() / 10.0);
            vec![code, name, carrier.flights.to_string(), delay, carrier.miles.to_string()]
        })
        .collect()
}

#[test]
fn the_flights_example_prints_the_figures_of_its_data() {
    let data = root().join("data/nycflights13");
    assert!(data.join("flights.csv").exists(), "the flights are missing: run scripts/fetch-flights");
    let folder = TempDir::new().unwrap();
    let output = run(
        &root().join("examples/flights.yaml"),
        &[format!("spark.flights.output={}", folder.path().join("out").display())],
    );
    assert!(output.status.success(), "{}", err(&output));

    let printed: Vec<Vec<String>> = out(&output)
        .lines()
        .filter(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect())
        .collect();
    assert_eq!(printed[0], ["carrier", "name", "flights", "avg_delay", "miles"]);
    assert_eq!(printed[1..], expected_flights(&data));
    assert!(folder.path().join("out/_SUCCESS").exists());
    assert!(folder.path().join("out/month=12").is_dir());
}

#[test]
fn a_failing_statement_stops_the_program_with_sparks_class_and_a_position() {
    let folder = TempDir::new().unwrap();
    let output = run_sql(
        &folder,
        "SELECT 1 AS one;\n-- a comment\nSELECT nope\n  FROM VALUES (1) AS t(a);\nSELECT 3 AS three;\n",
    );
    assert_eq!(output.status.code(), Some(1));
    // As Spark's `show` prints it: columns are at least three wide.
    assert_eq!(out(&output), "+---+\n|one|\n+---+\n|  1|\n+---+\n\n");
    let told = err(&output);
    assert!(told.contains("[UNRESOLVED_COLUMN.WITH_SUGGESTION]"), "{told}");
    assert!(told.contains("statement 2 of the program failed (line 3, column 8)"), "{told}");
}

#[test]
fn a_task_that_fails_fails_the_program_with_its_own_words() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("words.csv"), "w\n12\nabc\n").unwrap();
    let view = format!(
        "CREATE TEMPORARY VIEW words USING csv OPTIONS (path '{}', header 'true');\nSELECT CAST(w AS INT) FROM words;",
        folder.path().join("words.csv").display()
    );
    let output = run_sql(&folder, &view);
    assert_eq!(output.status.code(), Some(1));
    let told = err(&output);
    assert!(told.contains("[CAST_INVALID_INPUT]") && told.contains("'abc'"), "{told}");
}

#[test]
fn what_cannot_be_run_is_a_usage_error() {
    let folder = TempDir::new().unwrap();
    let missing = run(&folder.path().join("no.yaml"), &[]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(err(&missing).contains("no.yaml"), "{}", err(&missing));

    let malformed = run(&root().join("examples/flights.yaml"), &["spark.executor.memory=lots".to_owned()]);
    assert_eq!(malformed.status.code(), Some(2));
    assert!(err(&malformed).contains("lots"), "{}", err(&malformed));
}

#[test]
fn a_main_file_that_does_not_exist_is_named() {
    let folder = TempDir::new().unwrap();
    let output = run_sql(&folder, "SELECT 1");
    assert!(output.status.success());
    fs::remove_file(folder.path().join("program.sql")).unwrap();
    let output = run(&folder.path().join("program.yaml"), &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("failed to read the main file"), "{}", err(&output));
    assert!(err(&output).contains("program.sql"), "{}", err(&output));
}

#[test]
fn a_plan_is_printed_line_by_line() {
    let folder = tempfile::tempdir().unwrap();
    let output = run_sql(&folder, "EXPLAIN SELECT id FROM range(10) WHERE id > 3");
    assert!(output.status.success(), "{}", err(&output));
    let lines: Vec<String> = out(&output).lines().map(str::to_owned).collect();
    assert_eq!(lines[0], "== Physical Plan ==");
    assert!(lines.iter().any(|line| line.contains("Filter")), "{lines:?}");
}

#[test]
fn settings_of_files_hold_from_the_next_statement_on() {
    let folder = TempDir::new().unwrap();
    let place = |name: &str| folder.path().join(name).display().to_string();
    fs::write(folder.path().join("rows.csv"), "1,2\nx,3\n".repeat(50_000)).unwrap();
    let output = run_sql(
        &folder,
        &format!(
            "SET spark.sql.files.maxRecordsPerFile=2;
             SET spark.sql.parquet.compression.codec=gzip;
             INSERT OVERWRITE DIRECTORY '{}' USING parquet SELECT id FROM range(0, 5, 1, 1);
             SET spark.sql.columnNameOfCorruptRecord=bad;
             CREATE TEMPORARY VIEW rows (a INT, b INT, bad STRING) USING csv OPTIONS (path '{rows}');
             SELECT count_if(bad IS NOT NULL AND a IS NULL) AS bad FROM rows;
             SET spark.sql.files.maxPartitionBytes=100000;
             SET spark.sql.files.openCostInBytes=0;
             SELECT count(DISTINCT p) AS parts FROM (SELECT spark_partition_id() AS p FROM csv.`{rows}`);",
            place("out"),
            rows = place("rows.csv"),
        ),
    );
    assert!(output.status.success(), "{}", err(&output));
    let names: Vec<_> = fs::read_dir(folder.path().join("out"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".gz.parquet"))
        .collect();
    // Five rows, two to a file.
    assert_eq!(names.len(), 3, "{names:?}");
    let printed = out(&output);
    let value = |name: &str| {
        let mut lines = printed.lines().skip_while(|line| line.trim_matches(['|', ' ']) != name);
        lines.nth(2).map(|line| line.trim_matches(['|', ' ']).to_owned())
    };
    assert_eq!(value("bad").as_deref(), Some("50000"), "{printed}");
    // 400,000 bytes in splits of 100,000.
    assert_eq!(value("parts").as_deref(), Some("4"), "{printed}");
}
