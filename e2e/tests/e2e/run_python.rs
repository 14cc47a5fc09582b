//! Python programs on the cluster: unchanged scripts, executors as pods, data in S3.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cerium_e2e::application::Application;
use cerium_e2e::s3::{self, S3};
use cerium_e2e::scope::{Scope, on_cluster};
use cerium_e2e::{examples, flights, python};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_mins(4);

/// Writes a table of sales; row i is of category c(i mod 7) and over i mod 2000.
const WRITE_SALES: &str = "
import sys, pyarrow as pa, pyarrow.parquet as pq
rows = range(100_000)
table = pa.table({'category': [f'c{i % 7}' for i in rows], 'amount': [i % 2000 for i in rows]})
pq.write_table(table, sys.argv[1])
";

/// The manifest's changes for a program with these arguments that reads from S3.
fn with_arguments(arguments: &[&str]) -> Value {
    let mut changes = s3::access();
    changes["spec"]["arguments"] = json!(arguments);
    changes
}

/// Programs that run beside each other, and what the log of each must hold.
struct Program {
    name: &'static str,
    file: &'static str,
    arguments: &'static [&'static str],
    printed: Vec<String>,
}

fn programs() -> Result<Vec<Program>> {
    let mut sums: BTreeMap<u64, u64> = BTreeMap::new();
    for i in (0..100_000_u64).filter(|i| i % 2000 > 1000) {
        *sums.entry(i % 7).or_default() += i % 2000;
    }
    let carriers = flights::expected()?;
    let most = carriers.iter().max_by_key(|carrier| carrier.miles).context("no carriers")?;
    Ok(vec![
        Program {
            name: "sales",
            file: "sales.py",
            arguments: &["s3a://cerium/sales"],
            printed: sums.iter().map(|(category, sum)| format!("c{category}: {sum}\n")).collect(),
        },
        Program {
            name: "miles",
            file: "miles.py",
            arguments: &["s3a://cerium/flights/flights.csv", "s3a://cerium/flights/airlines.csv"],
            printed: vec![
                format!("most: {{'carrier': '{}', ", most.carrier),
                format!("'flights': {}, 'miles': {}}}\n", most.flights, most.miles),
                format!("airlines: {}\n", carriers.len()),
                "the master \"local[*]\" is ignored".to_owned(),
            ],
        },
        Program {
            name: "countries",
            file: "countries.py",
            arguments: &["s3a://cerium/people", "s3a://cerium/out/countries"],
            printed: vec![
                "people: 2000\n".to_owned(),
                "| FRANCE|  667|\n|GERMANY|  667|\n|   PERU|  666|\n".to_owned(),
            ],
        },
        Program {
            name: "salting",
            file: "salting.py",
            arguments: &[],
            // Log lines may stand between the two.
            printed: vec!["['join_key', 'event', 'weight']\n".to_owned(), "\n100000 1620000\n".to_owned()],
        },
    ])
}

/// Programs that need all of the engine's ranges and partitions.
fn wide_programs() -> Vec<Program> {
    vec![
        Program {
            name: "partitions",
            file: "partitions.py",
            arguments: &[],
            printed: vec!["partitions: 200 from 0 to 199\n".to_owned(), "rows: 100000\n".to_owned()],
        },
        Program {
            name: "wide-range",
            file: "wide_range.py",
            arguments: &["s3a://cerium/out/range", "5000000"],
            printed: vec![
                "is bigger than spark.driver.maxResultSize (1024.0 MiB)".to_owned(),
                // The numbers below 1,000 and below 5,000,000, added up.
                "first: 499500\n".to_owned(),
                "written: 5000000 12499997500000\n".to_owned(),
            ],
        },
    ]
}

/// People of three countries in turn, their names badly kept.
fn people() -> String {
    let countries = ["germany ", " France", "Peru"];
    let rows = (0..2000).map(|i| format!("person {i},{}\n", countries[i % 3]));
    "name,country\n".to_owned() + &rows.collect::<String>()
}

async fn check(application: &Application<'_>, printed: &[String]) -> Result<()> {
    application.wait_state("COMPLETED", LIMIT).await?;
    let log = application.driver_log().await?;
    for text in printed {
        ensure!(log.contains(text), "the log does not say {text:?}:\n{log}");
    }
    Ok(())
}

#[tokio::test]
async fn run_python_programs_unchanged() -> Result<()> {
    on_cluster("run_python_programs", async |scope| {
        scope.install_chart().await?;
        let s3 = S3::start(scope).await?;
        s3.put_flights().await?;
        let folder = tempfile::tempdir()?;
        let sales = folder.path().join("sales.parquet");
        python::run(WRITE_SALES, &[sales.to_str().context("not UTF-8")?]).await?;
        s3.put_file("sales/part-0.parquet", &sales).await?;
        s3.put("people/part-0.csv", &people()).await?;

        run_all(scope, programs()?).await
    })
    .await
}

