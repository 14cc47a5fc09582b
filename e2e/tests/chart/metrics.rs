//! What the charts install for Prometheus and Grafana.

use super::*;

/// The names of metrics in a PromQL expression.
fn metrics_in(expression: &str) -> BTreeSet<String> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = expression.split(|c| !is_word(c)).map(str::to_owned);
    words
        .filter(|word| word.contains('_') && !word.starts_with("__") && word != "histogram_quantile")
        .collect()
}

#[test]
fn dashboard_and_alerts_ask_for_metrics_that_exist() -> Result<()> {
    let create = "prometheus.rules.create=true,prometheus.dashboard.create=true";
    let options = ["--set", create, "--set", "prometheus.metrics.prefix=team-a_"];
    let objects = template(&options)?;
    let alerts = object(&objects, "PrometheusRule spark-operator/spark-operator-rules")?;
    let mut asked = BTreeSet::new();
    for rule in alerts["spec"]["groups"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|group| group["rules"].as_array())
        .flatten()
    {
        assert!(rule["annotations"]["summary"].is_string() && rule["for"].is_string(), "{rule}");
        asked.extend(metrics_in(rule["expr"].as_str().unwrap_or_default()));
    }
    let dashboard = object(&objects, "ConfigMap spark-operator/spark-operator-dashboard")?;
    assert_eq!(dashboard["metadata"]["labels"]["grafana_dashboard"], "1");
    let dashboard: Value =
        serde_json::from_str(dashboard["data"]["cerium.json"].as_str().context("no dashboard")?)?;
    for target in dashboard["panels"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|panel| panel["targets"].as_array())
        .flatten()
    {
        let expression = target["expr"].as_str().unwrap_or_default().replace("$__rate_interval", "5m");
        asked.extend(metrics_in(&expression.replace("$__range", "1h")));
    }
    assert!(asked.len() > 10, "{asked:?}");
    let mut sources = String::new();
    for file in ["metrics.rs", "metrics/process.rs", "metrics/work.rs"] {
        sources += &std::fs::read_to_string(root().join("operator/src").join(file))?;
    }
    for metric in &asked {
        let spark = metric.contains("spark_");
        assert_eq!(metric.starts_with("team_a_spark_"), spark, "{metric} without the prefix");
        let name = metric.trim_start_matches("team_a_");
        let exists = ["", "_bucket", "_sum", "_count", "_total"].iter().any(|suffix| {
            name.strip_suffix(suffix).is_some_and(|name| sources.contains(&format!("\"{name}\"")))
        });
        assert!(exists, "the operator has no metric {name}");
    }
    for value in ["prometheus.rules.create=true", "prometheus.dashboard.create=true"] {
        let without = format!("prometheus.metrics.enable=false,{value}");
        assert!(template(&["--set", &without]).is_err(), "{value} without metrics");
    }
    Ok(())
}

#[test]
fn without_metrics_there_is_no_port_and_no_service() -> Result<()> {
    let objects = template(&["--set", "prometheus.metrics.enable=false"])?;
    assert!(!objects.keys().any(|key| key.starts_with("Service ")), "{:?}", objects.keys());
    let template = &controller(&objects)?["template"];
    assert_eq!(template["metadata"]["annotations"], Value::Null);
    let ports = &template["spec"]["containers"][0]["ports"];
    assert_eq!(ports.as_array().map(Vec::len), Some(1));
    assert!(has(&arguments(&objects)?, "--enable-metrics=false"));
    Ok(())
}
