//! Spark's REST API, as far as there is something to tell: applications, jobs, stages, executors,
//! environment.
//!
//! Fields and their names are those of Spark's monitoring guide; times are
//! `yyyy-MM-dd'T'HH:mm:ss.SSS'GMT'`, sizes bytes, durations milliseconds.

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use cerium_conf::SPARK_VERSION;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shown;
use crate::scheduler::{ExecutorRecord, JobOutcome, JobRecord, StageState, StageSummary};

pub(super) fn router() -> Router<Shown> {
    Router::new()
        .route("/version", get(|| async { pretty(&json!({"spark": SPARK_VERSION})) }))
        .route("/applications", get(applications))
        .route("/applications/{id}", get(application))
        .route("/applications/{id}/jobs", get(jobs))
        .route("/applications/{id}/jobs/{job}", get(job))
        .route("/applications/{id}/stages", get(stages))
        .route("/applications/{id}/stages/{stage}", get(stage))
        .route("/applications/{id}/executors", get(active_executors))
        .route("/applications/{id}/allexecutors", get(all_executors))
        .route("/applications/{id}/environment", get(environment))
}

fn pretty(value: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], format!("{value:#}")).into_response()
}

fn missing(text: String) -> Response {
    (StatusCode::NOT_FOUND, text).into_response()
}

/// The answer where the application is this one.
fn of(shown: &Shown, id: &str, answer: impl FnOnce() -> Value) -> Response {
    if id == shown.id() { pretty(&answer()) } else { missing(format!("no such app: {id}")) }
}

pub(super) fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fGMT").to_string()
}

fn ms(at: u64) -> Option<Timestamp> {
    Timestamp::from_millisecond(i64::try_from(at).ok()?).ok()
}

fn as_application(shown: &Shown) -> Value {
    let started = shown.driver.started();
    let now = Timestamp::now();
    // What Spark gives for the end of what has not ended.
    let open = "1969-12-31T23:59:59.999GMT";
    json!({
        "id": shown.id(),
        "name": shown.name(),
        "attempts": [{
            "startTime": time(started),
            "endTime": open,
            "lastUpdated": time(now),
            "duration": now.as_millisecond() - started.as_millisecond(),
            "sparkUser": std::env::var(cerium_conf::env::SPARK_USER).unwrap_or_default(),
            "completed": false,
            "appSparkVersion": SPARK_VERSION,
            "startTimeEpoch": started.as_millisecond(),
            "endTimeEpoch": -1,
            "lastUpdatedEpoch": now.as_millisecond(),
        }],
    })
}

#[derive(Deserialize)]
struct ByStatus {
    status: Option<String>,
}

impl ByStatus {
    /// Whether what has this status is asked for. Lists are separated by commas, case does not count.
    fn admits(&self, status: &str) -> bool {
        self.status
            .as_deref()
            .is_none_or(|wanted| wanted.split(',').any(|wanted| wanted.trim().eq_ignore_ascii_case(status)))
    }
}

async fn applications(State(shown): State<Shown>, Query(by): Query<ByStatus>) -> Response {
    let found = if by.admits("running") { vec![as_application(&shown)] } else { Vec::new() };
    pretty(&Value::Array(found))
}

async fn application(State(shown): State<Shown>, Path(id): Path<String>) -> Response {
    of(&shown, &id, || as_application(&shown))
}

pub(super) fn job_status(job: &JobRecord) -> &'static str {
    match job.state {
        JobOutcome::Running => "RUNNING",
        JobOutcome::Succeeded => "SUCCEEDED",
        JobOutcome::Failed(_) => "FAILED",
    }
}

fn as_job(job: &JobRecord) -> Value {
    let sum = |count: fn(&StageSummary) -> usize| job.stages.iter().map(count).sum::<usize>();
    let stages = |state| job.stages.iter().filter(|stage| stage.state == state).count();
    let mut value = json!({
        "jobId": job.number,
        "name": job.description,
        "submissionTime": time(job.submitted),
        "stageIds": job.numbered_stages().map(|(number, _)| number).collect::<Vec<_>>(),
        "jobTags": job.tags,
        "status": job_status(job),
        "numTasks": sum(|stage| stage.tasks),
        "numActiveTasks": sum(|stage| stage.running),
        "numCompletedTasks": sum(|stage| stage.completed),
        "numSkippedTasks": 0,
        "numFailedTasks": sum(|stage| stage.failed),
        "numKilledTasks": 0,
        "numCompletedIndices": sum(|stage| stage.completed),
        "numActiveStages": stages(StageState::Active),
        "numCompletedStages": stages(StageState::Complete),
        "numSkippedStages": 0,
        "numFailedStages": stages(StageState::Failed),
        "killedTasksSummary": {},
    });
    if let Some(ended) = job.ended {
        value["completionTime"] = time(ended).into();
    }
    value
}

async fn jobs(State(shown): State<Shown>, Path(id): Path<String>, Query(by): Query<ByStatus>) -> Response {
    let report = shown.driver.scheduler().report().await;
    of(&shown, &id, || {
        report.jobs.iter().rev().filter(|job| by.admits(job_status(job))).map(as_job).collect()
    })
}

