//! Names of the objects made for an application, within the limits of DNS.

use std::iter::successors;

/// Longest name of a Service, of a label value and of a DNS label.
pub(crate) const MAX_DNS_LABEL: usize = 63;
/// Longest name of a pod or ConfigMap.
const MAX_DNS_SUBDOMAIN: usize = 253;
/// Longest prefix Spark accepts for the names of executor pods.
pub const MAX_EXECUTOR_PREFIX: usize = 237;
/// Longest prefix we make ourselves: with `-exec-<id>` it stays a DNS label for ten digits of id.
const MAX_OWN_EXECUTOR_PREFIX: usize = 47;

/// The Spark container of the driver pod.
pub const DRIVER_CONTAINER: &str = "spark-kubernetes-driver";
/// The Spark container of executor pods.
pub const EXECUTOR_CONTAINER: &str = "spark-kubernetes-executor";
/// The init container that copies the engine into a user's image, and the volume it copies to.
pub const ENGINE_CONTAINER: &str = "cerium-engine";
/// The volume of the driver's configuration.
pub const DRIVER_CONF_VOLUME: &str = "spark-conf-volume-driver";
/// Volumes whose names start so are scratch space.
pub const LOCAL_DIR_VOLUME_PREFIX: &str = "spark-local-dir-";
/// The volume of the template of executor pods in the driver pods of Spark's own engine.
pub const POD_TEMPLATE_VOLUME: &str = "pod-template-volume";

/// The driver pod of an application, unless the manifest names it.
pub fn driver_pod_name(application: &str) -> String {
    format!("{application}-driver")
}

/// The ConfigMap with the driver's properties and the executors' template.
pub fn conf_map_name(driver_pod: &str) -> String {
    shortened(driver_pod, "-conf-map", MAX_DNS_SUBDOMAIN)
}

/// Spark's application id for a submission: `spark-` and 32 hexadecimal digits.
pub fn application_id(submission_id: &str) -> String {
    let digits: String = submission_id.chars().filter(|c| *c != '-').collect();
    format!("spark-{digits}")
}

/// The ConfigMap with the settings of the JMX exporter.
pub fn prometheus_map(application: &str) -> String {
    format!("{application}-prom-conf")
}

/// The Service of a driver's web UI.
pub fn ui_service_name(application: &str) -> String {
    shortened(application, "-ui-svc", MAX_DNS_LABEL)
}

/// The Ingress of a driver's web UI.
pub fn ui_ingress_name(application: &str) -> String {
    shortened(application, "-ui-ingress", MAX_DNS_LABEL)
}

/// The Service of a further port of a driver.
pub fn driver_port_service_name(application: &str, port: i32) -> String {
    shortened(application, &format!("-driver-{port}"), MAX_DNS_LABEL)
}

/// The Ingress of a further port of a driver.
pub fn driver_port_ingress_name(application: &str, port: i32) -> String {
    shortened(application, &format!("-ing-{port}"), MAX_DNS_LABEL)
}

/// What the names start with that Spark's own submission gives to the Service of a driver and to the template of
/// its executors. Spark's random digits are the first 16 of the submission id here, so that a repeated
/// submission gives the same names.
pub fn spark_prefix(application: &str, submission_id: &str) -> String {
    format!("{}-{}", dns_label(application), unique_digits(submission_id, 0))
}

/// The headless Service by which Spark's own executors reach their driver.
pub fn spark_driver_service(application: &str, submission_id: &str) -> String {
    let name = format!("{}-driver-svc", spark_prefix(application, submission_id));
    if name.len() <= MAX_DNS_LABEL {
        return name;
    }
    format!("spark-{}-driver-svc", unique_digits(submission_id, 0))
}

/// The ConfigMap with the properties of a driver on Spark's own engine.
pub fn spark_conf_map(submission_id: &str) -> String {
    format!("spark-drv-{}-conf-map", unique_digits(submission_id, 1))
}

/// The ConfigMap with the template of the executors of Spark's own engine.
pub fn spark_template_map(application: &str, submission_id: &str) -> String {
    format!("{}-driver-podspec-conf-map", spark_prefix(application, submission_id))
}

/// One half of the digits of a submission id.
fn unique_digits(submission_id: &str, half: usize) -> String {
    submission_id.chars().filter(|c| *c != '-').skip(half * 16).take(16).collect()
}

/// What the names of an application's executor pods start with, unless `spark.kubernetes.executor.podNamePrefix`
/// says it. It differs from run to run, so that pods of an earlier run are never in the way.
pub fn executor_prefix(application: &str, submission_id: &str) -> String {
    let run = format!("-{:08x}", fnv1a(submission_id) as u32);
    shortened(&dns_label(application), &run, MAX_OWN_EXECUTOR_PREFIX)
}

/// The server pod of a SparkConnect, and its Service unless the manifest names it.
pub fn connect_server(connect: &str) -> String {
    format!("{connect}-server")
}

