//! RDDs on the cluster: the example, and what is kept on a pod that is lost.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cerium_e2e::application::Application;
use cerium_e2e::examples;
use cerium_e2e::scope::{Scope, on_cluster};
use kube::api::DeleteParams;
use serde_json::json;

const LIMIT: Duration = Duration::from_mins(4);

/// Goes on once an executor that holds elements is gone: from what is left, and what is computed again.
const LOSE: &str = "
import operator, time
from pyspark import SparkContext, TaskContext
sc = SparkContext.getOrCreate()
pairs = sc.parallelize(range(1000), 8).map(lambda x: (x % 4, x)).cache()
pairs.count()
first = set(sc.getExecutorMemoryStatus())
print('cached', flush=True)
while first <= set(sc.getExecutorMemoryStatus()):
    time.sleep(0.1)
tried = sc.accumulator(0)
def add(a, b):
    tried.add(1)
    return a + b
print('sums', sorted(pairs.reduceByKey(add, 4).collect()), tried.value)
def flaky(x):
    if TaskContext.get().attemptNumber() < 3:
        raise ValueError('not yet')
    return x
print('in the end', sc.parallelize([7], 1).map(flaky).collect())
";

#[tokio::test]
async fn run_rdd_programs() -> Result<()> {
    on_cluster("run_rdd", async |scope| {
        scope.install_chart().await?;
        pi(scope).await?;
        lost_executor(scope).await
    })
    .await
}

async fn pi(scope: &Scope) -> Result<()> {
    let text = examples::read("pi.py")?;
    let changes = json!({"spec": {"arguments": ["8"]}});
    let pi = Application::submit_python(scope, "pi", &text, changes).await?;
    pi.wait_state("COMPLETED", LIMIT).await?;
    let log = pi.driver_log().await?;
    let told = "pi is 3.141593, from 1,000,000 stripes in 8 partitions\n";
    ensure!(log.contains(told), "the log does not say {told:?}:\n{log}");
    scope.kubectl(&["delete", "sparkapp", "pi", "--wait=false"]).await?;
    Ok(())
}

async fn lost_executor(scope: &Scope) -> Result<()> {
    let lose = Application::submit_python(scope, "lose", LOSE, json!({})).await?;
    lose.wait_state("RUNNING", LIMIT).await?;
    lose.wait_log("cached", LIMIT).await?;
    let executors = lose.wait_executors(2, LIMIT).await?;
    let name = executors.first().and_then(|pod| pod.metadata.name.as_deref()).context("no executor")?;
    scope.pod_api().delete(name, &DeleteParams::default().grace_period(0)).await?;
    lose.wait_state("COMPLETED", LIMIT).await?;
    let log = lose.driver_log().await?;
    // The sum of r, r + 4, ... is 250 r + 4 (0 + ... + 249); of the 1000 pairs 4 remain. A task is tried 4 times.
    for told in ["sums [(0, 124500), (1, 124750), (2, 125000), (3, 125250)] 996\n", "in the end [7]\n"] {
        ensure!(log.contains(told), "the log does not say {told:?}:\n{log}");
    }
    Ok(())
}