async fn job(State(shown): State<Shown>, Path((id, number)): Path<(String, String)>) -> Response {
    let report = shown.driver.scheduler().report().await;
    match report.jobs.iter().find(|job| job.number.to_string() == number) {
        None if id == shown.id() => missing(format!("unknown job: {number}")),
        found => of(&shown, &id, || found.map(as_job).unwrap_or_default()),
    }
}

pub(super) fn stage_status(stage: &StageSummary) -> &'static str {
    match stage.state {
        StageState::Pending => "PENDING",
        StageState::Active => "ACTIVE",
        StageState::Complete => "COMPLETE",
        StageState::Failed => "FAILED",
    }
}

fn as_stage(job: &JobRecord, number: u64, stage: &StageSummary) -> Value {
    let total = stage.total();
    let mut value = json!({
        "status": stage_status(stage),
        "stageId": number,
        "attemptId": stage.attempt,
        "numTasks": stage.tasks,
        "numActiveTasks": stage.running,
        "numCompleteTasks": stage.completed,
        "numFailedTasks": stage.failed,
        "numKilledTasks": 0,
        "numCompletedIndices": stage.completed,
        "executorRunTime": total.run_ms,
        "inputBytes": stage.input_bytes,
        "shuffleWriteBytes": total.written_bytes,
        "shuffleWriteRecords": stage.written_rows,
        "name": job.description,
        "details": "",
        "schedulingPool": "default",
        "rddIds": [],
        "accumulatorUpdates": [],
        "killedTasksSummary": {},
        "resourceProfileId": 0,
    });
    for (field, at) in [("firstTaskLaunchedTime", stage.first_launch_ms), ("completionTime", stage.ended_ms)]
    {
        if let Some(at) = at.and_then(ms) {
            value[field] = time(at).into();
        }
    }
    value
}

async fn stages(State(shown): State<Shown>, Path(id): Path<String>, Query(by): Query<ByStatus>) -> Response {
    let report = shown.driver.scheduler().report().await;
    of(&shown, &id, || {
        let all = report
            .jobs
            .iter()
            .flat_map(|job| job.numbered_stages().map(move |(number, stage)| (job, number, stage)));
        let mut found: Vec<_> = all
            .filter(|(_, _, stage)| by.admits(stage_status(stage)))
            .map(|(job, number, stage)| as_stage(job, number, stage))
            .collect();
        // The latest first, as in Spark.
        found.reverse();
        Value::Array(found)
    })
}

/// The attempts of a stage; here there is but the latest.
async fn stage(State(shown): State<Shown>, Path((id, number)): Path<(String, String)>) -> Response {
    let report = shown.driver.scheduler().report().await;
    let mut all = report
        .jobs
        .iter()
        .flat_map(|job| job.numbered_stages().map(move |(number, stage)| (job, number, stage)));
    match all.find(|(_, found, _)| found.to_string() == number) {
        None if id == shown.id() => missing(format!("unknown stage: {number}")),
        found => of(&shown, &id, || {
            found.map(|(job, number, stage)| as_stage(job, number, stage)).into_iter().collect()
        }),
    }
}

fn as_executor(executor: &ExecutorRecord, active: usize) -> Value {
    let mut value = json!({
        "id": executor.id,
        "hostPort": executor.address,
        "isActive": executor.removed.is_none(),
        "rddBlocks": 0,
        "memoryUsed": 0,
        "diskUsed": 0,
        "totalCores": executor.slots,
        "maxTasks": executor.slots,
        "activeTasks": active,
        "completedTasks": executor.work.tasks,
        "totalTasks": executor.work.tasks + active,
        "totalDuration": executor.work.run_ms,
        "totalGCTime": 0,
        "totalShuffleWrite": executor.work.written_bytes,
        "addTime": time(executor.added),
        "executorLogs": {},
        "peakMemoryMetrics": {"ProcessTreeOtherRSSMemory": executor.peak_memory},
        "attributes": {},
        "resources": {},
        "resourceProfileId": 0,
        "isExcluded": false,
        "excludedInStages": [],
    });
    if let Some(removed) = executor.removed {
        value["removeTime"] = time(removed).into();
    }
    value
}

async fn list_executors(shown: &Shown, id: &str, with_removed: bool) -> Response {
    let report = shown.driver.scheduler().report().await;
    let load = shown.driver.scheduler().load().await;
    of(shown, id, || {
        let found = report.executors.iter().filter(|executor| with_removed || executor.removed.is_none());
        found.map(|executor| as_executor(executor, load.running_tasks_of(&executor.id))).collect()
    })
}

async fn active_executors(State(shown): State<Shown>, Path(id): Path<String>) -> Response {
    list_executors(&shown, &id, false).await
}

async fn all_executors(State(shown): State<Shown>, Path(id): Path<String>) -> Response {
    list_executors(&shown, &id, true).await
}

async fn environment(State(shown): State<Shown>, Path(id): Path<String>) -> Response {
    let conf = shown.driver.conf();
    of(&shown, &id, || {
        let properties: Vec<_> = conf.redacted().map(|(key, value)| json!([key, value])).collect();
        json!({
            "runtime": {"javaVersion": "", "javaHome": "", "scalaVersion": ""},
            "sparkProperties": properties,
            "hadoopProperties": [],
            "systemProperties": [],
            "metricsProperties": [],
            "classpathEntries": [],
            "resourceProfiles": [],
        })
    })
}
