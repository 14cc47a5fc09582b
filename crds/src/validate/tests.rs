use super::*;
use crate::fixtures::application;
use crate::plan::{Image, Language, Run, SparkProgram};

/// What is wrong with the small application under this overlay.
fn problems(overlay: &str) -> Vec<String> {
    match validate(&application(overlay)) {
        Ok(_) => Vec::new(),
        Err(Invalid(errors)) => errors.iter().map(ToString::to_string).collect(),
    }
}

fn valid(overlay: &str) -> ValidatedApplication {
    validate(&application(overlay)).unwrap()
}

#[test]
fn the_smallest_application_is_resolved_with_sparks_sizes() {
    let app = valid("{}");
    assert_eq!((app.name.as_str(), app.namespace.as_str(), app.uid.as_str()), ("flights", "default", "6f0e"));
    assert_eq!(app.driver_pod, "flights-driver");
    assert_eq!((app.executor_cores, app.executor_memory_mib), (1, 1024));
    // 1024 + 384
    assert_eq!(app.driver.resources.memory_mib, 1408);
    assert_eq!(app.executor.resources.memory_mib, 1408);
    assert_eq!(app.driver.resources.cpu_request.0, "1");
    assert_eq!(app.driver.image, Image::Runtime);
    assert_eq!(app.ignored, Vec::<String>::new());
}