/// One after another: each wants three pods on a small node.
async fn run_all(scope: &Scope, programs: Vec<Program>) -> Result<()> {
    for program in programs {
        let text = examples::read(program.file)?;
        let changes = with_arguments(program.arguments);
        let application = Application::submit_python(scope, program.name, &text, changes).await?;
        check(&application, &program.printed).await?;
        scope.kubectl(&["delete", "sparkapp", program.name, "--wait=false"]).await?;
    }
    Ok(())
}

#[tokio::test]
async fn run_python_wide_programs() -> Result<()> {
    on_cluster("run_python_wide", async |scope| {
        scope.install_chart().await?;
        let _s3 = S3::start(scope).await?;
        run_all(scope, wide_programs()).await
    })
    .await
}

/// A program that asks for everything that can be brought along.
const NEEDY: &str = "
import os, sys
from pyspark import SparkFiles
from pyspark.sql import SparkSession
import helper

print('arguments', sys.argv[1:], os.environ['REGION'])
print('file', open(SparkFiles.get('lookup.csv')).read(), open('lookup.csv').read())
print('archive', open(SparkFiles.get('model') + '/weights.txt').read(), open('model/weights.txt').read())
for name in ['first', 'second']:
    spark = SparkSession.builder.appName(name).getOrCreate()
    print('session', helper.gauss(spark, 6))
    spark.stop()
sys.exit(int(sys.argv[1]))
";

const HELPER: &str = "
def gauss(spark, number):
    return spark.range(number + 1).selectExpr('sum(id)').first()[0]
";

const PACK_MODEL: &str = "
import io, sys, tarfile
with tarfile.open(sys.argv[1], 'w:gz') as tar:
    content = b'1 2 3'
    info = tarfile.TarInfo('weights.txt')
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))
";

#[tokio::test]
async fn run_python_brings_its_dependencies_along() -> Result<()> {
    on_cluster("run_python_deps", async |scope| {
        scope.install_chart().await?;
        let s3 = S3::start(scope).await?;
        let folder = tempfile::tempdir()?;
        let model = folder.path().join("model.tar.gz");
        python::run(PACK_MODEL, &[path(&model)?]).await?;
        s3.put_file("lib/model.tar.gz", &model).await?;
        s3.put("lib/needy.py", NEEDY).await?;
        s3.put("lib/helper.py", HELPER).await?;
        s3.put("lib/lookup.csv", "a,b").await?;

        let submit = async |name: &str, code: &str| {
            let mut changes = with_arguments(&[code, "a b"]);
            changes["spec"]["mainApplicationFile"] = json!("s3a://cerium/lib/needy.py");
            changes["spec"]["deps"] = json!({
                "pyFiles": ["s3a://cerium/lib/helper.py"],
                "files": ["s3a://cerium/lib/lookup.csv"],
                "archives": ["s3a://cerium/lib/model.tar.gz#model"],
            });
            changes["spec"]["driver"] = json!({"env": [{"name": "REGION", "value": "eu"}]});
            Application::submit_python(scope, name, "", changes).await
        };
        let good = submit("needy", "0").await?;
        let printed =
            ["arguments ['0', 'a b'] eu\n", "file a,b a,b\n", "archive 1 2 3 1 2 3\n", "session 21\n"];
        check(&good, &printed.map(str::to_owned)).await?;
        let bad = submit("needy-seven", "7").await?;
        let message = bad.wait_failure(LIMIT).await?;
        ensure!(message.contains("exit code 7") || message.contains("ExitCode: 7"), "{message}");
        Ok(())
    })
    .await
}

fn path(path: &Path) -> Result<&str> {
    path.to_str().context("a path that is not UTF-8")
}

/// The application runs on the user's own image, which holds Python and the program and nothing of
/// Cerium; what it prints is what Apache Spark printed.
#[tokio::test]
async fn run_etl_as_a_user() -> Result<()> {
    on_cluster("run_etl", async |scope| {
        scope.install_chart().await?;
        let s3 = S3::start(scope).await?;
        for name in ["flights", "airlines", "planes", "weather"] {
            let file = format!("{name}.csv");
            s3.put_file(&format!("flights/{file}"), &flights::file(&file)?).await?;
        }
        examples::apply(scope, "etl-cluster.yaml").await?;
        let application = Application::new(scope, "etl");
        application.wait_state("COMPLETED", LIMIT).await?;
        let expected = examples::read("etl.out")?;
        let log = application.driver_log().await?;
        // Log lines of the driver may stand between the program's.
        let printed: Vec<&str> =
            log.lines().filter(|line| expected.lines().any(|other| other == *line)).collect();
        assert_eq!(printed, expected.lines().collect::<Vec<_>>(), "\n{log}");
        Ok(())
    })
    .await
}