/// The ConfigMap of a SparkConnect.
pub fn connect_conf(connect: &str) -> String {
    format!("{connect}-conf")
}

/// A short text that differs where the texts differ, and is the same in every version of the operator.
pub fn fingerprint(text: &str) -> String {
    format!("{:016x}", fnv1a(text))
}

/// Volcano's pod group of an application.
pub fn volcano_group(application: &str) -> String {
    shortened(&format!("spark-{application}"), "-pg", MAX_DNS_SUBDOMAIN)
}

/// The scheduler plugins' pod group of an application; it is the value of a label too.
pub fn plugin_group(application: &str) -> String {
    shortened(application, "-pg", MAX_DNS_LABEL)
}

/// An executor pod.
pub fn executor_pod_name(prefix: &str, executor_id: u64) -> String {
    format!("{prefix}-exec-{executor_id}")
}

/// The value of the label `spark-app-name`: the name in lower case, with what a label cannot hold as dashes.
pub fn app_name_label(name: &str) -> String {
    let label = dns_label(name);
    label.get(..MAX_DNS_LABEL).unwrap_or(&label).trim_end_matches('-').to_owned()
}

/// A run of a schedule: the schedule's name and the time, within what the name of an application may have.
pub fn scheduled_run_name(schedule: &str, time: &str) -> String {
    shortened(schedule, &format!("-{time}"), MAX_DNS_LABEL)
}

/// The value of the label that names a schedule: its name, shortened to what a label can hold.
pub fn schedule_label(schedule: &str) -> String {
    shortened(schedule, "", MAX_DNS_LABEL)
}

/// Whether the name is a DNS-1035 label: lower case letters, digits and dashes, starting with a letter.
pub fn is_dns_1035_label(name: &str) -> bool {
    name.len() <= MAX_DNS_LABEL && name.starts_with(|c: char| c.is_ascii_lowercase()) && is_dns_body(name)
}

/// Whether the name is a DNS-1123 subdomain, as pods and ConfigMaps need it.
pub fn is_dns_1123_subdomain(name: &str) -> bool {
    name.len() <= MAX_DNS_SUBDOMAIN && name.split('.').all(is_dns_body)
}

/// Whether the text can be the value of a label.
pub fn is_label_value(value: &str) -> bool {
    value.is_empty() || is_qualified_name_part(value)
}

/// Whether the text can be the key of a label or an annotation: a name, or a DNS name, a slash and a name.
pub fn is_label_key(key: &str) -> bool {
    match key.split_once('/') {
        Some((prefix, name)) => is_dns_1123_subdomain(prefix) && is_qualified_name_part(name),
        None => is_qualified_name_part(key),
    }
}

/// A volume for the ConfigMap or Secret of this name.
pub fn volume_name(source: &str, suffix: &str) -> String {
    let stem = source.replace('.', "-");
    if stem.len() + suffix.len() <= MAX_DNS_LABEL && stem == source {
        return format!("{stem}{suffix}");
    }
    // `a.b` and `a-b` must not end up in the same volume.
    shortened(&stem, &format!("-{:08x}{suffix}", fnv1a(source) as u32), MAX_DNS_LABEL)
}

fn is_qualified_name_part(name: &str) -> bool {
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    name.len() <= MAX_DNS_LABEL
        && ends(name.chars().next())
        && ends(name.chars().next_back())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

fn is_dns_body(label: &str) -> bool {
    !label.is_empty()
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// The name as Spark makes one fit for DNS: lower case, runs of anything else as one dash, no dash in
/// front, and a letter first.
fn dns_label(name: &str) -> String {
    let mut label = String::with_capacity(name.len());
    for c in name.to_lowercase().chars() {
        if c.is_ascii_lowercase() || c.is_ascii_digit() {
            label.push(c);
        } else if !label.is_empty() && !label.ends_with('-') {
            label.push('-');
        }
    }
    let label = label.trim_end_matches('-');
    match label.chars().next() {
        Some(c) if c.is_ascii_digit() => format!("x{label}"),
        Some(_) => label.to_owned(),
        None => "spark".to_owned(),
    }
}

/// `stem` and `suffix`, with the stem cut and its hash added where the two are too long together.
fn shortened(stem: &str, suffix: &str, max: usize) -> String {
    if stem.len() + suffix.len() <= max {
        return format!("{stem}{suffix}");
    }
    let hash = format!("-{:08x}", fnv1a(stem) as u32);
    let room = max.saturating_sub(suffix.len() + hash.len());
    let cut = successors(Some(room), |n| n.checked_sub(1)).find(|n| stem.is_char_boundary(*n)).unwrap_or(0);
    format!("{}{hash}{suffix}", stem[..cut].trim_end_matches(['-', '.']))
}

/// FNV-1a, 64 bit: names must come out the same in every version of the operator.
pub(crate) fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests;
