//! What the charts and the kustomize folder install, and that they agree.

use super::*;

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
fn clusters_without_admission_policies_get_all_the_rest() -> Result<()> {
    let on = |version: &str| template(&["--include-crds", "--kube-version", version]);
    let (old, new) = (on("1.29.15")?, on("1.30.0")?);
    let more: Vec<_> = new.iter().filter(|(key, object)| old.get(*key) != Some(object)).collect();
    let kinds: BTreeSet<_> = more.iter().filter_map(|(_, object)| object["kind"].as_str()).collect();
    assert_eq!(kinds, ["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"].into());
    // One of each for each kind, and nothing that only the older cluster has.
    assert_eq!((more.len(), new.len() - old.len()), (6, 6));
    let versions: BTreeSet<_> = old.values().filter_map(|object| object["apiVersion"].as_str()).collect();
    let expected = ["apiextensions.k8s.io/v1", "apps/v1", "rbac.authorization.k8s.io/v1", "v1"];
    assert_eq!(versions, expected.into());
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
fn a_value_of_our_own_reaches_the_operator_as_its_flag() -> Result<()> {
    let values = "controller.defaultEngine=spark,controller.driverSidecarTimeout=5m";
    let given = arguments(&template(&["--set", values])?)?;
    for argument in ["--default-engine=spark", "--driver-sidecar-timeout=5m"] {
        assert!(has(&given, argument), "no {argument} in {given:?}");
    }
    Ok(())
}
