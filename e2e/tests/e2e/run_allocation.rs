//! Dynamic allocation: executors come with the work and go without it, within bounds that may change meanwhile.

use std::time::Duration;

use anyhow::{Result, ensure};
use cerium_e2e::application::{Application, state};
use cerium_e2e::s3::{self, S3};
use cerium_e2e::scope::on_cluster;
use serde_json::json;

const LIMIT: Duration = Duration::from_mins(5);

/// Many small files make many tasks at first, seconds of work for one core, so that the queue is
/// still long when the manifest allows a second executor and the backlog time-out passes; then one small file, joined with itself to a
/// thousand million rows, makes one long task that a second executor cannot help with.
#[tokio::test]
async fn run_idle_executors_go_while_the_driver_runs() -> Result<()> {
    on_cluster("run_allocation", async |scope| {
        scope.install_chart().await?;
        let s3 = S3::start(scope).await?;
        s3.put_numbers(64).await?;
        let program = "
            CREATE TEMPORARY VIEW numbers (n BIGINT) USING csv OPTIONS (path 's3a://cerium/numbers');
            CREATE TEMPORARY VIEW first (n BIGINT) USING csv OPTIONS (path 's3a://cerium/numbers/00.csv');
            SELECT sum(a.n) AS total FROM first b, first c, numbers a WHERE c.n < 40;
            SELECT sum(a.n - b.n + c.n) AS cubed FROM first a, first b, first c;
        ";
        let mut changes = s3::access();
        changes["spec"]["executor"]["instances"] = json!(null);
        changes["spec"]["dynamicAllocation"] =
            json!({"enabled": true, "initialExecutors": 1, "minExecutors": 1, "maxExecutors": 1});
        changes["spec"]["sparkConf"]["spark.dynamicAllocation.executorIdleTimeout"] = json!("2s");
        changes["spec"]["sparkConf"]["spark.dynamicAllocation.schedulerBacklogTimeout"] = json!("1s");
        let application = Application::submit(scope, "dynamic", program, changes).await?;

        let submission = application.wait_state("RUNNING", LIMIT).await?["submissionID"].clone();
        let more = r#"{"spec": {"dynamicAllocation": {"maxExecutors": 2}}}"#;
        scope.kubectl(&["patch", "sparkapp", "dynamic", "--type", "merge", "--patch", more]).await?;
        application.wait_executors(2, LIMIT).await?;
        application.wait_executors(1, LIMIT).await?;
        let status = application.status().await?;
        ensure!(state(&status) == "RUNNING", "the driver no longer runs: {}", state(&status));
        ensure!(status["submissionID"] == submission, "the driver was started again");
        application.wait_state("COMPLETED", LIMIT).await?;

        // Forty thousand times 0 + 1 + ... + 63999; and a million times 0 + 1 + ... + 999, as a and b cancel out.
        let log = application.driver_log().await?;
        for number in ["81918720000000", "499500000000"] {
            ensure!(log.contains(&format!("|{number}|")), "{number} is not in the log:\n{log}");
        }
        Ok(())
    })
    .await
}
