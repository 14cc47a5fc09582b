//! Rights and admission policies, by the namespaces worked on.

use super::*;

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
