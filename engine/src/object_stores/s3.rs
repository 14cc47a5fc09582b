//! S3 from Hadoop's `fs.s3a` properties and the AWS environment.

use std::time::Duration;

use cerium_conf::SparkConf;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::{ClientOptions, RetryConfig};

use super::StoreError;

/// Region where none is given: what S3-compatible servers assume.
const DEFAULT_REGION: &str = "us-east-1";
/// How long a request is tried again before the task fails.
const RETRY_TIMEOUT: Duration = Duration::from_mins(1);

/// `AWS_*` variables of this process.
pub fn environment() -> Vec<(String, String)> {
    std::env::vars().filter(|(name, _)| name.starts_with("AWS_")).collect()
}

/// The `fs.s3a` properties of one bucket: its own go before the general ones.
struct Settings<'a> {
    conf: &'a SparkConf,
    bucket: &'a str,
}

impl<'a> Settings<'a> {
    fn get(&self, name: &str) -> Option<(String, &'a str)> {
        [format!("bucket.{}.{name}", self.bucket), name.to_owned()].into_iter().find_map(|name| {
            let key = format!("spark.hadoop.fs.s3a.{name}");
            let value = self.conf.get_str(&key).map(str::trim).filter(|value| !value.is_empty())?;
            Some((key, value))
        })
    }

    fn text(&self, name: &str) -> Option<&'a str> {
        self.get(name).map(|(_, value)| value)
    }

    fn flag(&self, name: &str) -> Result<Option<bool>, StoreError> {
        let Some((key, value)) = self.get(name) else { return Ok(None) };
        match value.to_ascii_lowercase().as_str() {
            "true" => Ok(Some(true)),
            "false" => Ok(Some(false)),
            _ => Err(StoreError::InvalidSetting { key, value: value.into(), expected: "true or false" }),
        }
    }
}

/// A client for a bucket. What the properties leave open comes from `environment`.
pub fn builder(
    conf: &SparkConf,
    bucket: &str,
    environment: &[(String, String)],
) -> Result<AmazonS3Builder, StoreError> {
    let settings = Settings { conf, bucket };
    let access = settings.text("access.key");
    let secret = settings.text("secret.key");
    let provider = settings.text("aws.credentials.provider").unwrap_or_default();
    let anonymous = provider.contains("Anonymous");
    let mut builder = AmazonS3Builder::new().with_bucket_name(bucket);
    for (name, value) in environment {
        let Ok(key) = name.to_ascii_lowercase().parse::<AmazonS3ConfigKey>() else { continue };
        // Keys from the properties must not be mixed with a token from the environment.
        let credential = matches!(
            key,
            AmazonS3ConfigKey::AccessKeyId
                | AmazonS3ConfigKey::SecretAccessKey
                | AmazonS3ConfigKey::Token
                | AmazonS3ConfigKey::WebIdentityTokenFile
                | AmazonS3ConfigKey::RoleArn
        );
        if !(credential && access.is_some()) {
            builder = builder.with_config(key, value);
        }
    }
    if let Some(access) = access {
        let Some(secret) = secret else {
            return Err(StoreError::InvalidSetting {
                key: "spark.hadoop.fs.s3a.secret.key".into(),
                value: String::new(),
                expected: "the secret that belongs to spark.hadoop.fs.s3a.access.key",
            });
        };
        builder = builder.with_access_key_id(access).with_secret_access_key(secret);
        if let Some(token) = settings.text("session.token") {
            builder = builder.with_token(token);
        }
    }
    if anonymous {
        builder = builder.with_skip_signature(true);
    }

    let ssl = settings.flag("connection.ssl.enabled")?.unwrap_or(true);
    let variable =
        |name: &str| environment.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let endpoint = settings.text("endpoint").map(|endpoint| with_scheme(endpoint, ssl)).or_else(|| {
        ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"]
            .iter()
            .find_map(|name| variable(name))
            .map(str::to_owned)
    });
    let custom = endpoint.as_deref().is_some_and(|endpoint| !endpoint.contains("amazonaws.com"));
    // Hadoop's default is the bucket in the host name; other servers than Amazon's rarely know that.
    let path_style = settings.flag("path.style.access")?.unwrap_or(custom);
    builder = builder.with_virtual_hosted_style_request(!path_style);
    let region = settings
        .text("endpoint.region")
        .or_else(|| endpoint.as_deref().and_then(region_of))
        .or_else(|| variable("AWS_REGION"))
        .or_else(|| variable("AWS_DEFAULT_REGION"))
        .unwrap_or(DEFAULT_REGION);
    builder = builder.with_region(region);
    // Amazon's own endpoints follow from the region.
    if let Some(endpoint) = endpoint.filter(|_| custom) {
        let endpoint = if path_style { endpoint } else { with_bucket(&endpoint, bucket) };
        let plain = endpoint.starts_with("http://");
        builder = builder.with_endpoint(endpoint).with_allow_http(plain);
        let options =
            ClientOptions::new().with_allow_http(plain).with_connect_timeout(Duration::from_secs(5));
        builder = builder.with_client_options(options);
    }
    let retry = RetryConfig { max_retries: 5, retry_timeout: RETRY_TIMEOUT, ..RetryConfig::default() };
    Ok(builder.with_retry(retry))
}