/// Overlay, and what the one error must begin with.
const BAD: &[(&str, &str)] = &[
    ("driver: {memory: 1.5g}", "spec.driver.memory: \"1.5g\" is not valid: fractional sizes"),
    (
        "driver: {memory: lots}",
        "spec.driver.memory: \"lots\" is not valid: expected a whole number and a unit",
    ),
    ("executor: {memory: 0m}", "spec.executor.memory: \"0m\" is not valid: must be at least 1 MiB"),
    (
        "executor: {memoryOverhead: '-1'}",
        "spec.executor.memoryOverhead: \"-1\" is not valid: must not be negative",
    ),
    (
        "driver: {memoryLimit: 1g}",
        "spec.driver.memoryLimit: \"1g\" is not valid: must not be below the memory request, which is 1408m",
    ),
    (
        "driver: {memoryLimit: 2Gx}",
        "spec.driver.memoryLimit: \"2Gx\" is not valid: expected a size such as 2g, or a Kubernetes quantity",
    ),
    ("sparkConf: {spark.executor.memory: 2x}", "spec.sparkConf[spark.executor.memory]: \"2x\" is not valid"),
    (
        "memoryOverheadFactor: much",
        "spec.memoryOverheadFactor: \"much\" is not valid: expected a number above 0",
    ),
    ("driver: {cores: 0}", "spec.driver.cores: \"0\" is not valid: expected a whole number from 1"),
    ("executor: {cores: -1}", "spec.executor.cores: \"-1\" is not valid: expected a whole number from 1"),
    (
        "sparkConf: {spark.executor.cores: many}",
        "spec.sparkConf[spark.executor.cores]: \"many\" is not valid",
    ),
    (
        "driver: {coreRequest: half}",
        "spec.driver.coreRequest: \"half\" is not valid: expected a Kubernetes quantity",
    ),
    (
        "executor: {coreLimit: 1 core}",
        "spec.executor.coreLimit: \"1 core\" is not valid: expected a Kubernetes quantity",
    ),
    (
        "executor: {cores: 2, coreLimit: 1500m}",
        "spec.executor.coreLimit: \"1500m\" is not valid: must not be below the CPU request, which is 2",
    ),
    (
        "executor: {instances: -2}",
        "spec.executor.instances: \"-2\" is not valid: expected a whole number from 0",
    ),
    ("executor: {instances: 0}", "spec.executor.instances: \"0\" is not valid: at least 1 executor"),
    (
        "dynamicAllocation: {enabled: true, minExecutors: 5, maxExecutors: 2}",
        "spec.dynamicAllocation.minExecutors: \"5\" is not valid: must not be larger than maxExecutors, which is 2",
    ),
    (
        "dynamicAllocation: {enabled: true, minExecutors: -1}",
        "spec.dynamicAllocation.minExecutors: \"-1\" is not valid: expected a whole number from 0",
    ),
    (
        "dynamicAllocation: {enabled: false, maxExecutors: -1}",
        "spec.dynamicAllocation.maxExecutors: \"-1\" is not valid: must not be negative",
    ),
    (
        "dynamicAllocation: {enabled: true, initialExecutors: 9, maxExecutors: 4}",
        "spec.dynamicAllocation.initialExecutors: \"9\" is not valid: must lie between",
    ),
    (
        "dynamicAllocation: {enabled: true, initialExecutors: 1, minExecutors: 2}",
        "spec.dynamicAllocation.initialExecutors: \"1\" is not valid: must be at least minExecutors, which is 2",
    ),
    (
        "sparkConf: {spark.dynamicAllocation.executorIdleTimeout: 1.5s}",
        "spec.sparkConf[spark.dynamicAllocation.executorIdleTimeout]: \"1.5s\" is not valid: fractional durations",
    ),
    (
        "sparkConf: {spark.driver.maxResultSize: big}",
        "spec.sparkConf[spark.driver.maxResultSize]: \"big\" is not valid",
    ),
    (
        "{type: Scala, image: a, mainApplicationFile: 'local:///a.jar'}",
        "spec.mainClass: is missing: name the class",
    ),
    (
        "{type: Java, mainClass: A, mainApplicationFile: 'local:///a.jar', executor: {image: a}}",
        "spec.image: is missing: this program of type Java runs on the Apache Spark of the image it names",
    ),
    (
        "{type: R, image: a, mainApplicationFile: 'file:///a.R'}",
        "spec.mainApplicationFile: \"file:///a.R\" is not valid: there is no such file where",
    ),
    (
        "
        sparkConf: {spark.kubernetes.executor.volumes.persistentVolumeClaim.a.mount.path: /a,
          spark.kubernetes.executor.volumes.persistentVolumeClaim.a.options.claimName: OnDemand}
        ",
        "spec.sparkConf[spark.kubernetes.executor.volumes.persistentVolumeClaim.a.options.sizeLimit]: is missing",
    ),
    (
        "{type: Java, sparkConf: {spark.cerium.engine: native}, mainApplicationFile: 'local:///a.py'}",
        "spec.sparkConf[spark.cerium.engine]: \"native\" is not valid: a program of type Java needs a JVM",
    ),
    ("mode: client", "spec.mode: \"client\" is not valid"),
    ("mainApplicationFile: ''", "spec.mainApplicationFile: \"\" is not valid: name the program"),
    (
        "mainApplicationFile: hdfs://nn/a.sql",
        "spec.mainApplicationFile: \"hdfs://nn/a.sql\" is not valid: programs are not read by hdfs",
    ),
    (
        "mainApplicationFile: local:///a.py",
        "spec.mainApplicationFile: \"local:///a.py\" is not valid: the program of an application of type SQL is a .sql file",
    ),
    (
        "{type: Python, mainApplicationFile: 's3a://b/a.jar'}",
        "spec.mainApplicationFile: \"s3a://b/a.jar\" is not valid",
    ),
    (
        "sparkConf: {spark.kubernetes.container.image: x}",
        "spec.sparkConf: sparkConf key \"spark.kubernetes.container.image\" is not allowed: use the image field on the CRD instead",
    ),
    ("sparkConf: {spark.master: local}", "spec.sparkConf: sparkConf key \"spark.master\" is not allowed"),
    (
        "sparkConf: {spark.kubernetes.namespace: other}",
        "spec.sparkConf: sparkConf key \"spark.kubernetes.namespace\" is not allowed",
    ),
    (
        "{nodeSelector: {a: b}, executor: {nodeSelector: {a: b}}}",
        "spec.nodeSelector: node selector cannot be defined at both SparkApplication and Driver/Executor",
    ),
    ("driver: {podName: Big_Name}", "spec.driver.podName: \"Big_Name\" is not valid"),
    (
        "sparkConf: {spark.kubernetes.executor.podNamePrefix: Big_Name}",
        "spec.sparkConf[spark.kubernetes.executor.podNamePrefix]: \"Big_Name\" is not valid",
    ),
    (
        "imagePullPolicy: Sometimes",
        "spec.imagePullPolicy: \"Sometimes\" is not valid: expected Always, IfNotPresent or Never",
    ),
    (
        "sparkConf: {spark.cerium.engine: spark}",
        "spec.sparkConf[spark.cerium.engine]: \"spark\" is not valid: Apache Spark has no programs of type SQL",
    ),
    ("sparkVersion: ''", "spec.sparkVersion: \"\" is not valid: expected a version of Spark"),
    (
        "{sparkVersion: 2.4.5, driver: {template: {}}}",
        "spec.sparkVersion: \"2.4.5\" is not valid: pod template feature requires Spark version 3.0.0 or higher",
    ),
    ("driver: {template: {spec: {containers: none}}}", "spec.driver.template: is not a pod template: "),
    ("driver: {labels: {team: 'a b'}}", "spec.driver.labels[team]: \"a b\" is not valid: a label has"),
    ("driver: {annotations: {'a b': c}}", "spec.driver.annotations[a b]: \"c\" is not valid"),
    (
        "driver: {configMaps: [{name: c, path: relative}]}",
        "spec.driver.configMaps[0].path: \"relative\" is not valid: expected an absolute path",
    ),
    (
        "{volumes: [{name: spark-local-dir-1, configMap: {name: c}}], driver: {volumeMounts: [{name: spark-local-dir-1, mountPath: /x}]}}",
        "spec.driver.volumeMounts[0].name: \"spark-local-dir-1\" is not valid: unsupported volume type",
    ),
    (
        "sparkConf: {spark.kubernetes.driver.volumes.csi.v.mount.path: /x}",
        "spec.sparkConf[spark.kubernetes.driver.volumes.csi.v.mount.path]: unsupported volume type \"csi\"",
    ),
    (
        "sparkConf: {spark.kubernetes.driver.volumes.hostPath.v.mount.path: /x}",
        "spec.sparkConf[spark.kubernetes.driver.volumes.hostPath.v.options.path]: is missing",
    ),
    (
        "sparkConf: {spark.kubernetes.executor.secretKeyRef.KEY: secret}",
        "spec.sparkConf[spark.kubernetes.executor.secretKeyRef.KEY]: \"secret\" is not valid: expected <secret>:<key>",
    ),
    (
        "driver: {ports: [{name: p, protocol: TCP, containerPort: 70000}]}",
        "spec.driver.ports[0].containerPort: \"70000\" is not valid",
    ),
    (
        "driver: {ports: [{name: p, protocol: HTTP, containerPort: 80}]}",
        "spec.driver.ports[0].protocol: \"HTTP\" is not valid",
    ),
    ("driver: {gpu: {name: nvidia.com/gpu, quantity: -1}}", "spec.driver.gpu.quantity: \"-1\" is not valid"),
    (
        "driverIngressOptions: [{servicePort: 80, servicePortName: a}]",
        "spec.driverIngressOptions[0].ingressURLFormat: \"\" is not valid: DriverIngressOptions has empty IngressURLFormat",
    ),
    (
        "driverIngressOptions: [{servicePort: 80, servicePortName: a, ingressURLFormat: x}, {servicePort: 80, servicePortName: b, ingressURLFormat: y}]",
        "spec.driverIngressOptions[1].servicePort: \"80\" is not valid: DriverIngressOptions has duplicate ServicePort: 80",
    ),
];

