//! The charts and the kustomize folder: what they install, and that they agree.
//! Needs helm and kubectl, but no cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde_json::Value;

type Objects = BTreeMap<String, Value>;

const RELEASE: &str = "spark-operator";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The newest program of that name in the cache, where `e2e/cluster/build` puts it, else that of the PATH.
fn program(name: &str) -> PathBuf {
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(|| home.join(".cache"), PathBuf::from);
    let cache = std::env::var_os("CERIUM_CACHE").map_or_else(|| cache.join("cerium"), PathBuf::from);
    let built = std::fs::read_dir(cache.join("cluster")).into_iter().flatten().flatten();
    let found = built.map(|entry| entry.path().join("bin").join(name)).filter(|found| found.is_file());
    let age =
        |found: &PathBuf| found.metadata().and_then(|data| data.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    found.max_by_key(age).unwrap_or_else(|| name.into())
}

fn output(program: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(root())
        .output()
        .with_context(|| format!("starting {}; e2e/cluster/build builds it", program.display()))?;
    if !output.status.success() {
        let words =
            String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        bail!("{} {} failed: {words}", program.display(), arguments.join(" "));
    }
    Ok(String::from_utf8(output.stdout)?)
}

fn helm(arguments: &[&str]) -> Result<String> {
    output(&program("helm"), arguments)
}

/// What `helm install` of the operator's chart would create on a cluster of this version.
fn template(options: &[&str]) -> Result<Objects> {
    let fixed = ["template", RELEASE, "charts/cerium", "--namespace", RELEASE, "--kube-version", "1.34.0"];
    objects(&helm(&[&fixed, options].concat())?)
}

/// Objects by kind, namespace and name.
fn objects(text: &str) -> Result<Objects> {
    let mut objects = Objects::new();
    for document in serde_yaml::Deserializer::from_str(text) {
        let object = Value::deserialize(document)?;
        if object.is_null() {
            continue;
        }
        let field = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let metadata = &object["metadata"];
        let key = format!(
            "{} {}/{}",
            field(&object["kind"]),
            field(&metadata["namespace"]),
            field(&metadata["name"])
        );
        ensure!(objects.insert(key.clone(), object).is_none(), "{key} is there twice");
    }
    Ok(objects)
}

fn object<'a>(objects: &'a Objects, key: &str) -> Result<&'a Value> {
    objects.get(key).with_context(|| format!("no {key} among {:?}", objects.keys()))
}

fn controller(objects: &Objects) -> Result<&Value> {
    Ok(&object(objects, "Deployment spark-operator/spark-operator-controller")?["spec"])
}

fn arguments(objects: &Objects) -> Result<Vec<String>> {
    let arguments = &controller(objects)?["template"]["spec"]["containers"][0]["args"];
    Ok(serde_json::from_value(arguments.clone())?)
}

fn has(arguments: &[String], argument: &str) -> bool {
    arguments.iter().any(|given| given == argument)
}

/// Every rule of every Role and ClusterRole, with the role's key.
fn rules(objects: &Objects) -> Vec<(&str, &Value)> {
    let roles =
        objects.iter().filter(|(_, object)| object["kind"] == "Role" || object["kind"] == "ClusterRole");
    roles
        .flat_map(|(key, role)| {
            role["rules"].as_array().into_iter().flatten().map(|rule| (key.as_str(), rule))
        })
        .collect()
}

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

#[test]
fn helm_lint_finds_nothing() -> Result<()> {
    helm(&["lint", "--strict", "charts/cerium", "charts/cerium-crds"])?;
    helm(&["lint", "--strict", "charts/cerium", "--values", "charts/cerium/ci/kubeflow-values.yaml"])?;
    Ok(())
}

