//! Python programs as a user runs them: `cerium-driver run`, the PySpark client of python/requirements.txt.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The Python that scripts/python makes.
fn python() -> PathBuf {
    let cache = match (std::env::var("CERIUM_CACHE"), std::env::var("XDG_CACHE_HOME")) {
        (Ok(cache), _) => PathBuf::from(cache),
        (_, Ok(caches)) => PathBuf::from(caches).join("cerium"),
        _ => PathBuf::from(std::env::var("HOME").unwrap()).join(".cache/cerium"),
    };
    let python = cache.join("python/bin/python");
    assert!(python.exists(), "{} is missing: run scripts/python", python.display());
    python
}

/// The command that runs a program with one executor, or those that `spec` asks for.
fn command(folder: &TempDir, program: &Path, arguments: &[&str], spec: &str) -> Command {
    let manifest = folder.path().join("program.yaml");
    let executor = if spec.contains("executor:") { "" } else { "  executor: {instances: 1}" };
    let text = format!(
        "
apiVersion: sparkoperator.k8s.io/v1beta2
kind: SparkApplication
metadata: {{name: program}}
spec:
  type: Python
  sparkVersion: 4.1.1
  mainApplicationFile: {}
  arguments: {arguments:?}
  driver: {{}}
{executor}
{spec}",
        program.display()
    );
    fs::write(&manifest, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_cerium-driver"));
    command.current_dir(root()).arg("run").arg(manifest).env("PYSPARK_PYTHON", python());
    command
}

fn run_example(folder: &TempDir, name: &str, arguments: &[&str]) -> Output {
    command(folder, &root().join("examples").join(name), arguments, "").output().unwrap()
}

pub fn run_text(folder: &TempDir, text: &str, spec: &str) -> Output {
    let program = folder.path().join("program.py");
    fs::write(&program, text).unwrap();
    command(folder, &program, &[], spec).output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// What a program that must succeed printed.
pub fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{}\n{}", out(output), err(output));
    out(output)
}

#[test]
fn the_start_up_add_on_keeps_its_promises() {
    let tests = Command::new(python())
        .current_dir(root())
        .args(["-m", "unittest", "discover", "--start-directory", "python/tests"])
        .output()
        .unwrap();
    assert!(tests.status.success(), "{}", err(&tests));
}

#[test]
fn csv_is_joined_to_a_broadcast_table() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let flights = at("flights.csv", "carrier,distance\nAA,100\nB6,NA\nAA,50\nB6,1000\nZZ,7\n");
    let airlines = at("airlines.csv", "carrier,name\nAA,American\nB6,JetBlue\n");
    let output = run_example(&folder, "miles.py", &[&flights, &airlines]);
    assert_eq!(
        printed(&output),
        "+-------+--------+-------+-----+
|carrier|    name|flights|miles|
+-------+--------+-------+-----+
|     B6| JetBlue|      2| 1000|
|     AA|American|      2|  150|
+-------+--------+-------+-----+

most: {'carrier': 'B6', 'name': 'JetBlue', 'flights': 2, 'miles': 1000}
next: ['AA']
airlines: 2
"
    );
    assert_eq!(err(&output).matches("the master \"local[*]\" is ignored").count(), 1, "{}", err(&output));
}

#[test]
fn rows_are_spread_over_as_many_partitions_as_asked() {
    let folder = TempDir::new().unwrap();
    let output = run_example(&folder, "partitions.py", &[]);
    assert_eq!(printed(&output), "partitions: 200 from 0 to 199\nrows: 100000\n");
}

#[test]
fn a_salted_join_finds_every_pair_once() {
    let folder = TempDir::new().unwrap();
    let output = run_example(&folder, "salting.py", &[]);
    // 10,000 events have the keys 9, 19, .. 99, each a tenth of them: 3 * 1,000 * (9 + 19 + .. + 99).
    assert_eq!(printed(&output), "['join_key', 'event', 'weight']\n100000 1620000\n");
}

#[test]
fn a_result_too_large_is_refused_and_the_rest_goes_on() {
    let folder = TempDir::new().unwrap();
    let written = folder.path().join("written");
    let output = run_example(&folder, "wide_range.py", &[written.to_str().unwrap(), "1000000"]);
    let printed = printed(&output);
    assert!(printed.starts_with("refused: "), "{printed}");
    assert!(printed.contains("is bigger than spark.driver.maxResultSize (1024.0 MiB)"), "{printed}");
    assert!(printed.contains("\nfirst: 499500\nwritten: 1000000 499999500000\n"), "{printed}");
}

#[test]
fn sessions_come_one_after_another_and_need_no_end() {
    let folder = TempDir::new().unwrap();
    let output = run_text(
        &folder,
        "
from pyspark.sql import SparkSession
for name in ['first', 'second']:
    spark = SparkSession.builder.master('yarn').appName(name).getOrCreate()
    print(spark.conf.get('spark.app.name'), spark.range(5).selectExpr('sum(id)').first()[0])
    if name == 'first':
        spark.stop()
",
        "",
    );
    assert_eq!(printed(&output), "first 10\nsecond 10\n");
}

#[test]
fn an_uncaught_error_ends_the_application_with_sparks_class() {
    let folder = TempDir::new().unwrap();
    let output = run_text(
        &folder,
        "
from pyspark.sql import SparkSession
SparkSession.builder.getOrCreate().table('nowhere').show()
",
        "",
    );
    assert_eq!(output.status.code(), Some(1));
    let told = err(&output);
    let words = "the program ended with exit code 1: pyspark.errors.exceptions.connect.AnalysisException: \
                 [TABLE_OR_VIEW_NOT_FOUND]";
    assert!(told.contains(words), "{told}");
}

#[test]
fn a_signal_is_passed_on_and_the_program_may_clean_up() {
    let folder = TempDir::new().unwrap();
    let program = folder.path().join("program.py");
    fs::write(
        &program,
        "
import signal, sys
def stop(number, frame):
    print('cleaned up', number)
    sys.exit(3)
signal.signal(signal.SIGTERM, stop)
print('ready')
while True:
    signal.pause()
",
    )
    .unwrap();
    let mut driver =
        command(&folder, &program, &[], "").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "ready");
    let kill = format!("kill {}", driver.id());
    let told = Command::new("sh").args(["-c", &kill]).status().unwrap();
    assert!(told.success());
    assert_eq!(lines.next().unwrap().unwrap(), "cleaned up 15");
    assert_eq!(driver.wait().unwrap().code(), Some(143));
}