#[test]
fn each_bad_value_gives_one_error_that_names_field_value_and_what_to_do() {
    for (overlay, expected) in BAD {
        let found = problems(overlay);
        assert_eq!(found.len(), 1, "{overlay}: {found:?}");
        assert!(found[0].starts_with(expected), "{overlay}: {}", found[0]);
    }
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let found = problems("{type: Java, mainClass: A, driver: {memory: x}, executor: {cores: 0}}");
    assert_eq!(found.len(), 3, "{found:?}");
}

#[test]
fn names_must_be_dns_labels() {
    for name in ["Flights", "0flights", "a.b", &"a".repeat(64)] {
        let mut app = application("{}");
        app.metadata.name = Some(name.to_owned());
        let Err(Invalid(errors)) = validate(&app) else { panic!("{name} was taken") };
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert_eq!(errors[0].field, "metadata.name");
    }
}

#[test]
fn programs_are_taken_from_where_they_can_be_read() {
    for file in [
        "/opt/a.sql",
        "a.sql",
        "local:///a.sql",
        "file:///a.sql",
        "s3://b/a.sql",
        "s3a://b/a.sql",
        "https://h/a.sql?token=1",
    ] {
        assert_eq!(problems(&format!("mainApplicationFile: {file:?}")), Vec::<String>::new(), "{file}");
    }
}

