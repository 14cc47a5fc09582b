//! What stands around a driver pod, as a real API server takes it: Services, Ingresses, a PodDisruptionBudget.

use std::time::Duration;

use anyhow::{Result, ensure};
use cerium_e2e::application::Application;
use cerium_e2e::examples;
use cerium_e2e::operator::Operator;
use cerium_e2e::scope::{Scope, on_cluster};
use cerium_e2e::wait::until;
use serde_json::json;

const LIMIT: Duration = Duration::from_secs(30);

/// Names of what is there, as `kind/name`.
async fn names(scope: &Scope) -> Result<Vec<String>> {
    let kinds = "service,ingress,poddisruptionbudget";
    let text = scope.kubectl(&["get", kinds, "--output", "name"]).await?;
    Ok(text.lines().map(|line| line.replace(".networking.k8s.io", "").replace(".policy", "")).collect())
}

#[tokio::test]
async fn api_services_ingresses_and_the_budget_of_a_driver() -> Result<()> {
    on_cluster("api_exposure", async |scope| {
        scope.kubectl(&["create", "serviceaccount", "spark-operator-spark"]).await?;
        let operator = Operator::start(
            scope,
            &[
                "--ingress-url-format={{$appName}}.example.com/{{$appNamespace}}",
                "--ingress-class-name=inner",
                r#"--ingress-tls=[{"hosts":["all.example.com"],"secretName":"all"}]"#,
                r#"--ingress-annotations={"of":"the operator"}"#,
                "--enable-driver-pdb",
            ],
        )?;
        let nowhere = json!({"spec": {"driver": {"nodeSelector": {"cerium-e2e": "nowhere"}}}});
        examples::apply_changed(scope, "exposed.yaml", nowhere).await?;
        let shown = Application::new(scope, "shown");
        let status = shown.wait_state("SUBMITTED", LIMIT).await?;

        let service = scope.read("service/shown-ui-svc").await?;
        let port = &service["spec"]["ports"][0];
        assert_eq!(
            (&port["name"], &port["port"], &port["targetPort"]),
            (&json!("ui"), &json!(8080), &json!(4040))
        );
        assert_eq!(service["spec"]["type"], "NodePort");
        assert_eq!(
            (&service["metadata"]["labels"]["team"], &service["metadata"]["annotations"]["a"]),
            (&json!("x"), &json!("b"))
        );
        let ingress = scope.read("ingress/shown-ui-ingress").await?;
        assert_eq!(ingress["spec"]["ingressClassName"], "inner");
        assert_eq!(ingress["spec"]["tls"], json!([{"hosts": ["shown.example.com"], "secretName": "own"}]));
        let annotations =
            json!({"of": "the application", "nginx.ingress.kubernetes.io/rewrite-target": "/$2"});
        assert_eq!(ingress["metadata"]["annotations"], annotations);
        let rule = &ingress["spec"]["rules"][0];
        assert_eq!(rule["host"], "shown.example.com");
        let path = &rule["http"]["paths"][0];
        assert_eq!(path["path"], format!("/{}(/|$)(.*)", scope.namespace));
        assert_eq!(path["backend"]["service"], json!({"name": "shown-ui-svc", "port": {"number": 8080}}));
        let info = &status["driverInfo"];
        assert_eq!(info["webUIServiceName"], "shown-ui-svc");
        assert_eq!(
            info["webUIAddress"],
            format!("{}:8080", service["spec"]["clusterIP"].as_str().unwrap_or_default())
        );
        assert_eq!(info["webUIIngressName"], "shown-ui-ingress");
        assert_eq!(info["webUIIngressAddress"], format!("http://shown.example.com/{}", scope.namespace));

        let rest = scope.read("ingress/shown-ing-9000").await?;
        // What the application does not say the operator's flags say.
        assert_eq!(rest["spec"]["tls"], json!([{"hosts": ["all.example.com"], "secretName": "all"}]));
        assert_eq!(rest["metadata"]["annotations"]["of"], "the operator");
        assert_eq!(
            rest["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"],
            "shown-driver-9000"
        );
        let budget = scope.read("poddisruptionbudget/shown-driver").await?;
        assert_eq!(budget["spec"]["minAvailable"], 1);
        for object in [&service, &ingress, &rest, &budget] {
            assert_eq!(object["metadata"]["ownerReferences"][0]["name"], "shown");
        }
        // The disruption controller finds the driver by it.
        scope.run_driver("shown-driver").await?;
        until("the budget to count the driver", LIMIT, async || {
            let budget = scope.read("poddisruptionbudget/shown-driver").await?;
            Ok((budget["status"]["expectedPods"] == 1).then_some(()))
        })
        .await?;

        // Suspended it is not shown any more, resumed it is again; when it has ended nobody has to wait for it.
        let suspend = |suspend: bool| json!({"spec": {"suspend": suspend}}).to_string();
        let patch = ["patch", "sparkapplication", "shown", "--type", "merge", "--patch"];
        scope.kubectl(&[&patch[..], &[&suspend(true)]].concat()).await?;
        shown.wait_state("SUSPENDED", LIMIT).await?;
        let left = names(scope).await?;
        ensure!(!left.iter().any(|name| name.contains("ui-") || name.contains("budget")), "left: {left:?}");
        scope.kubectl(&[&patch[..], &[&suspend(false)]].concat()).await?;
        shown.wait_state("SUBMITTED", LIMIT).await?;
        let all = [
            "service/shown-driver-9000",
            "service/shown-ui-svc",
            "ingress/shown-ing-9000",
            "ingress/shown-ui-ingress",
            "poddisruptionbudget/shown-driver",
        ];
        assert_eq!(names(scope).await?, all);
        scope.end_driver("shown-driver", 0).await?;
        shown.wait_state("COMPLETED", LIMIT).await?;
        assert_eq!(names(scope).await?, all[..4]);

        // What the API server does not take is told and keeps nothing from running.
        let changes = json!({"spec": {
            "sparkUIOptions": {"servicePortName": "Not A Name"},
            "driver": {"nodeSelector": {"cerium-e2e": "nowhere"}},
        }});
        let refused = Application::submit(scope, "refused", "SELECT 1", changes).await?;
        refused.wait_state("SUBMITTED", LIMIT).await?;
        let told = until("the refusal to be told", LIMIT, async || {
            let events = scope.events("refused").await?;
            Ok(events.into_iter().find(|(reason, _)| reason == "SparkApplicationNotExposed"))
        })
        .await?;
        ensure!(told.1.contains("Service refused-ui-svc") && told.1.contains("Not A Name"), "{told:?}");
        operator.stop().await
    })
    .await
}

