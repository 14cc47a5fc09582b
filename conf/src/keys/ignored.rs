//! Keys of Spark that are accepted and have no effect, since there is no JVM.

/// A key, or the start of several where it ends in a dot, and why it has no effect.
pub const IGNORED: &[(&str, &str)] = &[
    ("spark.driver.extraJavaOptions", JVM),
    ("spark.executor.extraJavaOptions", JVM),
    ("spark.driver.defaultJavaOptions", JVM),
    ("spark.executor.defaultJavaOptions", JVM),
    ("spark.driver.extraClassPath", JVM),
    ("spark.executor.extraClassPath", JVM),
    ("spark.driver.extraLibraryPath", JVM),
    ("spark.executor.extraLibraryPath", JVM),
    ("spark.driver.userClassPathFirst", JVM),
    ("spark.executor.userClassPathFirst", JVM),
    ("spark.jars", JARS),
    ("spark.jars.", JARS),
    ("spark.serializer", "tasks and rows are not serialised as Java objects"),
    ("spark.kryo.", "tasks and rows are not serialised as Java objects"),
    ("spark.kryoserializer.", "tasks and rows are not serialised as Java objects"),
    ("spark.rdd.compress", "tasks and rows are not serialised as Java objects"),
    ("spark.shuffle.manager", "the engine has one way to shuffle"),
    ("spark.shuffle.push.", "the engine has one way to shuffle"),
    ("spark.shuffle.service.", "executors serve their shuffle output themselves"),
    ("spark.sql.codegen.", "the engine is compiled already"),
    ("spark.kubernetes.kerberos.", "Kerberos is not supported"),
    ("spark.kerberos.", "Kerberos is not supported"),
];

const JVM: &str = "there is no JVM";
const JARS: &str = "there is no JVM to load jar files into";

/// Why a key has no effect; nothing where it has one or is not known.
pub fn ignored_reason(key: &str) -> Option<&'static str> {
    IGNORED
        .iter()
        .find(|(pattern, _)| if pattern.ends_with('.') { key.starts_with(pattern) } else { key == *pattern })
        .map(|(_, reason)| *reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_without_effect_are_known_exactly_and_by_prefix() {
        assert_eq!(ignored_reason("spark.driver.extraJavaOptions"), Some("there is no JVM"));
        assert!(ignored_reason("spark.kryo.registrator").is_some());
        assert!(ignored_reason("spark.serializerish").is_none());
        assert!(ignored_reason("spark.executor.cores").is_none());
    }
}
