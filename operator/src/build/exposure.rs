//! What stands around a driver pod, as Kubeflow's operator makes it: the Service and Ingress of its web UI and of
//! further ports, and its PodDisruptionBudget. Pure.

use std::collections::BTreeMap;

use cerium_conf::{SparkConf, ports};
use cerium_crds::application::DriverIngressConfiguration;
use cerium_crds::plan::ValidatedApplication;
use cerium_crds::{labels, names};
use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::api::networking::v1::{
    HTTPIngressPath, HTTPIngressRuleValue, Ingress, IngressBackend, IngressRule, IngressServiceBackend,
    IngressSpec, IngressTLS, ServiceBackendPort,
};
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{Submission, owner};

/// Name of the web UI's port of its Service, unless the manifest says it.
const UI_PORT_NAME: &str = "spark-driver-ui-port";
/// Tells the nginx controller which part of a path goes on to the driver.
const REWRITE_TARGET: &str = "nginx.ingress.kubernetes.io/rewrite-target";

/// What the operator makes around driver pods.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExposurePolicy {
    /// Every driver gets a Service for its web UI.
    pub ui_service: bool,
    /// URL of the web UI, with `{{$appName}}`, `{{$appNamespace}}` and `{{$appId}}` to be filled in; without
    /// one there is no Ingress.
    pub ingress_url: Option<String>,
    /// Class of every Ingress.
    pub ingress_class: Option<String>,
    /// TLS settings of an Ingress whose application has none.
    pub ingress_tls: Vec<IngressTLS>,
    /// Annotations of an Ingress whose application has none.
    pub ingress_annotations: BTreeMap<String, String>,
    /// Drivers that ask for it get a PodDisruptionBudget.
    pub budgets: bool,
}

/// The objects around a driver pod, owned by its application.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exposure {
    /// The Service of the web UI.
    pub ui_service: Option<Service>,
    /// The Ingress of the web UI, and its URL.
    pub ui_ingress: Option<(Ingress, String)>,
    /// Services of further ports.
    pub services: Vec<Service>,
    /// The Ingresses of those.
    pub ingresses: Vec<Ingress>,
    /// Keeps the driver from being evicted.
    pub budget: Option<PodDisruptionBudget>,
}

/// The objects for a submission.
pub fn exposure(
    application: &ValidatedApplication,
    submission: &Submission,
    policy: &ExposurePolicy,
) -> Exposure {
    let around = Around { application, submission, policy };
    let mut exposure = Exposure { budget: around.budget(), ..Exposure::default() };
    if policy.ui_service {
        let (service, port) = around.ui_service();
        if let Some(url) = policy.ingress_url.as_deref().map(|format| around.url(format)) {
            let options = application.spec.spark_ui_options.clone().unwrap_or_default();
            let name = names::ui_ingress_name(&application.name);
            let backend = backend(&names::ui_service_name(&application.name), port);
            let ingress =
                around.ingress(name, &url, backend, options.ingress_annotations, options.ingress_tls);
            exposure.ui_ingress = Some((ingress, url.whole));
        }
        exposure.ui_service = Some(service);
    }
    for options in application.spec.driver_ingress_options.iter().flatten() {
        exposure.services.push(around.driver_service(options));
        let format = options.ingress_url_format.as_deref().filter(|format| !format.is_empty());
        exposure.ingresses.extend(format.map(|format| around.driver_ingress(options, format)));
    }
    exposure
}

/// Tells a driver below which path its web UI is seen from outside, unless the manifest does.
pub fn add_proxy_base(
    conf: &mut SparkConf,
    application: &ValidatedApplication,
    submission: &Submission,
    policy: &ExposurePolicy,
) {
    let around = Around { application, submission, policy };
    let url = policy.ingress_url.as_deref().filter(|_| policy.ui_service).map(|format| around.url(format));
    if let Some(url) = url.filter(|url| !url.path.is_empty()) {
        conf.set_if_missing("spark.ui.proxyBase", url.path);
        conf.set_if_missing("spark.ui.proxyRedirectUri", "/");
    }
}

