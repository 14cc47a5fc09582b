use super::*;
use crate::fixtures::application;

fn conf(overlay: &str) -> SparkConf {
    spark_conf(&application(overlay))
}

#[test]
fn a_small_manifest_gives_the_properties_of_its_defaults() {
    let conf = conf("{}");
    let expected = [
        ("spark.app.name", "flights"),
        ("spark.driver.cores", "1"),
        ("spark.driver.memory", "1g"),
        ("spark.executor.cores", "1"),
        ("spark.executor.instances", "1"),
        ("spark.executor.memory", "1g"),
        ("spark.kubernetes.memoryOverheadFactor", "0.1"),
        ("spark.kubernetes.namespace", "default"),
        ("spark.kubernetes.submission.waitAppCompletion", "false"),
    ];
    assert_eq!(conf.iter().collect::<Vec<_>>(), expected);
}

#[test]
fn fields_become_the_properties_kubeflow_makes_of_them() {
    let conf = conf(
        "
        type: Python
        image: registry/app:1
        imagePullPolicy: Always
        imagePullSecrets: [a, b]
        hadoopConf: {fs.s3a.endpoint: minio:9000}
        memoryOverheadFactor: '0.2'
        nodeSelector: {disk: ssd}
        deps: {pyFiles: [a.py, b.zip], files: [x.txt], archives: [v.tar.gz], jars: [j.jar]}
        driver:
          podName: pilot
          cores: 2
          coreRequest: 500m
          coreLimit: 1200m
          memory: 2g
          memoryOverhead: 512m
          serviceAccount: sa
          javaOptions: -Xss2m
          labels: {team: a}
          annotations: {note: b}
          envVars: {HOME: /h}
          envSecretKeyRefs: {KEY: {name: s, key: k}}
          secrets: [{name: gcp, path: /mnt/gcp, secretType: GCPServiceAccount}]
        executor:
          instances: 3
          cores: 4
          memory: 8g
          image: registry/exec:1
          deleteOnTermination: false
          labels: {team: c}
          envVars: {LANG: C}
          secrets: [{name: token, path: /mnt/t, secretType: HadoopDelegationToken}]
        ",
    );
    for (key, value) in [
        ("spark.kubernetes.container.image", "registry/app:1"),
        ("spark.kubernetes.container.image.pullPolicy", "Always"),
        ("spark.kubernetes.container.image.pullSecrets", "a,b"),
        ("spark.hadoop.fs.s3a.endpoint", "minio:9000"),
        ("spark.kubernetes.memoryOverheadFactor", "0.2"),
        ("spark.kubernetes.resource.type", "python"),
        ("spark.kubernetes.node.selector.disk", "ssd"),
        ("spark.submit.pyFiles", "a.py,b.zip"),
        ("spark.files", "x.txt"),
        ("spark.archives", "v.tar.gz"),
        ("spark.jars", "j.jar"),
        ("spark.kubernetes.driver.pod.name", "pilot"),
        ("spark.driver.cores", "2"),
        ("spark.kubernetes.driver.request.cores", "500m"),
        ("spark.kubernetes.driver.limit.cores", "1200m"),
        ("spark.driver.memory", "2g"),
        ("spark.driver.memoryOverhead", "512m"),
        ("spark.kubernetes.authenticate.driver.serviceAccountName", "sa"),
        ("spark.driver.extraJavaOptions", "-Xss2m"),
        ("spark.kubernetes.driver.label.team", "a"),
        ("spark.kubernetes.driver.annotation.note", "b"),
        ("spark.kubernetes.driverEnv.HOME", "/h"),
        ("spark.kubernetes.driver.secretKeyRef.KEY", "s:k"),
        ("spark.kubernetes.driver.secrets.gcp", "/mnt/gcp"),
        ("spark.kubernetes.driverEnv.GOOGLE_APPLICATION_CREDENTIALS", "/mnt/gcp/key.json"),
        ("spark.executor.instances", "3"),
        ("spark.executor.cores", "4"),
        ("spark.executor.memory", "8g"),
        ("spark.kubernetes.executor.container.image", "registry/exec:1"),
        ("spark.kubernetes.executor.deleteOnTermination", "false"),
        ("spark.kubernetes.executor.label.team", "c"),
        ("spark.executorEnv.LANG", "C"),
        ("spark.kubernetes.executor.secrets.token", "/mnt/t"),
        ("spark.executorEnv.HADOOP_TOKEN_FILE_LOCATION", "/mnt/t/hadoop.token"),
    ] {
        assert_eq!(conf.get_str(key), Some(value), "{key}");
    }
}

#[test]
fn fields_win_over_properties_and_properties_over_defaults() {
    let conf = conf(
        "
        sparkConf: {spark.driver.memory: 3g, spark.executor.memory: 5g, spark.app.name: other}
        driver: {memory: 2g}
        ",
    );
    assert_eq!(conf.get_str("spark.driver.memory"), Some("2g"));
    assert_eq!(conf.get_str("spark.executor.memory"), Some("5g"));
    assert_eq!(conf.get_str("spark.app.name"), Some("flights"));
}

#[test]
fn dynamic_allocation_is_set_only_when_it_is_enabled() {
    let on = conf(
        "dynamicAllocation: {enabled: true, minExecutors: 1, maxExecutors: 5, initialExecutors: 2, shuffleTrackingTimeout: 3000}",
    );
    let expected = [
        ("enabled", "true"),
        ("initialExecutors", "2"),
        ("maxExecutors", "5"),
        ("minExecutors", "1"),
        ("shuffleTracking.enabled", "true"),
        ("shuffleTracking.timeout", "3000"),
    ];
    assert_eq!(on.iter_prefix("spark.dynamicAllocation.").collect::<Vec<_>>(), expected);
    assert_eq!(on.get_str("spark.executor.instances"), None);

    let off = conf("dynamicAllocation: {enabled: false, minExecutors: 1}");
    assert_eq!(off.iter_prefix("spark.dynamicAllocation.").count(), 0);
}

#[test]
fn scratch_volumes_become_properties_and_other_volumes_do_not() {
    let conf = conf(
        "
        volumes:
          - {name: spark-local-dir-1, emptyDir: {medium: Memory, sizeLimit: 1Gi}}
          - {name: data, emptyDir: {}}
        driver:
          volumeMounts: [{name: spark-local-dir-1, mountPath: /tmp/scratch}, {name: data, mountPath: /data}]
        ",
    );
    let expected = [
        ("emptyDir.spark-local-dir-1.mount.path", "/tmp/scratch"),
        ("emptyDir.spark-local-dir-1.options.medium", "Memory"),
        ("emptyDir.spark-local-dir-1.options.sizeLimit", "1Gi"),
    ];
    assert_eq!(conf.iter_prefix("spark.kubernetes.driver.volumes.").collect::<Vec<_>>(), expected);
    assert_eq!(conf.iter_prefix("spark.kubernetes.executor.volumes.").count(), 0);
}
