//! What tools of others say of the charts: helm-unittest's suites, and promtool of the alert rules.

use super::*;

#[test]
fn the_suites_of_helm_unittest_pass() -> Result<()> {
    let told = output(&program("helm-unittest"), &["charts/cerium", "--color=false"])?;
    let files = std::fs::read_dir(root().join("charts/cerium/tests"))?.flatten();
    let suites = files.filter(|file| file.file_name().to_string_lossy().ends_with("_test.yaml")).count();
    ensure!(
        told.contains(&format!("Test Suites: {suites} passed, {suites} total")),
        "not all suites ran: {told}"
    );
    Ok(())
}

#[test]
fn promtool_takes_the_alert_rules_and_they_fire_when_they_should() -> Result<()> {
    output(&program("promtool"), &["check", "rules", "--lint-fatal", "charts/cerium/files/alerts.yaml"])?;
    output(&program("promtool"), &["test", "rules", "e2e/chart/alerts_test.yaml"])?;
    // As the chart installs them, with a prefix.
    let set = ["--set", "prometheus.rules.create=true", "--set", "prometheus.metrics.prefix=team_"];
    let objects = template(&set)?;
    let rules = object(&objects, "PrometheusRule spark-operator/spark-operator-rules")?;
    let file = std::env::temp_dir().join(format!("cerium-rules-{}.yaml", std::process::id()));
    std::fs::write(&file, rules["spec"].to_string())?;
    let checked = output(&program("promtool"), &["check", "rules", "--lint-fatal", &file.to_string_lossy()]);
    std::fs::remove_file(&file)?;
    checked.map(drop)
}