fn with_scheme(endpoint: &str, ssl: bool) -> String {
    if endpoint.contains("://") {
        return endpoint.to_owned();
    }
    format!("{}://{endpoint}", if ssl { "https" } else { "http" })
}

fn with_bucket(endpoint: &str, bucket: &str) -> String {
    match endpoint.split_once("://") {
        Some((scheme, host)) => format!("{scheme}://{bucket}.{host}"),
        None => format!("{bucket}.{endpoint}"),
    }
}

/// The region within the name of one of Amazon's endpoints.
fn region_of(endpoint: &str) -> Option<&str> {
    let host = endpoint.split("://").last()?;
    let region = host.strip_prefix("s3.").or_else(|| host.strip_prefix("s3-"))?.split(".amazonaws").next()?;
    (region != "amazonaws.com" && !region.is_empty() && region.contains('-')).then_some(region)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conf(entries: &[(&str, &str)]) -> SparkConf {
        let mut conf = SparkConf::new();
        for (key, value) in entries {
            conf.set(format!("spark.hadoop.fs.s3a.{key}"), *value);
        }
        conf
    }

    fn value(builder: &AmazonS3Builder, key: AmazonS3ConfigKey) -> Option<String> {
        builder.get_config_value(&key)
    }

    #[test]
    fn properties_go_before_the_environment_and_a_buckets_own_before_all() {
        let conf = conf(&[
            ("access.key", "general"),
            ("secret.key", "s"),
            ("bucket.data.access.key", "own"),
            ("endpoint", "minio:9000"),
            ("connection.ssl.enabled", "false"),
        ]);
        let environment = [
            ("AWS_ACCESS_KEY_ID".to_owned(), "env".to_owned()),
            ("AWS_SESSION_TOKEN".to_owned(), "env-token".to_owned()),
        ];
        let data = builder(&conf, "data", &environment).unwrap();
        assert_eq!(value(&data, AmazonS3ConfigKey::AccessKeyId).as_deref(), Some("own"));
        assert_eq!(value(&data, AmazonS3ConfigKey::Token), None);
        assert_eq!(value(&data, AmazonS3ConfigKey::Endpoint).as_deref(), Some("http://minio:9000"));
        assert_eq!(value(&data, AmazonS3ConfigKey::Region).as_deref(), Some("us-east-1"));
        assert_eq!(value(&data, AmazonS3ConfigKey::VirtualHostedStyleRequest).as_deref(), Some("false"));
        let other = builder(&conf, "other", &environment).unwrap();
        assert_eq!(value(&other, AmazonS3ConfigKey::AccessKeyId).as_deref(), Some("general"));
    }

    #[test]
    fn the_environment_serves_where_nothing_is_set() {
        let environment = [
            ("AWS_ACCESS_KEY_ID".to_owned(), "env".to_owned()),
            ("AWS_SECRET_ACCESS_KEY".to_owned(), "s".to_owned()),
            ("AWS_REGION".to_owned(), "eu-central-1".to_owned()),
            ("AWS_ENDPOINT_URL_S3".to_owned(), "http://s3.local".to_owned()),
        ];
        let store = builder(&SparkConf::new(), "b", &environment).unwrap();
        assert_eq!(value(&store, AmazonS3ConfigKey::AccessKeyId).as_deref(), Some("env"));
        assert_eq!(value(&store, AmazonS3ConfigKey::Region).as_deref(), Some("eu-central-1"));
        assert_eq!(value(&store, AmazonS3ConfigKey::Endpoint).as_deref(), Some("http://s3.local"));
    }

    #[test]
    fn amazons_endpoints_tell_the_region() {
        let store = builder(&conf(&[("endpoint", "s3.eu-west-1.amazonaws.com")]), "b", &[]).unwrap();
        assert_eq!(value(&store, AmazonS3ConfigKey::Region).as_deref(), Some("eu-west-1"));
        assert_eq!(region_of("s3.amazonaws.com"), None);
    }

    #[test]
    fn wrong_settings_are_named() {
        let error = builder(&conf(&[("path.style.access", "yes")]), "b", &[]).unwrap_err();
        assert!(error.to_string().contains("fs.s3a.path.style.access"), "{error}");
        let error = builder(&conf(&[("access.key", "x")]), "b", &[]).unwrap_err();
        assert!(error.to_string().contains("secret"), "{error}");
    }
}
