//! The keys of Spark SQL with their defaults, as Spark 4.1.1 answers them; recorded by
//! `spark/tests/record_conf.py`.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::error::{Result, SparkError};

/// What Spark knows about a key of its SQL configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SqlKey {
    /// Its value where none is set.
    pub default: Option<&'static str>,
    /// Whether it is fixed once the application has started.
    pub is_static: bool,
    /// The key whose value counts where this one has none.
    pub fallback: Option<&'static str>,
    /// Type of its values, in Spark's words.
    kind: &'static str,
}

/// Where Cerium answers otherwise than Spark, and why.
const OWN: &[(&str, &str)] = &[
    // Clients would pack plans, which costs more than it saves beside the driver.
    ("spark.connect.session.planCompression.threshold", "-1"),
    ("spark.connect.session.planCompression.defaultAlgorithm", "NONE"),
    // Client 4.2 reads it as a number, and Spark 4.1.1 answers with a unit.
    ("spark.sql.session.localRelationSizeLimit", "3221225472"),
    // There is no JVM to have stack traces.
    ("spark.sql.connect.serverStacktrace.enabled", "false"),
    ("spark.sql.pyspark.jvmStacktrace.enabled", "false"),
    // Clients would send the place of every expression in the program.
    ("spark.python.sql.dataFrameDebugging.enabled", "false"),
];

static KEYS: LazyLock<HashMap<&'static str, SqlKey>> = LazyLock::new(|| {
    let mut keys: HashMap<_, _> = include_str!("defaults.tsv").lines().filter_map(parse).collect();
    for (name, default) in OWN {
        let known = keys.entry(name).or_insert(SqlKey {
            default: None,
            is_static: false,
            fallback: None,
            kind: "string",
        });
        known.default = Some(default);
    }
    keys
});

fn parse(line: &'static str) -> Option<(&'static str, SqlKey)> {
    let mut columns = line.split('\t');
    let (name, default, fixed, kind) = (columns.next()?, columns.next()?, columns.next()?, columns.next()?);
    let default = (!default.is_empty()).then_some(default);
    let fallback = columns.next().filter(|key| !key.is_empty());
    Some((name, SqlKey { default, is_static: fixed == "s", fallback, kind }))
}

/// What Spark knows about a key; nothing where it does not know it.
pub fn sql_key(name: &str) -> Option<SqlKey> {
    KEYS.get(name).copied()
}

impl SqlKey {
    /// Refuses a value that is not of the key's type or beyond its limits.
    pub fn check(&self, name: &str, value: &str) -> Result<()> {
        let text = value.trim();
        let fits = match self.kind {
            "boolean" => text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false"),
            "int" => text.parse::<i32>().is_ok(),
            "long" => text.parse::<i64>().is_ok(),
            "double" => text.parse::<f64>().is_ok(),
            _ => true,
        };
        if fits {
            return super::limits::check(name, value);
        }
        let kind = self.kind;
        Err(SparkError::new(
            "INVALID_CONF_VALUE.TYPE_MISMATCH",
            "22022",
            format!(
                "The value '{value}' in the config \"{name}\" is invalid. It should be a/an '{kind}' value."
            ),
        )
        .with_param("confName", name)
        .with_param("confValue", value)
        .with_param("confType", kind))
    }
}

/// The error for a key that has neither value nor default.
pub fn conf_not_found(name: &str) -> SparkError {
    let quoted = format!("\"{name}\"");
    SparkError::new(
        "SQL_CONF_NOT_FOUND",
        "42K0I",
        format!("The SQL config {quoted} cannot be found. Please verify that the config exists."),
    )
    .with_param("sqlConf", quoted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_those_of_spark_where_nothing_speaks_against_it() {
        let default = |name| sql_key(name).unwrap().default;
        assert_eq!(default("spark.sql.shuffle.partitions"), Some("200"));
        assert_eq!(default("spark.sql.execution.arrow.maxRecordsPerBatch"), Some("10000"));
        assert_eq!(default("spark.sql.session.localRelationCacheThreshold"), Some("1048576"));
        assert_eq!(default("spark.sql.session.localRelationSizeLimit"), Some("3221225472"));
        assert_eq!(default("spark.connect.session.planCompression.threshold"), Some("-1"));
        assert_eq!(default("spark.sql.optimizer.excludedRules"), None);
        assert_eq!(sql_key("spark.sql.nope"), None);
        let fallback = sql_key("spark.sql.execution.arrow.pyspark.enabled").unwrap().fallback;
        assert_eq!(fallback, Some("spark.sql.execution.arrow.enabled"));
        assert!(sql_key("spark.sql.warehouse.dir").unwrap().is_static);
        assert!(KEYS.len() > 700, "{}", KEYS.len());
    }

    #[test]
    fn values_of_another_type_are_refused() {
        let check = |name: &str, value: &str| sql_key(name).unwrap().check(name, value);
        assert!(check("spark.sql.shuffle.partitions", "7").is_ok());
        assert_eq!(
            check("spark.sql.shuffle.partitions", "many").unwrap_err().to_string(),
            "[INVALID_CONF_VALUE.TYPE_MISMATCH] The value 'many' in the config \"spark.sql.shuffle.partitions\" is invalid. It should be a/an 'int' value. SQLSTATE: 22022"
        );
    }
}
