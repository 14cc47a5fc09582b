//! Keys of Spark and of Hadoop that are accepted and have no effect on Cerium's own engine: whole families of them,
//! each with the reason.

use super::GROUPS;

/// What it means that a key has no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nature {
    /// Something is less protected than the manifest asks for.
    Protection,
    /// Something is asked for that there is not; `false` asks for nothing.
    Feature,
    /// There is nothing it could change.
    Means,
}

/// Keys without effect that share the reason.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// What it means.
    pub nature: Nature,
    /// The keys; one that ends in a dot stands for all that start so.
    pub keys: &'static [&'static str],
    /// Why they have no effect.
    pub reason: &'static str,
}

impl Family {
    /// Whether a user who sets a key of it to this value misses something.
    pub fn matters(&self, value: &str) -> bool {
        self.nature == Nature::Means || !value.trim().eq_ignore_ascii_case("false")
    }
}

const fn protection(reason: &'static str, keys: &'static [&'static str]) -> Family {
    Family { nature: Nature::Protection, keys, reason }
}

const fn feature(reason: &'static str, keys: &'static [&'static str]) -> Family {
    Family { nature: Nature::Feature, keys, reason }
}

const fn means(reason: &'static str, keys: &'static [&'static str]) -> Family {
    Family { nature: Nature::Means, keys, reason }
}

/// All of them. Of several patterns that fit a key the longest counts, and a key that is declared counts as the
/// longest: `spark.shuffle.` says nothing of `spark.shuffle.compress`.
pub const IGNORED: &[Family] = &[
    protection(
        "nothing authenticates or encrypts what driver and executors send each other, nor what clients of Spark \
         Connect send; keep others off by a NetworkPolicy or a service mesh",
        &[
            "spark.authenticate",
            "spark.authenticate.",
            "spark.network.crypto.",
            "spark.network.sasl.",
            "spark.ssl.",
            "spark.connect.authenticate.",
            "spark.connect.grpc.interceptor.classes",
        ],
    ),
    protection(
        "shuffle and spill files are not encrypted; use scratch volumes of an encrypted storage class",
        &["spark.io.encryption.", "spark.io.crypto."],
    ),
    protection(
        "the web UI is served without access control and without such headers; protect its Ingress",
        &[
            "spark.acls.enable",
            "spark.admin.acls",
            "spark.admin.acls.",
            "spark.modify.acls",
            "spark.modify.acls.",
            "spark.ui.acls.",
            "spark.ui.view.acls",
            "spark.ui.view.acls.",
            "spark.user.groups.mapping",
            "spark.ui.filters",
            "spark.ui.allowFramingFrom",
            "spark.ui.strictTransportSecurity",
            "spark.ui.xContentTypeOptions.",
            "spark.ui.xXssProtection",
        ],
    ),
    protection(
        "what is redacted is fixed: keys that contain secret, password, token or access key",
        &["spark.redaction.", "spark.sql.redaction."],
    ),
    protection(
        "Kerberos is not supported",
        &[
            "spark.kubernetes.kerberos.",
            "spark.kerberos.",
            "spark.security.credentials.",
            "spark.yarn.keytab",
            "spark.yarn.principal",
            "spark.hadoop.hadoop.security.",
            "spark.hadoop.hadoop.rpc.protection",
            "spark.hadoop.hadoop.kerberos.",
            "spark.hadoop.hadoop.proxyuser.",
        ],
    ),
    protection(
        "objects on S3 are encrypted as their bucket says, not as this asks; set the encryption of the bucket",
        &[
            "spark.hadoop.fs.s3a.encryption.",
            "spark.hadoop.fs.s3a.server-side-encryption",
            "spark.hadoop.fs.s3a.server-side-encryption-algorithm",
            "spark.hadoop.fs.s3a.server-side-encryption.",
        ],
    ),
    feature(
        "there is no JVM to load classes into",
        &[
            "spark.plugins",
            "spark.plugins.",
            "spark.extraListeners",
            "spark.sql.extensions",
            "spark.sql.queryExecutionListeners",
            "spark.sql.streaming.streamingQueryListeners",
            "spark.sql.sources.commitProtocolClass",
            "spark.sql.sources.outputCommitterClass",
            "spark.sql.parquet.output.committer.class",
            "spark.sql.cache.serializer",
            "spark.connect.extensions.",
            "spark.connect.ml.",
            "spark.shuffle.manager",
            "spark.shuffle.sort.io.plugin.class",
            "spark.resources.discoveryPlugin",
            "spark.kubernetes.driver.pod.featureSteps",
            "spark.kubernetes.executor.pod.featureSteps",
        ],
    ),
    feature(
        "tables of other catalogs (Delta, Iceberg, Hive) are not supported; Spark's own engine reads them \
         (spark.cerium.engine: spark)",
        &[
            "spark.sql.catalog.",
            "spark.sql.catalogImplementation",
            "spark.sql.defaultCatalog",
            "spark.sql.hive.",
            "spark.hadoop.hive.",
            "spark.hadoop.javax.jdo.",
            "spark.hadoop.datanucleus.",
        ],
    ),
    feature(
        "no event log is written; the UI and the metrics tell of the application while it runs",
        &["spark.eventLog.", "spark.history.", "spark.driver.log."],
    ),
    feature("no second attempt of a slow task is started", &["spark.speculation", "spark.speculation."]),
    feature(
        "no executor or node is excluded; one that fails is replaced",
        &["spark.excludeOnFailure.", "spark.blacklist."],
    ),
    feature(
        "an executor that has to go finishes its tasks first; its blocks are not moved",
        &["spark.decommission.", "spark.executor.decommission.", "spark.storage.decommission."],
    ),
    feature("streaming is not supported", &["spark.streaming.", "spark.sql.streaming."]),
    feature(
        "resources are not dealt out to tasks; ask for GPUs by spec.driver.gpu and spec.executor.gpu",
        &["spark.driver.resource.", "spark.executor.resource.", "spark.task.resource."],
    ),
    feature(
        "local files, s3, s3a, http and https are read, and no other file systems",
        &[
            "spark.hadoop.dfs.",
            "spark.hadoop.ha.",
            "spark.hadoop.google.cloud.",
            "spark.hadoop.ozone.",
            "spark.hadoop.fs.defaultFS",
            "spark.hadoop.fs.default.name",
            "spark.hadoop.fs.gs.",
            "spark.hadoop.fs.AbstractFileSystem.",
            "spark.hadoop.fs.azure.",
            "spark.hadoop.fs.abfs.",
            "spark.hadoop.fs.abfss.",
            "spark.hadoop.fs.wasb.",
            "spark.hadoop.fs.wasbs.",
            "spark.hadoop.fs.adl.",
            "spark.hadoop.fs.oss.",
            "spark.hadoop.fs.cos.",
            "spark.hadoop.fs.cosn.",
            "spark.hadoop.fs.obs.",
            "spark.hadoop.fs.swift.",
            "spark.hadoop.fs.hdfs.",
            "spark.hadoop.fs.viewfs.",
            "spark.hadoop.fs.webhdfs.",
            "spark.hadoop.fs.ftp.",
            "spark.hadoop.fs.sftp.",
            "spark.hadoop.fs.ofs.",
            "spark.hadoop.fs.o3fs.",
        ],
    ),
    means(
        "the engine reads and writes files itself, with its own S3 client",
        &[
            "spark.hadoop.fs.s3a.",
            "spark.hadoop.fs.s3.",
            "spark.hadoop.fs.s3n.",
            "spark.hadoop.fs.file.",
            "spark.hadoop.io.",
            "spark.hadoop.mapred.",
            "spark.hadoop.mapreduce.",
            "spark.hadoop.parquet.",
            "spark.hadoop.orc.",
            "spark.hadoop.yarn.",
            "spark.hadoop.cloneConf",
            "spark.hadoop.validateOutputSpecs",
            "spark.files.",
        ],
    ),
    means(
        "there is no JVM",
        &[
            "spark.driver.extraJavaOptions",
            "spark.executor.extraJavaOptions",
            "spark.driver.defaultJavaOptions",
            "spark.executor.defaultJavaOptions",
            "spark.driver.extraClassPath",
            "spark.executor.extraClassPath",
            "spark.driver.extraLibraryPath",
            "spark.executor.extraLibraryPath",
            "spark.driver.userClassPathFirst",
            "spark.executor.userClassPathFirst",
            "spark.cleaner.",
            "spark.graphx.",
            "spark.r.",
            "spark.repl.",
        ],
    ),
    means("there is no JVM to load jar files into", &["spark.jars", "spark.jars."]),
    means(
        "tasks and rows are not serialised as Java objects",
        &[
            "spark.serializer",
            "spark.serializer.",
            "spark.closure.serializer",
            "spark.kryo.",
            "spark.kryoserializer.",
            "spark.rdd.compress",
        ],
    ),
    means("the engine has one way to shuffle", &["spark.shuffle.", "spark.reducer."]),
    means("executors serve their shuffle output themselves", &["spark.shuffle.service."]),
    means("the engine is compiled already", &["spark.sql.codegen."]),
    means(
        "the engine has its own way to plan queries",
        &[
            "spark.sql.adaptive.",
            "spark.sql.cbo.",
            "spark.sql.statistics.",
            "spark.sql.optimizer.",
            "spark.sql.join.",
            "spark.sql.broadcastTimeout",
            "spark.sql.bucketing.",
            "spark.sql.sources.bucketing.",
            "spark.sql.exchange.",
            "spark.sql.inMemoryColumnarStorage.",
            "spark.sql.limit.",
        ],
    ),
    means(
        "the engine does what Spark 4 does, and nothing of what older versions did",
        &["spark.sql.legacy."],
    ),
    means("of the Thrift server there is none", &["spark.sql.thriftServer.", "spark.sql.hive.thriftServer."]),
    means(
        "the engine looks after tasks, executors, connections and memory itself",
        &[
            "spark.scheduler.",
            "spark.locality.",
            "spark.stage.",
            "spark.barrier.",
            "spark.task.reaper.",
            "spark.rpc.",
            "spark.driver.rpc.",
            "spark.executor.rpc.",
            "spark.network.",
            "spark.blockManager.port",
            "spark.broadcast.",
            "spark.storage.",
            "spark.checkpoint.",
            "spark.io.compression.",
            "spark.memory.",
            "spark.dynamicAllocation.",
        ],
    ),
    means(
        "the engine's metrics are always the same",
        &[
            "spark.metrics.",
            "spark.executor.metrics.",
            "spark.executor.processTreeMetrics.",
            "spark.appStatusStore.",
            "spark.appStateStore.",
        ],
    ),
    means("the web UI is always the same", &["spark.ui.", "spark.sql.ui.", "spark.worker.ui."]),
    means(
        "the log goes to the output of the container, at spark.log.level",
        &["spark.logConf", "spark.log.", "spark.executor.logs."],
    ),
    means(
        "applications run on Kubernetes, with the driver in a pod",
        &[
            "spark.submit.deployMode",
            "spark.driver.supervise",
            "spark.cores.max",
            "spark.yarn.",
            "spark.mesos.",
            "spark.deploy.",
            "spark.standalone.",
            "spark.master.",
            "spark.worker.",
        ],
    ),
    means("the operator makes the driver pod and the template of the executor pods", &["spark.kubernetes."]),
];

/// What the engine reads without declaring it: rare settings of Spark SQL.
const READ: &[&str] = &[
    "spark.sql.adaptive.enabled",
    "spark.sql.adaptive.coalescePartitions.enabled",
    "spark.sql.legacy.allowNonEmptyLocationInCTAS",
    "spark.sql.legacy.execution.",
];

/// The family of a key without effect; nothing where it has one or nobody knows it.
pub fn ignored(key: &str) -> Option<&'static Family> {
    let fits = |pattern: &str| key == pattern || (pattern.ends_with('.') && key.starts_with(pattern));
    let length = |pattern: &str| fits(pattern).then_some(pattern.len());
    let declared = GROUPS
        .iter()
        .flat_map(|group| {
            let exact = group.keys.iter().map(|info| info.name).filter(|name| *name == key);
            exact.chain(group.prefixes.iter().map(|info| info.name))
        })
        .chain(READ.iter().copied())
        .filter_map(length)
        .max();
    let patterns =
        IGNORED.iter().flat_map(|family| family.keys.iter().map(move |pattern| (family, *pattern)));
    let (family, longest) = patterns
        .filter_map(|(family, pattern)| Some((family, length(pattern)?)))
        .max_by_key(|(_, length)| *length)?;
    declared.is_none_or(|declared| longest > declared).then_some(family)
}

/// Why a key has no effect; nothing where it has one or is not known.
pub fn ignored_reason(key: &str) -> Option<&'static str> {
    ignored(key).map(|family| family.reason)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn keys_without_effect_are_known_exactly_and_by_prefix() {
        assert_eq!(ignored_reason("spark.driver.extraJavaOptions"), Some("there is no JVM"));
        assert!(ignored_reason("spark.kryo.registrator").is_some());
        assert!(ignored_reason("spark.serializerish").is_none());
        assert!(ignored_reason("spark.executor.cores").is_none());
    }

    #[test]
    fn every_pattern_is_declared_once() {
        let mut seen = BTreeSet::new();
        for pattern in IGNORED.iter().flat_map(|family| family.keys) {
            assert!(seen.insert(pattern), "{pattern} is there twice");
        }
    }

    #[test]
    fn the_longest_pattern_counts_and_a_declared_key_before_all() {
        for key in [
            "spark.shuffle.compress",
            "spark.network.timeout",
            "spark.ui.port",
            "spark.io.compression.codec",
            "spark.kubernetes.driver.label.team",
            "spark.kubernetes.executor.volumes.emptyDir.a.mount.path",
            "spark.hadoop.fs.s3a.endpoint",
            "spark.hadoop.fs.s3a.bucket.logs.endpoint",
            "spark.sql.adaptive.enabled",
            "spark.sql.legacy.execution.pythonUDF.pandas.conversion.enabled",
        ] {
            assert!(ignored(key).is_none(), "{key}");
        }
        let reason = |key| ignored_reason(key).unwrap();
        assert_eq!(reason("spark.shuffle.file.buffer"), "the engine has one way to shuffle");
        assert!(reason("spark.shuffle.service.enabled").starts_with("executors serve"));
        assert!(reason("spark.ui.filters").starts_with("the web UI is served without access control"));
    }

    /// The groups of Spark's page on security.
    #[test]
    fn protection_that_is_missing_is_told_as_such() {
        for key in [
            "spark.authenticate",
            "spark.authenticate.secret",
            "spark.network.crypto.enabled",
            "spark.network.sasl.serverAlwaysEncrypt",
            "spark.io.encryption.enabled",
            "spark.io.encryption.keySizeBits",
            "spark.acls.enable",
            "spark.ui.view.acls",
            "spark.ssl.enabled",
            "spark.ssl.ui.keyStore",
            "spark.kerberos.keytab",
            "spark.redaction.regex",
            "spark.hadoop.hadoop.security.authentication",
            "spark.hadoop.fs.s3a.server-side-encryption-algorithm",
            "spark.connect.authenticate.token",
        ] {
            assert_eq!(ignored(key).map(|family| family.nature), Some(Nature::Protection), "{key}");
        }
    }

    #[test]
    fn what_is_switched_off_in_vain_misses_nothing() {
        let matters = |key: &str, value: &str| ignored(key).unwrap().matters(value);
        assert!(!matters("spark.authenticate", "false") && matters("spark.authenticate", "true"));
        assert!(!matters("spark.eventLog.enabled", "False") && matters("spark.eventLog.dir", "s3a://b/x"));
        assert!(matters("spark.shuffle.checksum.enabled", "false"));
    }

    #[test]
    fn keys_of_the_program_are_left_alone() {
        for key in ["spark.myjob.input", "spark.flights.day", "flights.input", "spark.hadoop.my.own"] {
            assert!(ignored(key).is_none(), "{key}");
        }
    }
}
