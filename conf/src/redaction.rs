//! Which properties hold secrets, and what is shown of them.

/// What is shown in place of a secret, as Spark shows it.
pub const REDACTED: &str = "*********(redacted)";

/// Whether a key names a secret: Spark's default for `spark.redaction.regex`, which is
/// `(?i)secret|password|token|access[.]?key`.
pub fn is_sensitive(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["secret", "password", "token", "access.key", "accesskey"].iter().any(|word| key.contains(word))
}

/// What may be shown of a value.
pub(crate) fn shown<'a>(key: &str, value: &'a str) -> &'a str {
    if is_sensitive(key) { REDACTED } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_sensitive_and_the_rest_is_not() {
        for key in [
            "spark.hadoop.fs.s3a.access.key",
            "spark.hadoop.fs.s3a.secret.key",
            "spark.hadoop.fs.s3a.session.token",
            "spark.ssl.keyPassword",
            "AWS_SECRET_ACCESSKEY",
        ] {
            assert!(is_sensitive(key), "{key}");
        }
        for key in ["spark.hadoop.fs.s3a.endpoint", "spark.app.name"] {
            assert!(!is_sensitive(key), "{key}");
        }
    }
}
