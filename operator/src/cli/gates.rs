//! Kubeflow's feature gates: which there are, and which have an effect here. Pure.

/// The feature gates that were set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeatureGates {
    /// A change of where executors are placed does not restart an application.
    pub partial_restart: bool,
    /// Gates that were turned on and have no effect.
    pub without_effect: Vec<&'static str>,
}

/// Gates whose features either are always on or have no meaning without a JVM, by the name they are told.
const INERT: [(&str, &str); 3] = [
    ("LoadSparkDefaults", "feature-gates=LoadSparkDefaults"),
    ("RestSubmitter", "feature-gates=RestSubmitter"),
    // Its flag alone decides.
    ("DefaultTimeToLive", ""),
];

impl FeatureGates {
    /// Reads a comma-separated list of `Name=true` and `Name=false`.
    pub fn parse(text: &str) -> Result<FeatureGates, String> {
        let mut gates = FeatureGates::default();
        let text = text.trim_matches('"');
        for gate in text.split(',').map(str::trim).filter(|gate| !gate.is_empty()) {
            let (name, value) =
                gate.split_once('=').ok_or_else(|| format!("missing bool value for {gate}"))?;
            let on = match value.trim() {
                "true" | "True" | "TRUE" | "t" | "T" | "1" => true,
                "false" | "False" | "FALSE" | "f" | "F" | "0" => false,
                _ => return Err(format!("invalid value of {gate}, expected true or false")),
            };
            match name.trim() {
                "PartialRestart" | "AllAlpha" => gates.partial_restart = on,
                "AllBeta" => {}
                name => match INERT.iter().find(|(known, _)| *known == name) {
                    Some((_, told)) if on && !told.is_empty() => gates.without_effect.push(told),
                    Some(_) => {}
                    None => return Err(format!("unrecognized feature gate: {name}")),
                },
            }
        }
        Ok(gates)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gates_are_read_as_kubeflows() {
        assert_eq!(FeatureGates::parse(""), Ok(FeatureGates::default()));
        let gates = FeatureGates::parse("PartialRestart=true, RestSubmitter=true,DefaultTimeToLive=true");
        let gates = gates.unwrap();
        assert!(gates.partial_restart);
        assert_eq!(gates.without_effect, ["feature-gates=RestSubmitter"]);
        assert!(!FeatureGates::parse("PartialRestart=false").unwrap().partial_restart);
        let cases = [
            ("PartialRestart", "missing bool value for PartialRestart"),
            ("PartialRestart=maybe", "invalid value of PartialRestart=maybe, expected true or false"),
            ("Teleport=true", "unrecognized feature gate: Teleport"),
        ];
        for (text, error) in cases {
            assert_eq!(FeatureGates::parse(text), Err(error.to_owned()));
        }
    }
}
