//! Flags of Kubeflow's operator that have no effect here (yet): accepted, so that charts need not change, and
//! told once at the start.

use clap::Args;

/// Flags without effect.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Accepted without effect")]
pub struct InertFlags {
    /// Without effect: rate limit of the work queue.
    #[arg(long, env = "CERIUM_WORKQUEUE_RATELIMITER_BUCKET_QPS")]
    workqueue_ratelimiter_bucket_qps: Option<String>,

    /// Without effect: rate limit of the work queue.
    #[arg(long, env = "CERIUM_WORKQUEUE_RATELIMITER_BUCKET_SIZE")]
    workqueue_ratelimiter_bucket_size: Option<String>,

    /// Without effect: rate limit of the work queue.
    #[arg(long, env = "CERIUM_WORKQUEUE_RATELIMITER_MAX_DELAY")]
    workqueue_ratelimiter_max_delay: Option<String>,

    /// Without effect: rate limit towards the API server.
    #[arg(long, env = "CERIUM_KUBE_API_QPS")]
    kube_api_qps: Option<String>,

    /// Without effect: rate limit towards the API server.
    #[arg(long, env = "CERIUM_KUBE_API_BURST")]
    kube_api_burst: Option<String>,

    /// Without effect: metrics by TLS.
    #[arg(long, env = "CERIUM_SECURE_METRICS", num_args = 0..=1, default_missing_value = "true")]
    secure_metrics: Option<String>,

    /// Without effect: metrics by TLS.
    #[arg(long, env = "CERIUM_METRIC_TLS_MIN_VERSION")]
    metric_tls_min_version: Option<String>,

    /// Without effect: metrics by TLS.
    #[arg(long, env = "CERIUM_METRIC_TLS_CIPHER_SUITES")]
    metric_tls_cipher_suites: Option<String>,

    /// Without effect: Go's profiler.
    #[arg(long, env = "CERIUM_PPROF_BIND_ADDRESS")]
    pprof_bind_address: Option<String>,

    /// Without effect: submission by a service.
    #[arg(long, env = "CERIUM_SUBMITTER_SERVICE_URL")]
    submitter_service_url: Option<String>,

    /// Without effect: submission by a service.
    #[arg(long, env = "CERIUM_SUBMITTER_STARTUP_TIMEOUT")]
    submitter_startup_timeout: Option<String>,

    /// Without effect: submission by a service.
    #[arg(long, env = "CERIUM_SUBMITTER_REQUEST_TIMEOUT")]
    submitter_request_timeout: Option<String>,

    /// Without effect: submission by a service.
    #[arg(long, env = "CERIUM_SUBMITTER_MAX_RETRIES")]
    submitter_max_retries: Option<String>,

    /// Without effect: submission by a service.
    #[arg(long, env = "CERIUM_SUBMITTER_INITIAL_BACKOFF")]
    submitter_initial_backoff: Option<String>,

    /// Without effect: submission by a service.
    #[arg(long, env = "CERIUM_SUBMITTER_TLS_ENABLED", num_args = 0..=1, default_missing_value = "true")]
    submitter_tls_enabled: Option<String>,

    /// Without effect: submission by a service.
    #[arg(long, env = "CERIUM_SUBMITTER_TLS_CERT_FILE")]
    submitter_tls_cert_file: Option<String>,

    /// Without effect: submission by a service.
    #[arg(long, env = "CERIUM_SUBMITTER_TLS_KEY_FILE")]
    submitter_tls_key_file: Option<String>,

    /// Without effect: submission by a service.
    #[arg(long, env = "CERIUM_SUBMITTER_TLS_CA_FILE")]
    submitter_tls_ca_file: Option<String>,

    /// Without effect: Go's logger.
    #[arg(long, env = "CERIUM_ZAP_DEVEL", num_args = 0..=1, default_missing_value = "true")]
    zap_devel: Option<String>,

    /// Without effect: Go's logger.
    #[arg(long, env = "CERIUM_ZAP_STACKTRACE_LEVEL")]
    zap_stacktrace_level: Option<String>,

    /// Without effect: Go's logger.
    #[arg(long, env = "CERIUM_ZAP_TIME_ENCODING")]
    zap_time_encoding: Option<String>,
}

impl InertFlags {
    /// The names of those that were set.
    pub fn set(&self) -> Vec<&'static str> {
        // Without `..`: a flag that is not told does not compile.
        let InertFlags {
            workqueue_ratelimiter_bucket_qps,
            workqueue_ratelimiter_bucket_size,
            workqueue_ratelimiter_max_delay,
            kube_api_qps,
            kube_api_burst,
            secure_metrics,
            metric_tls_min_version,
            metric_tls_cipher_suites,
            pprof_bind_address,
            submitter_service_url,
            submitter_startup_timeout,
            submitter_request_timeout,
            submitter_max_retries,
            submitter_initial_backoff,
            submitter_tls_enabled,
            submitter_tls_cert_file,
            submitter_tls_key_file,
            submitter_tls_ca_file,
            zap_devel,
            zap_stacktrace_level,
            zap_time_encoding,
        } = self;
        let all = [
            ("workqueue-ratelimiter-bucket-qps", workqueue_ratelimiter_bucket_qps),
            ("workqueue-ratelimiter-bucket-size", workqueue_ratelimiter_bucket_size),
            ("workqueue-ratelimiter-max-delay", workqueue_ratelimiter_max_delay),
            ("kube-api-qps", kube_api_qps),
            ("kube-api-burst", kube_api_burst),
            ("secure-metrics", secure_metrics),
            ("metric-tls-min-version", metric_tls_min_version),
            ("metric-tls-cipher-suites", metric_tls_cipher_suites),
            ("pprof-bind-address", pprof_bind_address),
            ("submitter-service-url", submitter_service_url),
            ("submitter-startup-timeout", submitter_startup_timeout),
            ("submitter-request-timeout", submitter_request_timeout),
            ("submitter-max-retries", submitter_max_retries),
            ("submitter-initial-backoff", submitter_initial_backoff),
            ("submitter-tls-enabled", submitter_tls_enabled),
            ("submitter-tls-cert-file", submitter_tls_cert_file),
            ("submitter-tls-key-file", submitter_tls_key_file),
            ("submitter-tls-ca-file", submitter_tls_ca_file),
            ("zap-devel", zap_devel),
            ("zap-stacktrace-level", zap_stacktrace_level),
            ("zap-time-encoding", zap_time_encoding),
        ];
        all.into_iter().filter_map(|(name, value)| value.is_some().then_some(name)).collect()
    }
}