/// A URL, and the parts an Ingress needs.
struct Url {
    whole: String,
    host: String,
    path: String,
}

struct Around<'a> {
    application: &'a ValidatedApplication,
    submission: &'a Submission,
    policy: &'a ExposurePolicy,
}

impl Around<'_> {
    fn metadata(&self, name: String, labels: BTreeMap<String, String>) -> ObjectMeta {
        ObjectMeta {
            name: Some(name),
            namespace: Some(self.application.namespace.clone()),
            labels: Some(labels),
            owner_references: Some(vec![owner(self.application, true)]),
            ..ObjectMeta::default()
        }
    }

    fn labels(&self) -> BTreeMap<String, String> {
        BTreeMap::from([
            (labels::APP_NAME.to_owned(), self.application.name.clone()),
            (labels::SUBMISSION_ID.to_owned(), self.submission.id.clone()),
        ])
    }

    fn selector(&self) -> BTreeMap<String, String> {
        BTreeMap::from([
            (labels::APP_NAME.to_owned(), self.application.name.clone()),
            (labels::SPARK_ROLE.to_owned(), labels::ROLE_DRIVER.to_owned()),
        ])
    }

    fn budget(&self) -> Option<PodDisruptionBudget> {
        let wanted = self.application.spec.driver_pod_disruption_budget == Some(true);
        (self.policy.budgets && wanted).then(|| {
            let all = BTreeMap::from([
                (labels::LAUNCHED_BY_SPARK_OPERATOR.to_owned(), labels::TRUE.to_owned()),
                (labels::APP_NAME.to_owned(), self.application.name.clone()),
            ]);
            let selector = LabelSelector { match_labels: Some(self.selector()), ..LabelSelector::default() };
            PodDisruptionBudget {
                metadata: self.metadata(self.application.driver_pod.clone(), all),
                spec: Some(PodDisruptionBudgetSpec {
                    min_available: Some(IntOrString::Int(1)),
                    selector: Some(selector),
                    ..PodDisruptionBudgetSpec::default()
                }),
                status: None,
            }
        })
    }

    /// The Service of the web UI, and its port.
    fn ui_service(&self) -> (Service, i32) {
        let options = self.application.spec.spark_ui_options.as_ref();
        let target = self.application.conf.get_str("spark.ui.port").and_then(|port| port.trim().parse().ok());
        let target = target.unwrap_or(i32::from(ports::SPARK_UI));
        // As in Kubeflow the property counts only where there are no options at all.
        let port =
            options.map_or(target, |options| options.service_port.unwrap_or(i32::from(ports::SPARK_UI)));
        let name = options.and_then(|options| options.service_port_name.as_deref()).unwrap_or(UI_PORT_NAME);
        let options = options.cloned().unwrap_or_default();
        let service = self.service(
            names::ui_service_name(&self.application.name),
            (name, port, target),
            options.service_type.as_deref(),
            options.service_labels,
            options.service_annotations,
        );
        (service, port)
    }

    fn driver_service(&self, options: &DriverIngressConfiguration) -> Service {
        let port = options.service_port;
        self.service(
            names::driver_port_service_name(&self.application.name, port),
            (&options.service_port_name, port, port),
            options.service_type.as_deref(),
            options.service_labels.clone(),
            options.service_annotations.clone(),
        )
    }

    fn driver_ingress(&self, options: &DriverIngressConfiguration, format: &str) -> Ingress {
        let name = &self.application.name;
        let backend =
            backend(&names::driver_port_service_name(name, options.service_port), options.service_port);
        self.ingress(
            names::driver_port_ingress_name(name, options.service_port),
            &self.url(format),
            backend,
            options.ingress_annotations.clone(),
            options.ingress_tls.clone(),
        )
    }

    fn service(
        &self,
        name: String,
        (port_name, port, target): (&str, i32, i32),
        kind: Option<&str>,
        labels: Option<BTreeMap<String, String>>,
        annotations: Option<BTreeMap<String, String>>,
    ) -> Service {
        // Labels of the user take the place of those of the operator, but for one.
        let mut all = labels.filter(|labels| !labels.is_empty()).unwrap_or_else(|| self.labels());
        all.insert(labels::CREATED_BY_SPARK_OPERATOR.to_owned(), labels::TRUE.to_owned());
        let mut metadata = self.metadata(name, all);
        metadata.annotations = annotations.filter(|annotations| !annotations.is_empty());
        let port = ServicePort {
            name: Some(port_name.to_owned()),
            port,
            target_port: Some(IntOrString::Int(target)),
            ..ServicePort::default()
        };
        let spec = ServiceSpec {
            ports: Some(vec![port]),
            selector: Some(self.selector()),
            type_: Some(kind.unwrap_or("ClusterIP").to_owned()),
            ..ServiceSpec::default()
        };
        Service { metadata, spec: Some(spec), status: None }
    }

    fn ingress(
        &self,
        name: String,
        url: &Url,
        backend: IngressBackend,
        annotations: Option<BTreeMap<String, String>>,
        tls: Option<Vec<IngressTLS>>,
    ) -> Ingress {
        let mut annotations = annotations
            .filter(|annotations| !annotations.is_empty())
            .unwrap_or_else(|| self.policy.ingress_annotations.clone());
        let mut path = url.path.clone();
        if !matches!(path.as_str(), "" | "/") {
            path.push_str("(/|$)(.*)");
            annotations.insert(REWRITE_TARGET.to_owned(), "/$2".to_owned());
        }
        let tls = tls.filter(|tls| !tls.is_empty()).unwrap_or_else(|| self.policy.ingress_tls.clone());
        let mut metadata = self.metadata(name, self.labels());
        metadata.annotations = (!annotations.is_empty()).then_some(annotations);
        let path = HTTPIngressPath {
            backend,
            path: (!path.is_empty()).then_some(path),
            path_type: "ImplementationSpecific".to_owned(),
        };
        let rule = IngressRule {
            host: Some(url.host.clone()),
            http: Some(HTTPIngressRuleValue { paths: vec![path] }),
        };
        let spec = IngressSpec {
            ingress_class_name: self.policy.ingress_class.clone(),
            rules: Some(vec![rule]),
            tls: (!tls.is_empty()).then_some(tls),
            ..IngressSpec::default()
        };
        Ingress { metadata, spec: Some(spec), status: None }
    }

    /// The URL of this format for this submission; without a scheme it is one of HTTP.
    fn url(&self, format: &str) -> Url {
        let id = names::application_id(&self.submission.id);
        let filled = filled_in(
            format,
            &[
                ("$appName", &self.application.name),
                ("$appNamespace", &self.application.namespace),
                ("$appId", &id),
            ],
        );
        let whole = if filled.contains("://") { filled } else { format!("http://{filled}") };
        let rest = whole.split_once("://").map_or(whole.as_str(), |(_, rest)| rest);
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (host, rest) = rest.split_at(end);
        let path = &rest[..rest.find(['?', '#']).unwrap_or(rest.len())];
        Url { host: host.to_owned(), path: path.to_owned(), whole }
    }
}

/// The text with `{{name}}` replaced, whatever blanks stand before the name or behind it.
fn filled_in(format: &str, values: &[(&str, &str)]) -> String {
    let mut text = String::with_capacity(format.len());
    let mut rest = format;
    while let Some((before, behind)) = rest.split_once("{{") {
        text.push_str(before);
        let found = behind.split_once("}}").and_then(|(name, behind)| {
            let value = values.iter().find(|(known, _)| *known == name.trim())?;
            Some((value.1, behind))
        });
        if let Some((value, behind)) = found {
            text.push_str(value);
            rest = behind;
        } else {
            text.push_str("{{");
            rest = behind;
        }
    }
    text + rest
}

fn backend(service: &str, port: i32) -> IngressBackend {
    let port = ServiceBackendPort { number: Some(port), name: None };
    IngressBackend {
        service: Some(IngressServiceBackend { name: service.to_owned(), port: Some(port) }),
        resource: None,
    }
}

#[cfg(test)]
mod tests;
