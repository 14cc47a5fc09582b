//! Entries of a container's environment. Pure.

use k8s_openapi::api::core::v1::{EnvVar, EnvVarSource, ObjectFieldSelector, SecretKeySelector};

/// A variable with this value.
pub fn value(name: &str, value: &str) -> EnvVar {
    EnvVar { name: name.to_owned(), value: Some(value.to_owned()), value_from: None }
}

/// A variable with the value of a field of the pod.
pub fn field(name: &str, path: &str) -> EnvVar {
    let selector = ObjectFieldSelector { api_version: Some("v1".to_owned()), field_path: path.to_owned() };
    let source = EnvVarSource { field_ref: Some(selector), ..EnvVarSource::default() };
    EnvVar { name: name.to_owned(), value: None, value_from: Some(source) }
}

/// A variable with the value of a key of a secret.
pub fn secret(name: &str, secret: &str, key: &str) -> EnvVar {
    let selector =
        SecretKeySelector { name: secret.to_owned(), key: key.to_owned(), ..SecretKeySelector::default() };
    let source = EnvVarSource { secret_key_ref: Some(selector), ..EnvVarSource::default() };
    EnvVar { name: name.to_owned(), value: None, value_from: Some(source) }
}

/// One entry for each name, the last one, in the order of the last ones: it may refer to those before it.
pub fn last_of_each(all: Vec<EnvVar>) -> Vec<EnvVar> {
    let mut kept: Vec<EnvVar> = Vec::with_capacity(all.len());
    for variable in all {
        kept.retain(|other| other.name != variable.name);
        kept.push(variable);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_set_twice_has_its_last_value() {
        let all = vec![value("A", "1"), value("B", "$(A)"), value("A", "2")];
        let kept: Vec<_> = last_of_each(all).into_iter().map(|v| (v.name, v.value.unwrap())).collect();
        assert_eq!(kept, [("B".to_owned(), "$(A)".to_owned()), ("A".to_owned(), "2".to_owned())]);
    }
}