#[test]
fn settings_may_be_properties_instead_of_fields() {
    let app = valid(
        "
        sparkConf:
          spark.executor.memory: 2g
          spark.executor.cores: '3'
          spark.kubernetes.executor.request.cores: 500m
          spark.kubernetes.driver.pod.name: pilot
          spark.kubernetes.executor.podNamePrefix: crew
          spark.kubernetes.driver.label.team: a
          spark.kubernetes.driverEnv.HOME: /h
          spark.executorEnv.LANG: C
          spark.kubernetes.executor.secrets.keys: /mnt/keys
          spark.kubernetes.executor.secretKeyRef.KEY: keys:one
          spark.kubernetes.executor.volumes.emptyDir.spark-local-dir-2.mount.path: /scratch
          spark.kubernetes.executor.volumes.emptyDir.spark-local-dir-2.options.sizeLimit: 5Gi
          spark.kubernetes.node.selector.disk: ssd
          spark.kubernetes.local.dirs.tmpfs: 'true'
        ",
    );
    assert_eq!((app.executor_cores, app.executor_memory_mib), (3, 2048));
    assert_eq!(app.executor.resources.cpu_request.0, "500m");
    // 2048 + max(204, 384)
    assert_eq!(app.executor.resources.memory_mib, 2432);
    assert_eq!(app.driver_pod, "pilot");
    assert_eq!(app.executor_prefix.as_deref(), Some("crew"));
    assert_eq!(app.driver.labels["team"], "a");
    assert_eq!(app.driver.env[0].name, "HOME");
    assert_eq!(app.executor.node_selector["disk"], "ssd");
    assert!(app.driver.local_dirs_tmpfs);
    let mounts: Vec<_> =
        app.executor.by_property.mounts.iter().map(|m| (m.name.as_str(), m.mount_path.as_str())).collect();
    assert_eq!(mounts, [("keys-volume", "/mnt/keys"), ("spark-local-dir-2", "/scratch")]);
    let env: Vec<_> = app.executor.env.iter().map(|v| v.name.as_str()).collect();
    assert_eq!(env, ["LANG", "KEY"]);
}

#[test]
fn scratch_volumes_of_the_spec_are_mounted_once() {
    let app = valid(
        "
        volumes: [{name: spark-local-dir-1, emptyDir: {medium: Memory}}]
        driver: {volumeMounts: [{name: spark-local-dir-1, mountPath: /scratch}]}
        ",
    );
    assert_eq!(app.driver.volumes.len(), 1);
    assert_eq!(app.driver.volume_mounts.len(), 1);
}

#[test]
fn images_come_from_the_role_then_the_application_then_the_template() {
    let user = |image: &str| Image::User(image.to_owned());
    let app = valid("{image: 'all:{{SPARK_VERSION}}', executor: {image: exec}}");
    assert_eq!((app.driver.image, app.executor.image), (user("all:4.1.1"), user("exec")));
    let app = valid(
        "driver: {template: {spec: {containers: [{name: other, image: o}, {name: spark-kubernetes-driver, image: t}]}}}",
    );
    assert_eq!((app.driver.image, app.executor.image), (user("t"), Image::Runtime));
}

#[test]
fn executors_share_the_drivers_service_account_unless_they_have_their_own() {
    let app = valid("driver: {serviceAccount: sa}");
    assert_eq!(app.executor.service_account.as_deref(), Some("sa"));
    let app = valid("{driver: {serviceAccount: sa}, executor: {serviceAccount: sb}}");
    assert_eq!(app.executor.service_account.as_deref(), Some("sb"));
    let app = valid("{driver: {serviceAccount: sa}, executor: {template: {spec: {serviceAccountName: sc}}}}");
    assert_eq!(app.executor.service_account, None);
}

