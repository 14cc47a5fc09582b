//! `cerium-bench`: measures what Cerium has to reach, in one run, and prints one table.
//!
//! A black box: it starts the binaries a user starts (`cerium-driver run`,
//! `kubectl apply`) and knows nothing of their insides. The peer it measures
//! against, plain DataFusion, runs in this process.

mod cluster;
mod connect;
mod figure;
mod flights;
mod manifest;
mod process;
mod rdd;
mod script;
mod server;
mod soak;
mod tpch;
mod udf;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;

use figure::Report;
use script::Peers;

/// What to measure, and with which binaries.
#[derive(Parser)]
#[command(name = "cerium-bench", version, about = "Measures Cerium and prints one table")]
struct Arguments {
    /// Folder of cerium-driver and cerium-executor; unset: the folder of this program.
    #[arg(long, env = "CERIUM_BIN_DIR")]
    bin_dir: Option<PathBuf>,
    /// Folder where generated data is kept between runs.
    #[arg(long, env = "CERIUM_CACHE", default_value = "target/bench")]
    cache: PathBuf,
    /// Which parts to run.
    #[arg(long, value_delimiter = ',', default_value = "tpch,flights,connect,udf,rdd,soak,cluster")]
    parts: Vec<Part>,
    /// TPC-H scale factor: 1 is 6 million line items.
    #[arg(long, default_value_t = 1.0)]
    sf: f64,
    /// TPC-H queries, such as 1,6,13; unset: all 22.
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u8).range(1..=22))]
    queries: Vec<u8>,
    /// Timed runs of each query, of which the median counts.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    repeat: u32,
    /// Runs of each query before the timed ones.
    #[arg(long, default_value_t = 1)]
    warm_up: u32,
    /// Measure only plain DataFusion in the TPC-H part.
    #[arg(long)]
    plain_only: bool,
    /// The folder with flights.csv and airlines.csv.
    #[arg(long, default_value = "data/nycflights13")]
    flights: PathBuf,
    /// The Python of a PySpark 4.1.1 with its jars; unset: spark/4.1.1/bin/python of the cache.
    #[arg(long, env = "CERIUM_SPARK_PYTHON")]
    spark_python: Option<PathBuf>,
    /// Namespace of the cluster in which applications are run.
    #[arg(long, default_value = "default")]
    namespace: String,
    /// Also write all figures to this file, as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
}

/// A part of the benchmark that can be run alone.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// TPC-H through two executor processes, and in plain DataFusion.
    Tpch,
    /// Start-up and memory of `cerium-driver run`.
    Flights,
    /// Latency of Spark Connect, and Sail's.
    Connect,
    /// Speed of Python functions, and Spark's.
    Udf,
    /// Speed of RDDs, and Spark's.
    Rdd,
    /// Growth of memory and open files over many queries and sessions.
    Soak,
    /// Start-up and memory on the cluster of KUBECONFIG.
    Cluster,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let bin_dir = match &arguments.bin_dir {
        Some(dir) => dir.clone(),
        None => own_folder()?,
    };
    let driver = bin_dir.join("cerium-driver");
    let mut report = Report::default();
    if arguments.parts.contains(&Part::Tpch) {
        let options = tpch::Options {
            scale_factor: arguments.sf,
            queries: tpch::select(&arguments.queries),
            repeat: arguments.repeat,
            warm_up: arguments.warm_up,
            driver: (!arguments.plain_only).then(|| driver.clone()),
            data: arguments.cache.join(format!("tpch/sf{}", arguments.sf)),
        };
        tpch::measure(&options, &mut report).context("measuring TPC-H")?;
    }
    if arguments.parts.contains(&Part::Flights) {
        flights::measure(&driver, &arguments.flights, &mut report).context("measuring flights")?;
    }
    let python = arguments.cache.join("python/bin/python");
    if arguments.parts.contains(&Part::Connect) {
        let sail = arguments.cache.join("sail/bin/sail");
        connect::measure(&driver, &python, &sail, &mut report).context("measuring Spark Connect")?;
    }
    let spark = arguments.spark_python.clone();
    let spark = spark.unwrap_or_else(|| arguments.cache.join("spark/4.1.1/bin/python"));
    let peers = Peers { driver: &driver, python: &python, spark: &spark };
    if arguments.parts.contains(&Part::Udf) {
        udf::UDF.measure(&peers, &mut report).context("measuring Python functions")?;
        udf::measure_new_worker(&driver, &python, &mut report).context("measuring Python functions")?;
    }
    if arguments.parts.contains(&Part::Rdd) {
        rdd::RDD.measure(&peers, &mut report).context("measuring RDDs")?;
        rdd::measure_broadcast(&driver, &python, &mut report).context("measuring RDDs")?;
    }
    if arguments.parts.contains(&Part::Soak) {
        soak::measure(&driver, &python, &mut report).context("measuring growth")?;
    }
    if arguments.parts.contains(&Part::Cluster) {
        cluster::measure(&arguments.namespace, &mut report).context("measuring on the cluster")?;
    }
    std::io::stdout().write_all(report.to_string().as_bytes()).context("printing the table")?;
    if let Some(path) = &arguments.json {
        write_json(path, &report)?;
    }
    Ok(if report.all_reached() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn own_folder() -> Result<PathBuf> {
    let program = std::env::current_exe().context("finding the folder of this program")?;
    Ok(program.parent().unwrap_or(Path::new(".")).to_path_buf())
}

fn write_json(path: &Path, report: &Report) -> Result<()> {
    let text = serde_json::to_string_pretty(report).context("writing the figures as JSON")?;
    std::fs::write(path, text + "\n").with_context(|| format!("writing {}", path.display()))
}