#[test]
fn the_charts_hold_the_generated_definitions() -> Result<()> {
    let generated = root().join("crds/generated");
    let names = |folder: &Path| -> Result<Vec<String>> {
        let entries = std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
        let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
        files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
        files.sort();
        Ok(files.iter().filter_map(|file| Some(file.file_name()?.to_string_lossy().into_owned())).collect())
    };
    for folder in ["charts/cerium/crds", "charts/cerium-crds/files"] {
        let folder = root().join(folder);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::create_dir_all(&folder)?;
            for name in names(&generated)? {
                std::fs::copy(generated.join(&name), folder.join(&name))?;
            }
        }
        assert_eq!(names(&folder)?, names(&generated)?, "files of {}", folder.display());
        for name in names(&generated)? {
            let same = std::fs::read(folder.join(&name))? == std::fs::read(generated.join(&name))?;
            assert!(same, "{name} in {} differs; run make golden", folder.display());
        }
    }
    Ok(())
}

#[test]
fn the_chart_of_definitions_keeps_them_when_it_is_removed() -> Result<()> {
    let mut templated = objects(&helm(&["template", "crds", "charts/cerium-crds"])?)?;
    assert_eq!(templated.len(), 3);
    for object in templated.values_mut() {
        let annotations = object["metadata"]["annotations"].as_object_mut().context("no annotations")?;
        assert_eq!(annotations.remove("helm.sh/resource-policy"), Some("keep".into()));
    }
    let generated = objects(&helm(&["show", "crds", "charts/cerium"])?)?;
    for (key, definition) in &generated {
        assert_eq!(difference(key, object(&templated, key)?, definition), None);
    }
    let removed = objects(&helm(&["template", "crds", "charts/cerium-crds", "--set", "keep=false"])?)?;
    let kept = removed.values().any(|object| object.to_string().contains("resource-policy"));
    assert!(!kept, "keep=false keeps");
    Ok(())
}

/// Where two objects differ first, and how. 1 is 1.0: tools that read YAML as JSON make it that.
fn difference(path: &str, a: &Value, b: &Value) -> Option<String> {
    let same = match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let mut pairs = a.iter().zip(b).enumerate();
            return pairs.find_map(|(index, (a, b))| difference(&format!("{path}/{index}"), a, b));
        }
        (Value::Object(a), Value::Object(b)) => {
            let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            let value =
                |object: &serde_json::Map<String, Value>, key| object.get(key).cloned().unwrap_or_default();
            return keys
                .into_iter()
                .find_map(|key| difference(&format!("{path}/{key}"), &value(a, key), &value(b, key)));
        }
        _ => a == b,
    };
    (!same).then(|| format!("{path} is {a} and {b}"))
}

#[test]
fn kustomize_installs_the_same_objects_as_the_chart() -> Result<()> {
    let kustomized = objects(&output(&program("kubectl"), &["kustomize", "deploy/kustomize"])?)?;
    let mut templated = template(&["--include-crds"])?;
    let mut kustomized: Objects =
        kustomized.into_iter().filter(|(key, _)| key != "Namespace /spark-operator").collect();
    for object in templated.values_mut().chain(kustomized.values_mut()) {
        // Who installed it is the one thing that differs.
        if let Some(labels) = object["metadata"].get_mut("labels").and_then(Value::as_object_mut) {
            labels.remove("helm.sh/chart");
            labels.remove("app.kubernetes.io/managed-by");
        }
    }
    assert_eq!(kustomized.keys().collect::<Vec<_>>(), templated.keys().collect::<Vec<_>>());
    for (key, object) in &templated {
        assert_eq!(difference(key, &kustomized[key], object), None, "deploy/kustomize and the chart differ");
    }
    Ok(())
}