/// Spark's page on Kubernetes: such a claim is made for each pod, of this class and size, and only this pod uses it.
#[test]
fn a_claim_on_demand_is_made_for_each_pod() {
    let app = valid(
        "
        sparkConf:
          spark.kubernetes.executor.volumes.persistentVolumeClaim.spark-local-dir-1.mount.path: /scratch
          spark.kubernetes.executor.volumes.persistentVolumeClaim.spark-local-dir-1.options.claimName: OnDemand
          spark.kubernetes.executor.volumes.persistentVolumeClaim.spark-local-dir-1.options.storageClass: gp3
          spark.kubernetes.executor.volumes.persistentVolumeClaim.spark-local-dir-1.options.sizeLimit: 500Gi
          spark.kubernetes.executor.volumes.persistentVolumeClaim.spark-local-dir-1.label.team: a
        ",
    );
    let volume = serde_json::to_value(&app.executor.by_property.volumes).unwrap();
    assert_eq!(
        volume,
        serde_json::json!([{"name": "spark-local-dir-1", "ephemeral": {"volumeClaimTemplate": {
            "metadata": {"labels": {"team": "a"}},
            "spec": {
                "accessModes": ["ReadWriteOncePod"], "storageClassName": "gp3",
                "resources": {"requests": {"storage": "500Gi"}},
            },
        }}}])
    );
}

/// As in Kubeflow what is not in Java's units is a Kubernetes quantity.
#[test]
fn a_memory_limit_is_in_javas_units_or_a_kubernetes_quantity() {
    for (text, mib) in [("2g", 2048), ("2G", 2048), ("2Gi", 2048), ("1.5Gi", 1536), ("2147483648", 2048)] {
        let app = valid(&format!("driver: {{memoryLimit: '{text}'}}"));
        assert_eq!(app.driver.resources.memory_limit_mib, Some(mib), "{text}");
    }
}

#[test]
fn labels_of_the_application_go_to_its_pods_but_for_kueues() {
    let mut app = application("{}");
    let labels = [("team", "a"), ("kueue.x-k8s.io/queue-name", "q")];
    app.metadata.labels = Some(labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect());
    assert_eq!(validate(&app).unwrap().labels.into_keys().collect::<Vec<_>>(), ["team"]);
}

#[test]
fn fields_without_effect_are_told_and_do_not_fail() {
    let app = valid(
        "
        mainClass: org.example.Main
        deps: {jars: [a.jar]}
        driver: {javaOptions: -Xss2m}
        sparkConf: {spark.kryo.registrator: x, spark.memory.fraction: '0.5', flights.input: a}
        ",
    );
    assert_eq!(
        app.ignored,
        [
            "spec.mainClass has no effect: there is no JVM",
            "spec.deps.jars has no effect: there is no JVM to load jar files into",
            "spec.driver.javaOptions has no effect: there is no JVM",
            "spec.sparkConf[spark.kryo.registrator] has no effect: tasks and rows are not serialised as Java objects",
            "spec.sparkConf[spark.memory.fraction] has no effect: it is not supported yet",
        ]
    );
}

