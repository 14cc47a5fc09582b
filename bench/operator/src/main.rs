//! `cerium-operator-bench`: measures the operator on a real API server and etcd, with nodes that KWOK plays, and
//! prints one table.
//!
//! A black box: it starts the operator as the chart does and creates applications as users do. All figures
//! are taken outside of the operator: by watches, the API server's audit log and the kernel.

mod audit;
mod figure;
mod load;
mod operator;
mod plane;
mod process;
mod timeline;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use audit::AuditLog;
use figure::{Figure, Table, quantile};
use load::PATIENCE;
use operator::Operator;
use plane::{Plane, Programs};
use timeline::{Life, Timeline};

/// Nothing here takes longer.
const LIMIT: Duration = Duration::from_mins(40);
/// How long the operator is watched when there is nothing to do.
const STEADY: Duration = Duration::from_secs(30);

/// What to measure, and with which programs.
#[derive(Parser)]
#[command(name = "cerium-operator-bench", version, about = "Measures the operator and prints one table")]
struct Arguments {
    /// The operator.
    #[arg(long)]
    operator: PathBuf,
    /// Folder of etcd, kube-apiserver and kube-scheduler.
    #[arg(long)]
    cluster: PathBuf,
    /// KWOK.
    #[arg(long)]
    kwok: PathBuf,
    /// The repository.
    #[arg(long, default_value = ".")]
    repository: PathBuf,
    /// Applications created at once.
    #[arg(long, default_value_t = 1000)]
    rush: usize,
    /// Finished applications with which the operator is started.
    #[arg(long, default_value_t = 20_000)]
    finished: usize,
    /// Applications created one by one, and running ones when nothing happens.
    #[arg(long, default_value_t = 20)]
    few: usize,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let mut terminate = signal(SignalKind::terminate())?;
    let table = tokio::select! {
        table = tokio::time::timeout(LIMIT, measure(&arguments)) => match table {
            Ok(table) => table?,
            Err(_) => bail!("not done after {LIMIT:?}"),
        },
        interrupted = tokio::signal::ctrl_c() => {
            interrupted?;
            bail!("interrupted");
        }
        _ = terminate.recv() => bail!("told to end"),
    };
    write!(std::io::stdout(), "{table}")?;
    Ok(if table.all_reached() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn note(text: &str) -> Result<()> {
    Ok(writeln!(std::io::stderr(), "{text}")?)
}

async fn measure(arguments: &Arguments) -> Result<Table> {
    let programs = Programs {
        cluster: arguments.cluster.clone(),
        kwok: arguments.kwok.clone(),
        repository: arguments.repository.canonicalize().context("--repository")?,
    };
    note("starting the control plane")?;
    let mut plane = Plane::start(&programs).await?;
    let mut log = AuditLog::new(plane.audit_log());
    let mut table = Table::default();

    let operator = Operator::start(&plane, &arguments.operator).await?;
    let timeline = Timeline::start(&plane.client);
    note(&format!("{} applications one by one", arguments.few))?;
    // With the first object of a kind the API server prepares itself for the kind.
    load::one_by_one(&plane.client, &timeline, "first-", 1).await?;
    table.0.extend(idle(&plane, &timeline, arguments.few).await?);
    log.news()?;
    note(&format!("{} applications at once", arguments.rush))?;
    table.0.extend(rush(&plane, &operator, &timeline, &mut log, arguments.rush).await?);
    table.0.push(steady(&plane, &operator, &timeline, &mut log, arguments.few).await?);
    plane.check()?;
    plane.stop_nodes().await?;
    drop(timeline);
    operator.process.stop().await?;
    note(&format!("{} finished applications", arguments.finished))?;
    load::copy_finished(&plane.client, "rush-0", "finished-", arguments.finished).await?;
    table.0.extend(restart(&plane, arguments, &mut log).await?);
    plane.check()?;
    plane.stop().await?;
    Ok(table)
}

/// One application at a time.
async fn idle(plane: &Plane, timeline: &Timeline, count: usize) -> Result<Vec<Figure>> {
    let times = load::one_by_one(&plane.client, timeline, "idle-", count).await?;
    let kubeflow = "4.3 s";
    let figure = |name: &str, share: f64| {
        let name = format!("created until driver pod, one at a time, {name}");
        Figure::at_most(name, quantile(&times, share), "ms", 100.0).beside(kubeflow)
    };
    Ok(vec![figure("median", 0.5), figure("longest", 1.0)])
}

/// Many applications at once, to their ends.
async fn rush(
    plane: &Plane,
    operator: &Operator,
    timeline: &Timeline,
    log: &mut AuditLog,
    count: usize,
) -> Result<Vec<Figure>> {
    let prefix = "rush-";
    let before = operator.process.cpu_seconds()?;
    let start = load::create_all(&plane.client, prefix, count, false).await?;
    note(&format!("all created after {:.1} s", start.elapsed().as_secs_f64()))?;
    let submitted =
        timeline.wait("submitted", prefix, count, PATIENCE, |life| life.submitted.is_some()).await;
    let ended = timeline.wait("finished", prefix, count, PATIENCE, |life| life.ended.is_some()).await;
    for missed in [submitted, ended].into_iter().filter_map(Result::err) {
        note(&missed.to_string())?;
    }
    note(&format!("all finished after {:.1} s", start.elapsed().as_secs_f64()))?;
    operator.settle().await?;
    let cpu = operator.process.cpu_seconds()? - before;

    let lives = timeline.of(prefix);
    let last = lives.iter().filter_map(|life| life.submitted).max().unwrap_or(start);
    let of = |life: &Life| {
        let of = |begin: Option<Instant>, end: Option<Instant>| {
            Some(end?.saturating_duration_since(begin?).as_secs_f64() * 1000.0)
        };
        of(life.driver_ended, life.ended)
    };
    let lags: Vec<f64> = lives.iter().filter_map(of).collect();
    let completed = lives.iter().filter(|life| life.state == "COMPLETED").count();
    let doubled = lives.iter().filter(|life| life.drivers.len() > 1).count();
    let requests: Vec<_> = log.news()?.into_iter().filter(audit::Request::is_work).collect();
    for (kind, number) in audit::kinds(&requests) {
        note(&format!("{:>8.2} {kind}", number as f64 / count as f64))?;
    }
    let submissions = audit::submissions(&requests);
    let rate = count as f64 / last.duration_since(start).as_secs_f64() * 60.0;
    let each = count as f64;
    Ok(vec![
        Figure::at_least(format!("submitted in a minute, {count} created at once"), rate, "/min", 1200.0)
            .beside("11.4 /min (100 at once)"),
        Figure::at_most("of these not COMPLETED", (count - completed) as f64, "", 0.0),
        Figure::at_most("of these with two driver pods", doubled as f64, "", 0.0),
        Figure::at_most(
            "first write for an application until driver pod, p99",
            quantile(&submissions, 0.99),
            "ms",
            500.0,
        ),
        Figure::at_most("CPU of the operator for each, to its end", cpu / each, "s", 0.1).beside("9.7 s"),
        Figure::at_most("driver pod ended until COMPLETED, p99", quantile(&lags, 0.99), "ms", 1000.0)
            .beside("269 s (median)"),
        Figure::at_most("API requests for each, to its end", requests.len() as f64 / each, "", 15.0),
        Figure::at_most(
            "memory of the operator, at most",
            operator.process.memory_mib("VmHWM:")?,
            "MiB",
            250.0,
        )
        .beside("2.85 GB"),
    ])
}

/// Nothing happens: some applications run, the others are finished.
async fn steady(
    plane: &Plane,
    operator: &Operator,
    timeline: &Timeline,
    log: &mut AuditLog,
    running: usize,
) -> Result<Figure> {
    let prefix = "endless-";
    load::create_all(&plane.client, prefix, running, true).await?;
    timeline.wait("running", prefix, running, PATIENCE, |life| life.state == "RUNNING").await?;
    operator.settle().await?;
    log.news()?;
    tokio::time::sleep(STEADY).await;
    let requests: Vec<_> = log.news()?.into_iter().filter(audit::Request::is_work).collect();
    for (kind, number) in audit::kinds(&requests) {
        note(&format!("while nothing happens: {number} {kind}"))?;
    }
    let name = format!("API requests in {} s in which nothing happens, {running} running", STEADY.as_secs());
    Ok(Figure::at_most(name, requests.len() as f64, "", 0.0))
}

/// The operator starts with many finished applications.
async fn restart(plane: &Plane, arguments: &Arguments, log: &mut AuditLog) -> Result<Vec<Figure>> {
    log.news()?;
    let operator = Operator::start(plane, &arguments.operator).await?;
    operator.settle().await?;
    let requests = log.news()?.into_iter().filter(audit::Request::is_work).count();
    let with = format!("with {} finished applications", arguments.finished);
    let ready = operator.ready_after.as_secs_f64();
    let figures = vec![
        Figure::at_most(format!("restart until ready, {with}"), ready, "s", 20.0),
        Figure::at_most(format!("memory, {with}"), operator.process.memory_mib("VmRSS:")?, "MiB", 250.0),
        Figure::at_most(
            format!("memory at most, {with}"),
            operator.process.memory_mib("VmHWM:")?,
            "MiB",
            250.0,
        ),
        Figure::at_most(format!("API requests after the restart, {with}"), requests as f64, "", 0.0),
    ];
    operator.process.stop().await?;
    Ok(figures)
}