#[test]
fn chart_and_workspace_have_one_version() -> Result<()> {
    for chart in ["cerium", "cerium-crds"] {
        let text = std::fs::read_to_string(root().join(format!("charts/{chart}/Chart.yaml")))?;
        let chart: Value = serde_yaml::from_str(&text)?;
        assert_eq!(chart["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(chart["appVersion"], env!("CARGO_PKG_VERSION"));
    }
    Ok(())
}

#[test]
fn names_are_those_of_the_kubeflow_chart() -> Result<()> {
    let release = |name: &str, options: &[&str]| {
        objects(&helm(&[&["template", name, "charts/cerium", "--namespace", "ops"], options].concat())?)
    };
    let cases: [(&str, &[&str], &str); 4] = [
        ("spark-operator", &[], "spark-operator"),
        ("my-spark-operator", &[], "my-spark-operator"),
        ("release", &[], "release-spark-operator"),
        ("release", &["--set", "fullnameOverride=full"], "full"),
    ];
    for (name, options, full) in cases {
        let objects = release(name, options)?;
        object(&objects, &format!("Deployment ops/{full}-controller"))?;
        object(&objects, &format!("ServiceAccount ops/{full}-controller"))?;
        for kind in ["ServiceAccount", "Role", "RoleBinding"] {
            object(&objects, &format!("{kind} default/{full}-spark"))?;
        }
    }
    // The selector cannot be changed by an upgrade, so it has to be Kubeflow's.
    let objects = template(&[])?;
    let expected = serde_json::json!({
        "app.kubernetes.io/name": "spark-operator",
        "app.kubernetes.io/instance": "spark-operator",
        "app.kubernetes.io/component": "controller",
    });
    assert_eq!(controller(&objects)?["selector"]["matchLabels"], expected);
    Ok(())
}

#[test]
fn values_of_the_kubeflow_chart_are_accepted() -> Result<()> {
    let objects = template(&["--values", "charts/cerium/ci/kubeflow-values.yaml"])?;
    let spec = &object(&objects, "Deployment spark-operator/sparky-controller")?["spec"];
    assert_eq!(spec["replicas"], 2);
    let pod = &spec["template"]["spec"];
    assert_eq!(pod["containers"][0]["image"], "registry.example.com/mirror/cerium-operator:9.9");
    assert_eq!(
        pod["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"],
        spec["selector"]["matchLabels"]
    );
    let given: Vec<String> = serde_json::from_value(pod["containers"][0]["args"].clone())?;
    for argument in [
        "--namespaces=a,b",
        "--namespace-selector=spark=enabled",
        "--controller-threads=4",
        "--zap-log-level=debug",
        "--zap-encoder=json",
        "--driver-pod-creation-grace-period=20s",
        "--default-time-to-live-seconds=3600",
        "--leader-election-lease-duration=30s",
        "--metrics-bind-address=:9090",
        "--metrics-labels=team",
        "--enable-ui-service=true",
        "--ingress-url-format={{$appName}}.example.com",
        "--ingress-class-name=nginx",
        r#"--ingress-tls=[{"hosts":["example.com"]}]"#,
        r#"--ingress-annotations={"a":"b"}"#,
        "--enable-batch-scheduler=true",
        "--kube-scheduler-names=scheduler",
        "--default-batch-scheduler=volcano",
        "--enable-driver-pdb=true",
        "--enable-resource-quota-enforcement=true",
        "--scheduled-spark-application-timestamp-precision=seconds",
        "--feature-gates=PartialRestart=true,DefaultTimeToLive=true,RestSubmitter=true",
    ] {
        assert!(has(&given, argument), "no {argument} in {given:?}");
    }
    object(&objects, "PodDisruptionBudget spark-operator/sparky-controller-pdb")?;
    object(&objects, "PodMonitor spark-operator/sparky-podmonitor")?;
    object(&objects, "ServiceAccount b/driver")?;
    Ok(())
}

/// The notes that helm shows after an installation. Without a cluster helm does not show them, so a
/// copy of the chart makes an object of them.
fn notes(options: &[&str]) -> Result<String> {
    static COPIES: AtomicUsize = AtomicUsize::new(0);
    let copy = COPIES.fetch_add(1, Ordering::Relaxed);
    let copy = std::env::temp_dir().join(format!("cerium-notes-{}-{copy}", std::process::id()));
    let copied = Command::new("cp").arg("-R").arg(root().join("charts/cerium/")).arg(&copy).status()?;
    ensure!(copied.success(), "the chart cannot be copied to {}", copy.display());
    let text = std::fs::read_to_string(copy.join("templates/NOTES.txt"))?;
    let made =
        r#"{"kind": "Notes", "metadata": {"name": "notes"}, "text": {{ include "notes" . | toJson }}}"#;
    let template = format!("{{{{- define \"notes\" }}}}{text}{{{{- end }}}}\n{made}\n");
    std::fs::write(copy.join("templates/notes.yaml"), template)?;
    let folder = copy.to_str().context("the temporary folder is not UTF-8")?;
    let fixed = ["template", RELEASE, folder, "--namespace", RELEASE, "--show-only", "templates/notes.yaml"];
    let shown = helm(&[&fixed, options].concat());
    std::fs::remove_dir_all(&copy)?;
    let objects = objects(&shown?)?;
    Ok(object(&objects, "Notes /notes")?["text"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn notes_name_the_values_that_have_no_effect_and_no_others() -> Result<()> {
    let without = "have no effect here";
    let default = notes(&[])?;
    assert!(default.contains("spark-operator-spark") && !default.contains(without), "{default}");
    let told = notes(&["--values", "charts/cerium/ci/kubeflow-values.yaml"])?;
    let (_, told) = told.split_once(without).context("nothing is told")?;
    let named: Vec<&str> =
        told.lines().filter_map(|line| line.strip_prefix("  ")?.split(':').next()).collect();
    let expected = [
        "hook.upgradeCrd",
        "controller.featureGates RestSubmitter, submitter",
        "controller.kubeAPIQPS",
        "controller.kubeAPIBurst",
        "controller.pprof",
        "controller.workqueueRateLimiter",
        "webhook",
        "certManager",
    ];
    assert_eq!(named, expected);
    let upgrade = notes(&["--is-upgrade"])?;
    assert!(upgrade.contains("charts/cerium-crds") && !upgrade.contains(without), "{upgrade}");
    Ok(())
}

#[test]
fn the_default_time_to_live_needs_its_feature_gate() -> Result<()> {
    let seconds = "controller.defaultTimeToLiveSeconds=60";
    let given = |gate: &str| -> Result<bool> {
        let gates = format!(r#"controller.featureGates=[{{"name":"DefaultTimeToLive","enabled":{gate}}}]"#);
        Ok(has(
            &arguments(&template(&["--set", seconds, "--set-json", &gates])?)?,
            "--default-time-to-live-seconds=60",
        ))
    };
    assert!(given("true")?);
    assert!(!given("false")?);
    let told = notes(&["--set", seconds])?;
    assert!(told.contains("controller.defaultTimeToLiveSeconds: needs the feature gate"), "{told}");
    Ok(())
}

#[test]
fn each_shard_has_its_own_deployment_lease_and_pods() -> Result<()> {
    let objects = template(&[
        "--set",
        "controller.shards=2,controller.replicas=2,controller.podDisruptionBudget.enable=true",
    ])?;
    let mut selectors = BTreeSet::new();
    for shard in ["0", "1"] {
        let key = format!("Deployment spark-operator/spark-operator-controller-{shard}");
        let spec = &object(&objects, &key)?["spec"];
        let selector = &spec["selector"]["matchLabels"];
        assert_eq!(selector, &spec["template"]["metadata"]["labels"]);
        selectors.insert(selector.to_string());
        let given = strings(&spec["template"]["spec"]["containers"][0]["args"]);
        assert!(given.contains(&"--shard-count=2"), "{given:?}");
        assert!(given.contains(&format!("--shard-index={shard}").as_str()), "{given:?}");
        let budget = format!("PodDisruptionBudget spark-operator/spark-operator-controller-{shard}-pdb");
        assert_eq!(&object(&objects, &budget)?["spec"]["selector"]["matchLabels"], selector);
    }
    assert_eq!(selectors.len(), 2);
    let leases = rules(&objects).into_iter().find(|(_, rule)| rule["resourceNames"].is_array());
    let (_, leases) = leases.context("no rule names leases")?;
    let names = ["spark-operator-controller-lock-0", "spark-operator-controller-lock-1"];
    assert_eq!(strings(&leases["resourceNames"]), names);
    assert!(!arguments(&template(&[])?)?.iter().any(|argument| argument.contains("shard")));
    Ok(())
}

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
fn admission_policies_are_bound_to_the_job_namespaces() -> Result<()> {
    let name = "sparkapplications.spark-operator.spark-operator";
    let binding = format!("ValidatingAdmissionPolicyBinding /{name}");
    let policy = format!("ValidatingAdmissionPolicy /{name}");
    let named = template(&["--set", "spark.jobNamespaces={a,b}"])?;
    let selector = &object(&named, &binding)?["spec"]["matchResources"]["namespaceSelector"];
    assert_eq!(strings(&selector["matchExpressions"][0]["values"]), ["a", "b"]);
    assert_eq!(object(&named, &policy)?["spec"]["failurePolicy"], "Fail");
    let all = template(&["--set-json", "spark.jobNamespaces=[]", "--set", "webhook.failurePolicy=Ignore"])?;
    assert_eq!(object(&all, &binding)?["spec"]["matchResources"], Value::Null);
    assert_eq!(object(&all, &policy)?["spec"]["failurePolicy"], "Ignore");
    for options in [["--set", "webhook.enable=false"], ["--kube-version", "1.29.0"]] {
        let none = template(&options)?;
        assert!(!none.keys().any(|key| key.starts_with("ValidatingAdmission")), "{options:?}");
    }
    Ok(())
}

#[test]
fn rights_on_quotas_and_pod_groups_are_given_where_they_are_needed() -> Result<()> {
    let has_rule = |options: &[&str], resource: &str| -> Result<bool> {
        let objects = template(options)?;
        Ok(rules(&objects).iter().any(|(_, rule)| strings(&rule["resources"]).contains(&resource)))
    };
    for (value, resource) in [
        ("webhook.resourceQuotaEnforcement.enable=true", "resourcequotas"),
        ("controller.batchScheduler.enable=true", "podgroups"),
    ] {
        assert!(has_rule(&["--set", value], resource)?, "{resource}");
        assert!(!has_rule(&[], resource)?, "{resource}");
    }
    Ok(())
}

#[test]
fn named_namespaces_need_no_rights_outside_of_them() -> Result<()> {
    let objects = template(&["--set", "spark.jobNamespaces={a,b}"])?;
    assert!(!objects.keys().any(|key| key.starts_with("Cluster")), "{:?}", objects.keys());
    for namespace in ["a", "b"] {
        object(&objects, &format!("Role {namespace}/spark-operator-controller"))?;
        object(&objects, &format!("RoleBinding {namespace}/spark-operator-controller"))?;
        object(&objects, &format!("ServiceAccount {namespace}/spark-operator-spark"))?;
    }
    assert!(has(&arguments(&objects)?, "--namespaces=a,b"));
    // In its own namespace the operator has no more than its lease.
    for (key, rule) in rules(&objects).iter().filter(|(key, _)| key.starts_with("Role spark-operator/")) {
        assert_eq!(strings(&rule["resources"]), ["leases"], "{key}");
    }
    Ok(())
}

#[test]
fn no_name_an_empty_name_or_a_selector_watch_the_cluster() -> Result<()> {
    let cases: [(&[&str], &[&str]); 3] = [
        (&["--set-json", "spark.jobNamespaces=[]"], &[]),
        (&["--set-json", r#"spark.jobNamespaces=["", "a"]"#], &["a"]),
        (&["--set", "spark.jobNamespaceSelector=spark=enabled"], &["default"]),
    ];
    for (options, prepared) in cases {
        let objects = template(options)?;
        object(&objects, "ClusterRole /spark-operator-controller")?;
        object(&objects, "ClusterRoleBinding /spark-operator-controller")?;
        let accounts: Vec<&str> = objects
            .keys()
            .filter_map(|key| key.strip_prefix("ServiceAccount ")?.strip_suffix("/spark-operator-spark"))
            .collect();
        assert_eq!(accounts, prepared, "{options:?}");
        let selects = options[1].contains("Selector");
        let reads_namespaces =
            rules(&objects).iter().any(|(_, rule)| strings(&rule["resources"]).contains(&"namespaces"));
        assert_eq!(reads_namespaces, selects, "{options:?}");
        let given = arguments(&objects)?;
        assert_eq!(has(&given, "--namespace-selector=spark=enabled"), selects);
        assert_eq!(given.iter().any(|argument| argument.starts_with("--namespaces=")), selects, "{given:?}");
    }
    Ok(())
}

#[test]
fn no_role_reads_secrets_patches_status_or_has_a_wildcard() -> Result<()> {
    let cases: [&[&str]; 3] = [
        &[],
        &["--set-json", "spark.jobNamespaces=[]"],
        &["--values", "charts/cerium/ci/kubeflow-values.yaml"],
    ];
    for options in cases {
        let objects = template(options)?;
        assert!(!rules(&objects).is_empty());
        for (key, rule) in rules(&objects) {
            let resources = strings(&rule["resources"]);
            assert!(!rule.to_string().contains('*'), "{key} has a wildcard: {rule}");
            for refused in ["secrets", "pods/exec", "serviceaccounts", "roles", "nodes"] {
                assert!(!resources.contains(&refused), "{key} grants {refused}");
            }
            if resources.iter().any(|resource| resource.ends_with("/status")) {
                assert_eq!(strings(&rule["verbs"]), ["update"], "{key}");
            }
        }
    }
    Ok(())
}

#[test]
fn the_operator_runs_without_privileges() -> Result<()> {
    let objects = template(&[])?;
    let pod = &controller(&objects)?["template"]["spec"];
    let context = &pod["containers"][0]["securityContext"];
    assert_eq!(context["runAsNonRoot"], true);
    assert_eq!(context["readOnlyRootFilesystem"], true);
    assert_eq!(context["allowPrivilegeEscalation"], false);
    assert_eq!(strings(&context["capabilities"]["drop"]), ["ALL"]);
    assert_eq!(context["seccompProfile"]["type"], "RuntimeDefault");
    assert_eq!(pod["volumes"], Value::Null);
    Ok(())
}

#[test]
fn images_can_come_from_elsewhere() -> Result<()> {
    let objects = template(&[
        "--set",
        "image.registry=,image.repository=cerium-operator,image.tag=dev",
        "--set",
        "runtime.image.registry=r:5000,runtime.image.repository=x/runtime,runtime.image.tag=dev",
        "--set",
        "runtime.image.pullPolicy=Never",
    ])?;
    let container = &controller(&objects)?["template"]["spec"]["containers"][0];
    assert_eq!(container["image"], "cerium-operator:dev");
    assert!(has(&arguments(&objects)?, "--runtime-image=r:5000/x/runtime:dev"));
    assert!(has(&arguments(&objects)?, "--runtime-image-pull-policy=Never"));
    let version = env!("CARGO_PKG_VERSION");
    let runtime = format!("--runtime-image=ghcr.io/cerium-engine/cerium-runtime:{version}");
    assert!(has(&arguments(&template(&[])?)?, &runtime));
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

#[test]
fn bad_values_are_refused_with_their_names() {
    let cases = [
        ("spark.jobNamespace=x", "jobNamespace"),
        ("controler.replicas=1", "controler"),
        ("controller.replicas=-1", "/controller/replicas"),
        ("controller.workers=0", "/controller/workers"),
        ("controller.logLevel=loud", "/controller/logLevel"),
        ("controller.leaderElection.leaseDuration=15", "/controller/leaderElection/leaseDuration"),
        ("controller.podDisruptionBudget.enable=true", "controller.replicas"),
        ("spark.jobNamespaces={Default}", "/spark/jobNamespaces"),
        ("prometheus.metrics.port=99999", "/prometheus/metrics/port"),
        ("controller.replicas=2,controller.leaderElection.enable=false", "controller.leaderElection.enable"),
        ("controller.uiIngress.enable=true", "controller.uiIngress.urlFormat"),
        ("controller.shards=0", "/controller/shards"),
        ("prometheus.metrics.enable=false,prometheus.podMonitor.create=true", "prometheus.metrics.enable"),
        ("runtime.image.pullPolicy=Sometimes", "/runtime/image/pullPolicy"),
        ("image.repository=", "/image/repository"),
    ];
    for (value, named) in cases {
        let error = template(&["--set", value]).expect_err(value).to_string();
        assert!(error.contains(named), "{value}: {error}");
    }
}
