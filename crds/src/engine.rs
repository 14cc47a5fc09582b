//! What runs an application: Cerium's own engine, or the Apache Spark inside the user's image. The one
//! place where that is chosen. Pure.

use cerium_conf::{Key, keys};

use crate::application::{ApplicationType, SparkApplicationSpec};

/// What runs an application.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// Cerium's own engine.
    #[default]
    Native,
    /// The Apache Spark inside the user's image.
    Spark,
}

impl Engine {
    /// The engine of this name: `native` or `spark`.
    pub fn parse(name: &str) -> Option<Engine> {
        match name {
            "native" => Some(Engine::Native),
            "spark" => Some(Engine::Spark),
            _ => None,
        }
    }

    /// What runs this application: what the property `spark.cerium.engine` says, else the engine that runs
    /// programs of its type, else `default`.
    ///
    /// # Errors
    /// What is wrong with the property, where it asks for an engine that cannot run the program.
    pub(crate) fn of(spec: &SparkApplicationSpec, default: Engine) -> Result<Engine, String> {
        let wish = spec.spark_conf.as_ref().and_then(|conf| conf.get(keys::CERIUM_ENGINE.name()));
        let Some(wish) = wish else {
            return Ok(match spec.application_type {
                ApplicationType::Java | ApplicationType::Scala | ApplicationType::R => Engine::Spark,
                ApplicationType::Sql => Engine::Native,
                ApplicationType::Python => default,
            });
        };
        let kind = spec.application_type;
        match (Engine::parse(wish), kind) {
            (None, _) => Err("expected native or spark".to_owned()),
            (Some(Engine::Native), ApplicationType::Java | ApplicationType::Scala | ApplicationType::R) => {
                Err(format!(
                    "a program of type {} needs a JVM, which the native engine has none of; leave the key out",
                    kind.as_str()
                ))
            }
            (Some(Engine::Spark), ApplicationType::Sql) => Err(
                "Apache Spark has no programs of type SQL; leave the key out, or wrap the statements in a \
                 Python program"
                    .to_owned(),
            ),
            (Some(engine), _) => Ok(engine),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::spec;

    #[test]
    fn the_property_chooses_then_the_type_then_the_default() {
        let of = |manifest: &str, default| Engine::of(&spec(manifest), default);
        for default in [Engine::Native, Engine::Spark] {
            for (manifest, engine) in [
                ("{type: Java}", Engine::Spark),
                ("{type: Scala}", Engine::Spark),
                ("{type: R}", Engine::Spark),
                ("{type: SQL}", Engine::Native),
                ("{type: Python}", default),
                ("{type: Python, sparkConf: {spark.cerium.engine: spark}}", Engine::Spark),
                ("{type: Python, sparkConf: {spark.cerium.engine: native}}", Engine::Native),
            ] {
                assert_eq!(of(manifest, default), Ok(engine), "{manifest}");
            }
            for manifest in [
                "{type: SQL, sparkConf: {spark.cerium.engine: spark}}",
                "{type: R, sparkConf: {spark.cerium.engine: native}}",
                "{type: Python, sparkConf: {spark.cerium.engine: Flink}}",
            ] {
                assert!(of(manifest, default).is_err(), "{manifest}");
            }
        }
    }
}
