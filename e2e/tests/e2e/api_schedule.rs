//! Schedules on the real API server: runs are created in time, a wrong schedule is told and heals, and all
//! runs go with their schedule.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cerium_e2e::application::Application;
use cerium_e2e::operator::Operator;
use cerium_e2e::scope::{Scope, on_cluster};
use cerium_e2e::wait::until;
use kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams,
};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_mins(1);

fn schedules(scope: &Scope) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("sparkoperator.k8s.io", "v1beta2", "ScheduledSparkApplication");
    Api::namespaced_with(scope.cluster.client.clone(), &scope.namespace, &ApiResource::from_gvk(&kind))
}

/// A schedule whose runs are created suspended, so that they need no pods.
async fn apply(scope: &Scope, schedule: &str) -> Result<()> {
    let manifest = json!({
        "apiVersion": "sparkoperator.k8s.io/v1beta2",
        "kind": "ScheduledSparkApplication",
        "metadata": {"name": "often", "labels": {"team": "a"}},
        "spec": {"schedule": schedule, "timeZone": "Europe/Berlin", "template": {
            "type": "SQL", "sparkVersion": "4.1.1", "mainApplicationFile": "local:///opt/programs/program.sql",
            "suspend": true, "driver": {}, "executor": {"instances": 1},
        }},
    });
    scope.apply(&manifest.to_string()).await?;
    Ok(())
}

async fn wait_status(scope: &Scope, what: &str, fits: impl Fn(&Value) -> bool) -> Result<Value> {
    until(&format!("the schedule {what}"), LIMIT, async || {
        let object = schedules(scope).get("often").await?;
        Ok(object.data.get("status").cloned().filter(&fits))
    })
    .await
}

async fn runs(scope: &Scope) -> Result<Vec<DynamicObject>> {
    let of_schedule = ListParams::default().labels("sparkoperator.k8s.io/scheduled-app-name=often");
    Ok(Application::api(scope).list(&of_schedule).await?.items)
}

#[tokio::test]
async fn api_schedule_creates_its_runs_heals_and_takes_them_with_it() -> Result<()> {
    on_cluster("api_schedule", async |scope| {
        let operator =
            Operator::start(scope, &["--scheduled-spark-application-timestamp-precision", "seconds"])?;
        apply(scope, "@every 2s").await?;
        wait_status(scope, "has had a run", |status| status["lastRunName"].is_string()).await?;
        until("a second run", LIMIT, async || Ok((runs(scope).await?.len() >= 2).then_some(()))).await?;

        // Stopped at once by an edit that is wrong.
        apply(scope, "every now and then").await?;
        let status =
            wait_status(scope, "is refused", |status| status["scheduleState"] == "FailedValidation").await?;
        ensure!(status["reason"] == "expected exactly 5 fields, found 4: [every now and then]", "{status}");
        let owner = schedules(scope).get("often").await?.metadata.uid.context("a schedule without a UID")?;
        let mut due = Vec::new();
        for run in runs(scope).await? {
            let name = run.metadata.name.context("a run without a name")?;
            let seconds = name.strip_prefix("often-").context("not named after its schedule")?;
            due.push(seconds.parse::<i64>()?);
            let labels = run.metadata.labels.unwrap_or_default();
            ensure!(labels.get("team").is_some_and(|team| team == "a"), "{labels:?}");
            let owners = run.metadata.owner_references.unwrap_or_default();
            ensure!(owners.len() == 1 && owners[0].uid == owner, "{owners:?}");
            ensure!(owners[0].controller.is_none() && owners[0].block_owner_deletion == Some(true));
        }
        due.sort_unstable();
        ensure!(due.windows(2).all(|pair| pair[1] - pair[0] >= 2), "too close together: {due:?}");

        // Mended: the next run is the next turn of the year in Berlin.
        apply(scope, "@yearly").await?;
        let status =
            wait_status(scope, "is planned again", |status| status["scheduleState"] == "Scheduled").await?;
        let next = status["nextRun"].as_str().unwrap_or_default().to_owned();
        ensure!(next.ends_with("-12-31T23:00:00Z"), "{next}");
        ensure!(status["reason"].is_null(), "{status}");

        // Suspended while a run is due: nothing starts. Resumed: one run makes up for it.
        let before = runs(scope).await?.len();
        let past = json!({"status": {"nextRun": "2020-01-01T00:00:00Z"}});
        let suspend = |suspend: bool| Patch::Merge(json!({"spec": {"suspend": suspend}}));
        schedules(scope).patch("often", &PatchParams::default(), &suspend(true)).await?;
        schedules(scope).patch_status("often", &PatchParams::default(), &Patch::Merge(past)).await?;
        schedules(scope).patch("often", &PatchParams::default(), &suspend(false)).await?;
        wait_status(scope, "has made up for a run", |status| {
            status["lastRunName"] == "often-1577836800" && status["nextRun"] == next.as_str()
        })
        .await?;
        ensure!(runs(scope).await?.len() == before + 1, "not one run was made up for");

        schedules(scope).delete("often", &DeleteParams::background()).await?;
        until("the runs to be gone", LIMIT, async || Ok(runs(scope).await?.is_empty().then_some(()))).await?;
        operator.stop().await
    })
    .await
}
