//! What Kubeflow's operator makes for the same manifest, by its source (`web_ui.go`, `driveringress.go`,
//! `driver_pdb.go`).

use cerium_crds::validate::validate;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;

fn policy() -> ExposurePolicy {
    ExposurePolicy {
        ui_service: true,
        ingress_url: Some("{{$appName}}.ui.example.org/{{ $appNamespace }}".into()),
        ingress_class: Some("nginx".into()),
        ingress_tls: vec![],
        ingress_annotations: [("team".to_owned(), "platform".to_owned())].into(),
        budgets: true,
    }
}

fn application(spec: &Value) -> ValidatedApplication {
    let mut whole = json!({
        "type": "SQL", "sparkVersion": "4.1.1", "mainApplicationFile": "local:///a.sql", "driver": {}, "executor": {},
    });
    for (key, value) in spec.as_object().unwrap() {
        whole[key] = value.clone();
    }
    let manifest = json!({
        "apiVersion": "sparkoperator.k8s.io/v1beta2", "kind": "SparkApplication",
        "metadata": {"name": "pi", "namespace": "ns", "uid": "u"}, "spec": whole,
    });
    validate(&serde_json::from_value(manifest).unwrap()).unwrap()
}

fn made(spec: &Value, policy: &ExposurePolicy) -> Exposure {
    exposure(&application(spec), &submission(), policy)
}

fn submission() -> Submission {
    Submission { id: "5e4c5a66-6f2e-4b6f-9d5f-0c6f2f3f6a11".into(), time: Timestamp::UNIX_EPOCH }
}

fn owners() -> Value {
    json!([{
        "apiVersion": "sparkoperator.k8s.io/v1beta2", "kind": "SparkApplication", "name": "pi", "uid": "u",
        "controller": true, "blockOwnerDeletion": true,
    }])
}

#[test]
fn the_web_ui_has_a_service_and_an_ingress() {
    let made = made(&json!({}), &policy());
    let labels = json!({
        "sparkoperator.k8s.io/app-name": "pi",
        "sparkoperator.k8s.io/submission-id": "5e4c5a66-6f2e-4b6f-9d5f-0c6f2f3f6a11",
    });
    let mut of_service = labels.clone();
    of_service["sparkoperator.k8s.io/created-by-spark-operator"] = json!("true");
    assert_eq!(
        serde_json::to_value(made.ui_service.unwrap()).unwrap(),
        json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {
                "name": "pi-ui-svc", "namespace": "ns", "labels": of_service, "ownerReferences": owners(),
            },
            "spec": {
                "type": "ClusterIP",
                "ports": [{"name": "spark-driver-ui-port", "port": 4040, "targetPort": 4040}],
                "selector": {"sparkoperator.k8s.io/app-name": "pi", "spark-role": "driver"},
            },
        })
    );
    let (ingress, url) = made.ui_ingress.unwrap();
    assert_eq!(url, "http://pi.ui.example.org/ns");
    assert_eq!(
        serde_json::to_value(ingress).unwrap(),
        json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
            "metadata": {
                "name": "pi-ui-ingress", "namespace": "ns", "labels": labels, "ownerReferences": owners(),
                "annotations": {"team": "platform", "nginx.ingress.kubernetes.io/rewrite-target": "/$2"},
            },
            "spec": {
                "ingressClassName": "nginx",
                "rules": [{"host": "pi.ui.example.org", "http": {"paths": [{
                    "path": "/ns(/|$)(.*)", "pathType": "ImplementationSpecific",
                    "backend": {"service": {"name": "pi-ui-svc", "port": {"number": 4040}}},
                }]}}],
            },
        })
    );
}