#[tokio::test]
async fn api_settings_files_reach_the_driver_or_are_told_to_be_wrong() -> Result<()> {
    on_cluster("api_settings_files", async |scope| {
        scope.kubectl(&["create", "serviceaccount", "spark-operator-spark"]).await?;
        let site = "<configuration><property><name>fs.s3a.endpoint</name><value>http://store:9000</value></property>\
                    </configuration>";
        for (name, file, text) in [
            ("defaults", "spark-defaults.conf", "spark.sql.shuffle.partitions 7\nspark.executor.memory 9g\n"),
            ("site", "core-site.xml", site),
            ("broken", "core-site.xml", "<configuration><property>"),
        ] {
            let text = format!("--from-literal={file}={text}");
            scope.kubectl(&["create", "configmap", name, &text]).await?;
        }
        let operator = Operator::start(scope, &[])?;
        let maps = |spark: &str, hadoop: &str| json!({"spec": {
            "sparkConfigMap": spark, "hadoopConfigMap": hadoop, "driver": {"nodeSelector": {"cerium-e2e": "nowhere"}},
        }});
        let right = Application::submit(scope, "right", "SELECT 1", maps("defaults", "site")).await?;
        right.wait_state("SUBMITTED", LIMIT).await?;
        let map = scope.read("configmap/right-driver-conf-map").await?;
        let properties = map["data"]["spark.properties"].as_str().unwrap_or_default();
        for (property, there) in [
            (r"spark.sql.shuffle.partitions=7", true),
            (r"spark.hadoop.fs.s3a.endpoint=http\://store\:9000", true),
            // The pods are made as the manifest says.
            ("spark.executor.memory=9g", false),
        ] {
            ensure!(properties.lines().any(|line| line == property) == there, "{property} in {properties}");
        }

        let mended = Application::submit(scope, "mended", "SELECT 1", maps("defaults", "missing")).await?;
        let message = mended.wait_failure(LIMIT).await?;
        ensure!(message.contains("spec.hadoopConfigMap: there is no ConfigMap \"missing\""), "{message}");
        let patch = |map: &str| json!({"spec": {"hadoopConfigMap": map}}).to_string();
        let command = ["patch", "sparkapplication", "mended", "--type", "merge", "--patch"];
        scope.kubectl(&[&command[..], &[&patch("broken")]].concat()).await?;
        let words = "spec.hadoopConfigMap: core-site.xml of ConfigMap broken: line 1";
        mended
            .wait("to name the broken file", LIMIT, |status| {
                status["applicationState"]["errorMessage"].as_str().is_some_and(|text| text.contains(words))
            })
            .await?;
        scope.kubectl(&[&command[..], &[&patch("site")]].concat()).await?;
        mended.wait("to run", LIMIT, |status| status["applicationState"]["state"] == "SUBMITTED").await?;
        operator.stop().await
    })
    .await
}
