//! What the operator is given to do: applications, one by one or at once, and finished ones by the thousand.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DynamicObject, PostParams};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};

use crate::plane::NAMESPACE;
use crate::timeline::{Timeline, applications};

/// Requests of this program that are under way at once.
const AT_ONCE: usize = 32;
/// How long applications may take that have to be waited for.
pub const PATIENCE: Duration = Duration::from_mins(10);

/// Creates an application of a SQL program; `endless` ones run on.
pub async fn create(client: &Client, name: &str, endless: bool) -> Result<()> {
    let annotations = if endless { json!({"bench.cerium.dev/endless": "true"}) } else { json!({}) };
    let application: DynamicObject = serde_json::from_value(json!({
        "apiVersion": "sparkoperator.k8s.io/v1beta2",
        "kind": "SparkApplication",
        "metadata": {"name": name, "labels": {"team": "bench"}},
        "spec": {
            "type": "SQL", "mode": "cluster", "sparkVersion": "4.1.1",
            "mainApplicationFile": "local:///opt/programs/program.sql",
            "restartPolicy": {"type": "OnFailure", "onFailureRetries": 3, "onFailureRetryInterval": 10},
            "sparkConf": {"spark.sql.shuffle.partitions": "8"},
            "driver": {
                "cores": 1, "memory": "512m", "serviceAccount": "spark-operator-spark",
                "labels": {"version": "4.1.1"}, "annotations": annotations,
            },
            "executor": {"cores": 1, "instances": 2, "memory": "512m"},
        },
    }))?;
    applications(client).create(&PostParams::default(), &application).await?;
    Ok(())
}

/// Creates applications with this prefix at once and returns when they began to be created.
pub async fn create_all(client: &Client, prefix: &str, count: usize, endless: bool) -> Result<Instant> {
    let start = Instant::now();
    stream::iter(0..count)
        .map(|number| async move { create(client, &format!("{prefix}{number}"), endless).await })
        .buffer_unordered(AT_ONCE)
        .try_collect::<Vec<()>>()
        .await?;
    Ok(start)
}

/// Milliseconds from before an application is created until its driver pod is there, one after the other.
pub async fn one_by_one(
    client: &Client,
    timeline: &Timeline,
    prefix: &str,
    count: usize,
) -> Result<Vec<f64>> {
    let mut times = Vec::new();
    for number in 0..count {
        let name = format!("{prefix}{number}");
        let start = Instant::now();
        create(client, &name, false).await?;
        timeline.wait("finished", &name, 1, PATIENCE, |life| life.ended.is_some()).await?;
        let created = timeline.of(&name).first().and_then(|life| life.driver_created);
        let created = created.with_context(|| format!("{name} had no driver"))?;
        times.push(created.duration_since(start).as_secs_f64() * 1000.0);
    }
    Ok(times)
}

/// Creates finished applications with their driver pods, as copies of `model`, which the operator has brought
/// to its end.
pub async fn copy_finished(client: &Client, model: &str, prefix: &str, count: usize) -> Result<()> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
    let application = serde_json::to_value(applications(client).get(model).await?)?;
    let pod = serde_json::to_value(pods.get(&format!("{model}-driver")).await?)?;
    ensure!(pod["status"]["phase"] == "Succeeded", "{model} is not finished");
    let (application, pod, pods) = (&application, &pod, &pods);
    stream::iter(0..count)
        .map(|number| async move {
            let name = format!("{prefix}{number}");
            copy(client, pods, application, pod, &name).await.with_context(|| format!("cannot make {name}"))
        })
        .buffer_unordered(AT_ONCE)
        .try_collect::<Vec<()>>()
        .await?;
    Ok(())
}

async fn copy(client: &Client, pods: &Api<Pod>, application: &Value, pod: &Value, name: &str) -> Result<()> {
    let api = applications(client);
    let parameters = PostParams::default();
    let driver = format!("{name}-driver");
    let submission = format!("submission-of-{name}");

    let mut copy = renamed(application, name);
    copy["status"]["submissionID"] = json!(submission);
    copy["status"]["driverInfo"]["podName"] = json!(driver);
    let mut copy: DynamicObject = serde_json::from_value(copy)?;
    let created = api.create(&parameters, &copy).await?;
    copy.metadata = created.metadata.clone();
    api.replace_status(name, &parameters, &copy).await?;

    let mut copy = renamed(pod, &driver);
    copy["metadata"]["labels"]["sparkoperator.k8s.io/app-name"] = json!(name);
    copy["metadata"]["labels"]["sparkoperator.k8s.io/submission-id"] = json!(submission);
    copy["metadata"]["ownerReferences"][0]["name"] = json!(name);
    copy["metadata"]["ownerReferences"][0]["uid"] = json!(created.uid());
    let mut copy: Pod = serde_json::from_value(copy)?;
    let created = pods.create(&parameters, &copy).await?;
    copy.metadata = created.metadata;
    pods.replace_status(&driver, &parameters, &copy).await?;
    Ok(())
}

/// A copy of an object without what the API server gave it.
fn renamed(object: &Value, name: &str) -> Value {
    let mut copy = object.clone();
    if let Some(metadata) = copy["metadata"].as_object_mut() {
        for given in ["uid", "resourceVersion", "creationTimestamp", "managedFields", "generation"] {
            metadata.remove(given);
        }
    }
    copy["metadata"]["name"] = json!(name);
    copy
}