/// Kubeflow's webhook mounts what spec.volumes has and passes over the rest, which others may bring.
#[test]
fn a_mount_without_its_volume_is_left_out_and_told() {
    let app = valid(
        "
        volumes: [{name: data, emptyDir: {}}]
        driver: {volumeMounts: [{name: gone, mountPath: /x}, {name: data, mountPath: /data}]}
        executor: {volumeMounts: [{name: own, mountPath: /y}], template: {spec: {volumes: [{name: own, emptyDir: {}}]}}}
        ",
    );
    let mounts = |plan: &crate::plan::PodPlan| {
        plan.volume_mounts.iter().map(|mount| mount.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!((mounts(&app.driver), mounts(&app.executor)), (vec!["data".into()], vec!["own".into()]));
    assert_eq!(app.ignored, ["spec.driver.volumeMounts[0] has no effect: spec.volumes has no \"gone\""]);
}

/// What each of these is for says Spark's page on security; that nothing of it is there is told before all else.
#[test]
fn protection_that_is_missing_is_told_first() {
    let app = valid(
        "
        mainClass: org.example.Main
        sparkConf: {spark.network.crypto.enabled: 'true', spark.authenticate: 'false',
          spark.sql.extensions: io.delta.sql.DeltaSparkSessionExtension, spark.eventLog.enabled: 'false',
          spark.jars.packages: 'io.delta:delta-spark_2.13:4.0.0', spark.flights.day: monday}
        hadoopConf: {fs.gs.project.id: p, fs.s3a.endpoint: 'http://s3', fs.s3a.server-side-encryption-algorithm: SSE-KMS}
        ",
    );
    let fields: Vec<_> =
        app.ignored.iter().map(|text| text.split_once(" has no effect: ").unwrap().0).collect();
    assert_eq!(
        fields,
        [
            "spec.sparkConf[spark.network.crypto.enabled]",
            "spec.hadoopConf[fs.s3a.server-side-encryption-algorithm]",
            "spec.mainClass",
            "spec.sparkConf[spark.jars.packages]",
            "spec.sparkConf[spark.sql.extensions]",
            "spec.hadoopConf[fs.gs.project.id]",
        ]
    );
    assert!(app.ignored[0].contains("has no effect: NOT PROTECTED: nothing authenticates or encrypts"));
    let on_spark = "{type: Scala, image: a, mainClass: A, mainApplicationFile: 'local:///a.jar',
        sparkConf: {spark.network.crypto.enabled: 'true'}, hadoopConf: {fs.gs.project.id: p}}";
    assert!(valid(on_spark).ignored.is_empty());
}

#[test]
fn secrets_do_not_show_in_errors() {
    let found = problems("hadoopConf: {fs.s3a.secret.key: ''}");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].starts_with("spec.hadoopConf[fs.s3a.secret.key]: \"*********(redacted)\""),
        "{}",
        found[0]
    );
}

#[test]
fn programs_for_a_jvm_run_on_the_spark_of_their_image() {
    let run = |overlay: &str| valid(overlay).run;
    let java = "{type: Java, image: a, mainClass: org.example.Main, mainApplicationFile: 's3a://b/a.jar', proxyUser: ada}";
    assert_eq!(
        run(java),
        Run::Spark(SparkProgram {
            main_class: "org.example.Main".into(),
            proxy_user: Some("ada".into()),
            language: Language::Java,
        })
    );
    // Spark goes by the file, whatever the type: PySpark's runner, and the memory of a Python program.
    let python = valid("{type: Scala, image: a, mainApplicationFile: 'local:///a.py'}");
    assert!(matches!(
        &python.run,
        Run::Spark(SparkProgram { main_class, language: Language::Python, .. })
            if main_class == "org.apache.spark.deploy.PythonRunner"
    ));
    assert_eq!(python.driver.resources.memory_mib, 1433);
    assert_eq!(python.conf.get_str("spark.kubernetes.resource.type"), Some("python"));
    assert_eq!(run("{}"), Run::Native);
}

#[test]
fn what_spark_understands_is_not_told_to_be_without_effect() {
    let app = valid(
        "
        {type: Scala, image: a, mainClass: A, mainApplicationFile: 'local:///a.jar', deps: {jars: [a.jar]},
        driver: {javaOptions: -Xss2m}, executor: {memoryLimit: 9g}, sparkConf: {spark.kryo.registrator: x,
        spark.sql.ansi.enabled: perhaps, spark.kubernetes.kerberos.krb5.path: /etc/krb5.conf}}
        ",
    );
    assert_eq!(app.ignored.len(), 2, "{:?}", app.ignored);
    assert!(app.ignored[0].starts_with("spec.executor.memoryLimit has no effect: "));
    assert!(
        app.ignored[1].starts_with("spec.sparkConf[spark.kubernetes.kerberos.krb5.path] has no effect: ")
    );
}