#[test]
fn the_options_of_the_manifest_count() {
    let made = made(
        &json!({
            "sparkConf": {"spark.ui.port": "4050"},
            "sparkUIOptions": {
                "servicePort": 80, "servicePortName": "web", "serviceType": "NodePort",
                "serviceLabels": {"own": "label"}, "serviceAnnotations": {"note": "a"},
                "ingressAnnotations": {"own": "annotation"},
                "ingressTLS": [{"hosts": ["pi.example.org"], "secretName": "tls"}],
            },
        }),
        &ExposurePolicy { ingress_url: Some("https://pi.example.org".into()), ..policy() },
    );
    let service = serde_json::to_value(made.ui_service.unwrap()).unwrap();
    assert_eq!(
        service["metadata"]["labels"],
        json!({"own": "label", "sparkoperator.k8s.io/created-by-spark-operator": "true"})
    );
    assert_eq!(service["metadata"]["annotations"], json!({"note": "a"}));
    assert_eq!(service["spec"]["type"], "NodePort");
    assert_eq!(service["spec"]["ports"], json!([{"name": "web", "port": 80, "targetPort": 4050}]));
    let ingress = serde_json::to_value(made.ui_ingress.unwrap().0).unwrap();
    assert_eq!(ingress["metadata"]["annotations"], json!({"own": "annotation"}));
    assert_eq!(ingress["spec"]["tls"], json!([{"hosts": ["pi.example.org"], "secretName": "tls"}]));
    assert_eq!(ingress["spec"]["rules"][0]["host"], "pi.example.org");
}

#[test]
fn further_ports_have_a_service_and_an_ingress_each() {
    let options = json!([
        {"servicePort": 8888, "servicePortName": "notebook", "ingressURLFormat": "nb.example.org/{{$appId}}/"},
    ]);
    let made = made(&json!({"driverIngressOptions": options}), &policy());
    let service = serde_json::to_value(&made.services[0]).unwrap();
    assert_eq!(service["metadata"]["name"], "pi-driver-8888");
    assert_eq!(service["spec"]["ports"], json!([{"name": "notebook", "port": 8888, "targetPort": 8888}]));
    let ingress = serde_json::to_value(&made.ingresses[0]).unwrap();
    assert_eq!(ingress["metadata"]["name"], "pi-ing-8888");
    assert_eq!(
        ingress["spec"]["rules"][0]["http"]["paths"][0]["path"],
        "/spark-5e4c5a666f2e4b6f9d5f0c6f2f3f6a11/(/|$)(.*)"
    );
}

#[test]
fn a_budget_is_made_only_where_operator_and_manifest_want_one() {
    let wish = json!({"driverPodDisruptionBudget": true});
    assert_eq!(made(&wish, &ExposurePolicy { budgets: false, ..policy() }).budget, None);
    assert_eq!(made(&json!({}), &policy()).budget, None);
    let budget = serde_json::to_value(made(&wish, &policy()).budget.unwrap()).unwrap();
    assert_eq!(budget["metadata"]["name"], "pi-driver");
    assert_eq!(
        budget["spec"],
        json!({
            "minAvailable": 1,
            "selector": {"matchLabels": {"sparkoperator.k8s.io/app-name": "pi", "spark-role": "driver"}},
        })
    );
}

#[test]
fn without_the_flag_there_is_no_ui_service() {
    let made = made(&json!({}), &ExposurePolicy { ui_service: false, ..policy() });
    assert_eq!(made, Exposure::default());
}

#[test]
fn the_driver_learns_the_path_of_its_ui() {
    let conf = |spec: &Value, policy: &ExposurePolicy| {
        let application = application(spec);
        let mut conf = application.conf.clone();
        add_proxy_base(&mut conf, &application, &submission(), policy);
        ["spark.ui.proxyBase", "spark.ui.proxyRedirectUri"].map(|key| conf.get_str(key).map(str::to_owned))
    };
    assert_eq!(conf(&json!({}), &policy()), [Some("/ns".to_owned()), Some("/".to_owned())]);
    let own = json!({"sparkConf": {"spark.ui.proxyBase": "/own"}});
    assert_eq!(conf(&own, &policy()), [Some("/own".to_owned()), Some("/".to_owned())]);
    let host_only = ExposurePolicy { ingress_url: Some("{{$appName}}.example.org".into()), ..policy() };
    assert_eq!(conf(&json!({}), &host_only), [None, None]);
}
