//! Flags about what stands around driver pods: Services, Ingresses and PodDisruptionBudgets.

use std::collections::BTreeMap;

use clap::{ArgAction, Args};
use k8s_openapi::api::networking::v1::IngressTLS;
use serde::de::DeserializeOwned;

use crate::build::ExposurePolicy;

/// Flags about what stands around driver pods.
#[derive(Debug, Args)]
pub struct ExposureFlags {
    /// Make a Service for the web UI of every driver.
    #[arg(long, env = "CERIUM_ENABLE_UI_SERVICE", action = ArgAction::Set, num_args = 0..=1, default_value_t = true, default_missing_value = "true")]
    enable_ui_service: bool,

    /// URL of the Ingress of the web UI, such as {{$appName}}.ui.example.org; {{$appName}},
    /// {{$appNamespace}} and {{$appId}} are filled in. None: no Ingress.
    #[arg(long, env = "CERIUM_INGRESS_URL_FORMAT", default_value = "")]
    ingress_url_format: String,

    /// Class of the Ingresses.
    #[arg(long, env = "CERIUM_INGRESS_CLASS_NAME", default_value = "")]
    ingress_class_name: String,

    /// TLS settings of Ingresses whose application has none: a JSON list of {"hosts": [], "secretName": ""}.
    #[arg(long, env = "CERIUM_INGRESS_TLS", default_value = "", value_parser = Json::<Vec<IngressTLS>>::parse)]
    ingress_tls: Json<Vec<IngressTLS>>,

    /// Annotations of Ingresses whose application has none: a JSON object.
    #[arg(long, env = "CERIUM_INGRESS_ANNOTATIONS", default_value = "", value_parser = Json::<BTreeMap<String, String>>::parse)]
    ingress_annotations: Json<BTreeMap<String, String>>,

    /// Make a PodDisruptionBudget for drivers whose application asks for one.
    #[arg(long, env = "CERIUM_ENABLE_DRIVER_PDB", action = ArgAction::Set, num_args = 0..=1, default_value_t = false, default_missing_value = "true")]
    enable_driver_pdb: bool,
}

/// A flag in JSON; an empty one is the default.
#[derive(Clone, Debug)]
struct Json<T>(T);

impl<T: DeserializeOwned + Default> Json<T> {
    fn parse(text: &str) -> Result<Self, String> {
        // Quoted twice by charts that render it into YAML.
        let text = text.trim();
        if matches!(text, "" | "\"\"") {
            return Ok(Json(T::default()));
        }
        serde_json::from_str(text).map(Json).map_err(|error| format!("not the JSON expected: {error}"))
    }
}

impl ExposureFlags {
    /// The settings of these flags.
    pub fn into_policy(self) -> ExposurePolicy {
        // Without `..`: a flag that is not wired up does not compile.
        let ExposureFlags {
            enable_ui_service,
            ingress_url_format,
            ingress_class_name,
            ingress_tls,
            ingress_annotations,
            enable_driver_pdb,
        } = self;
        let unless_empty = |text: String| (!text.is_empty()).then_some(text);
        ExposurePolicy {
            ui_service: enable_ui_service,
            ingress_url: unless_empty(ingress_url_format),
            ingress_class: unless_empty(ingress_class_name),
            ingress_tls: ingress_tls.0,
            ingress_annotations: ingress_annotations.0,
            budgets: enable_driver_pdb,
        }
    }
}
