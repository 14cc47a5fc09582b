use super::*;

#[test]
fn short_names_are_kubeflows() {
    assert_eq!(driver_pod_name("spark-pi"), "spark-pi-driver");
    assert_eq!(conf_map_name("spark-pi-driver"), "spark-pi-driver-conf-map");
}

#[test]
fn names_of_long_driver_pods_stay_within_the_limit_and_apart() {
    let one = format!("{}a", "x".repeat(250));
    let two = format!("{}b", "x".repeat(250));
    let name = conf_map_name(&one);
    assert!(is_dns_1123_subdomain(&name) && name.ends_with("-conf-map"), "{name}");
    assert_eq!(name.len(), MAX_DNS_SUBDOMAIN);
    assert_ne!(name, conf_map_name(&two));
}

#[test]
fn executor_pods_of_the_longest_application_are_dns_labels() {
    let prefix = executor_prefix(&"x".repeat(63), "5e4c5a66-6f2e-4b6f-9d5f-0c6f2f3f6a11");
    let pod = executor_pod_name(&prefix, 9_999_999_999);
    assert!(is_dns_1035_label(&pod), "{pod}");
}

#[test]
fn executor_prefixes_differ_from_run_to_run() {
    assert_ne!(executor_prefix("pi", "a"), executor_prefix("pi", "b"));
    assert_eq!(executor_prefix("pi", "a"), executor_prefix("pi", "a"));
}

#[test]
fn application_ids_have_sparks_form() {
    assert_eq!(
        application_id("5e4c5a66-6f2e-4b6f-9d5f-0c6f2f3f6a11"),
        "spark-5e4c5a666f2e4b6f9d5f0c6f2f3f6a11"
    );
}

#[test]
fn hash_is_fnv1a() {
    // Test vectors of the FNV reference.
    assert_eq!(fnv1a(""), 0xcbf2_9ce4_8422_2325);
    assert_eq!(fnv1a("a"), 0xaf63_dc4c_8601_ec8c);
    assert_eq!(fnv1a("foobar"), 0x8594_4171_f739_67e8);
}

#[test]
fn app_name_labels_follow_sparks_slug() {
    assert_eq!(app_name_label("Flights: by carrier"), "flights-by-carrier");
    assert_eq!(app_name_label("7 days"), "x7-days");
    assert_eq!(app_name_label("--"), "spark");
    assert_eq!(app_name_label(&"é".repeat(200)), "spark");
    assert!(app_name_label(&"ab ".repeat(40)).len() <= MAX_DNS_LABEL);
}

#[test]
fn dns_names_are_recognised() {
    for good in ["a", "spark-pi", "x0"] {
        assert!(is_dns_1035_label(good), "{good}");
    }
    for bad in ["", "0a", "a-", "-a", "A", "a.b", "a_b", &"a".repeat(64)] {
        assert!(!is_dns_1035_label(bad), "{bad}");
    }
    assert!(is_dns_1123_subdomain("0a.b-c"));
    for bad in ["a..b", ".a", "a.", "a.-b"] {
        assert!(!is_dns_1123_subdomain(bad), "{bad}");
    }
}

#[test]
fn label_keys_and_values_are_recognised() {
    for good in ["", "4.1.1", "a", "A_b-c.d", &"a".repeat(63)] {
        assert!(is_label_value(good), "{good}");
    }
    for bad in ["-a", "a-", "a b", "é", &"a".repeat(64)] {
        assert!(!is_label_value(bad), "{bad}");
    }
    assert!(is_label_key("team"));
    assert!(is_label_key("example.com/team"));
    for bad in ["", "a b", "/a", "Example.com/a", "a/b/c"] {
        assert!(!is_label_key(bad), "{bad}");
    }
}

#[test]
fn volumes_of_different_sources_have_different_names() {
    assert_eq!(volume_name("settings", "-vol"), "settings-vol");
    let dotted = volume_name("a.b", "-vol");
    assert!(is_dns_1035_label(&dotted), "{dotted}");
    assert_ne!(dotted, volume_name("a-b", "-vol"));
    let long = volume_name(&"a".repeat(250), "-volume");
    assert!(long.len() <= MAX_DNS_LABEL && long.ends_with("-volume"), "{long}");
}
