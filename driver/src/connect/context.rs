//! Answers to what a `SparkContext` asks about its application.

use cerium_conf::{ConfError, SparkConf};
use serde_json::{Map, Value, json};

use crate::driver::Driver;
use crate::memory::StorageMemory;
use crate::parallelism::default_parallelism;
use crate::scheduler::{JobOutcome, JobRecord, Report, StageState, StageSummary};

/// Fields of an answer.
pub type Answer = Map<String, Value>;

fn fields(value: Value) -> Answer {
    match value {
        Value::Object(fields) => fields,
        _ => Answer::new(),
    }
}

/// What the application is. `conf` is the session's, in which the program's own settings are.
pub fn application(driver: &Driver, conf: &SparkConf) -> Result<Answer, ConfError> {
    let text = |key: &str| conf.get_str(key).unwrap_or_default();
    let settings: Map<_, _> = conf
        .iter()
        .filter(|(key, _)| key.starts_with("spark."))
        .map(|(key, value)| (key.to_owned(), value.into()))
        .collect();
    Ok(fields(json!({
        "id": text("spark.app.id"),
        "name": text("spark.app.name"),
        "web_url": driver.ui_url(),
        "default_parallelism": default_parallelism(conf)?,
        "start_time": driver.started().as_millisecond(),
        "conf": settings,
    })))
}

/// Most and free memory for cached data of the driver and of the executors there are, in bytes.
pub async fn executor_memory_status(driver: &Driver) -> Result<Answer, ConfError> {
    let memory = StorageMemory::from_conf(&driver.conf())?;
    let cached = driver.cache().sizes();
    let mut executors = Map::new();
    executors.insert(driver.files().address(), json!([memory.driver, memory.driver]));
    let report = driver.scheduler().report().await;
    for executor in report.executors.into_iter().filter(|executor| executor.removed.is_none()) {
        let used = cached.get(&executor.id).copied().unwrap_or(0);
        executors.insert(executor.address, json!([memory.executor, memory.executor.saturating_sub(used)]));
    }
    Ok(fields(json!({ "executors": executors })))
}

/// What the tag of a job group starts with.
const GROUP: &str = "group:";

/// Jobs and stages: `jobs` are those with a tag, or those of no group; all the rest is told in any case.
pub fn status(report: &Report, group: Option<&str>) -> Answer {
    let (mut jobs, mut all_jobs, mut stages) = (Map::new(), Map::new(), Map::new());
    let (mut active_jobs, mut active_stages) = (Vec::new(), Vec::new());
    for job in &report.jobs {
        let ids: Vec<u64> = job.numbered_stages().map(|(number, _)| number).collect();
        let name = job_status(job);
        if name == "RUNNING" {
            active_jobs.push(job.number);
            let active = job.numbered_stages().filter(|(_, stage)| stage.state == StageState::Active);
            active_stages.extend(active.map(|(number, _)| number));
        }
        let own = job.tags.iter().find(|tag| tag.starts_with(GROUP));
        let wanted = match group {
            Some(group) => job.tags.iter().any(|tag| tag == group),
            None => own.is_none(),
        };
        let shown = json!({"stages": ids, "status": name, "group": own});
        if wanted {
            jobs.insert(job.number.to_string(), shown.clone());
        }
        all_jobs.insert(job.number.to_string(), shown);
        let numbered =
            job.numbered_stages().map(|(number, stage)| (number.to_string(), as_stage(job, stage)));
        stages.extend(numbered);
    }
    fields(json!({
        "active_jobs": active_jobs,
        "active_stages": active_stages,
        "jobs": jobs,
        "all_jobs": all_jobs,
        "stages": stages,
    }))
}

/// Spark's `JobExecutionStatus`.
fn job_status(job: &JobRecord) -> &'static str {
    match job.state {
        JobOutcome::Running => "RUNNING",
        JobOutcome::Succeeded => "SUCCEEDED",
        JobOutcome::Failed(_) => "FAILED",
    }
}

fn as_stage(job: &JobRecord, stage: &StageSummary) -> Value {
    json!({
        "name": job.description,
        "attempt": stage.attempt,
        "tasks": stage.tasks,
        "active": stage.running,
        "completed": stage.completed,
        "failed": stage.failed,
    })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn job(number: u64, tags: &[&str], state: JobOutcome, first_stage: u64) -> JobRecord {
        let stage = |state, running| StageSummary { state, running, tasks: 4, ..StageSummary::default() };
        JobRecord {
            number,
            description: "count".into(),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            submitted: Timestamp::UNIX_EPOCH,
            ended: None,
            state,
            first_stage,
            stages: vec![stage(StageState::Complete, 0), stage(StageState::Active, 2)],
        }
    }

    #[test]
    fn a_group_has_the_jobs_with_its_tag() {
        let jobs = vec![
            job(0, &["group:a"], JobOutcome::Succeeded, 0),
            job(1, &["t", "group:b"], JobOutcome::Running, 2),
            job(2, &["t"], JobOutcome::Failed("disk full".into()), 4),
        ];
        let report = Report { jobs, executors: vec![] };
        let of_b = status(&report, Some("group:b"));
        assert_eq!(of_b["active_jobs"], json!([1]));
        assert_eq!(of_b["active_stages"], json!([3]));
        assert_eq!(of_b["jobs"], json!({"1": {"stages": [2, 3], "status": "RUNNING", "group": "group:b"}}));
        assert_eq!(of_b["stages"]["3"]["active"], 2);
        let of_none = status(&report, None);
        assert_eq!(of_none["jobs"], json!({"2": {"stages": [4, 5], "status": "FAILED", "group": null}}));
        assert_eq!(of_none["all_jobs"].as_object().unwrap().len(), 3);
    }
}
