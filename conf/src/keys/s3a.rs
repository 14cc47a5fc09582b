//! Keys of S3 and of stores that speak its protocol, under the names of Hadoop's S3A connector.

keys! {
    "S3 (`s3://` and `s3a://`)";

    /// Access key. Default: the usual environment variables of AWS, else the role of the pod or node.
    S3A_ACCESS_KEY: String = NAME, "spark.hadoop.fs.s3a.access.key", none, "2.0.0", Start;
    /// Secret key that goes with the access key.
    S3A_SECRET_KEY: String = NAME, "spark.hadoop.fs.s3a.secret.key", none, "2.0.0", Start;
    /// Session token that goes with temporary keys.
    S3A_SESSION_TOKEN: String = NAME, "spark.hadoop.fs.s3a.session.token", none, "2.0.0", Start;
    /// Endpoint, such as `minio.storage.svc:9000` or `https://s3.example.com`. Default: that of AWS.
    S3A_ENDPOINT: String = NAME, "spark.hadoop.fs.s3a.endpoint", none, "2.0.0", Start;
    /// Region of the endpoint. Default: the environment's, else `us-east-1`.
    S3A_ENDPOINT_REGION: String = NAME, "spark.hadoop.fs.s3a.endpoint.region", none, "3.2.0", Start;
    /// Which credentials to use: those of `org.apache.hadoop.fs.s3a.AnonymousAWSCredentialsProvider` are
    /// none; any other provider stands for the order said above.
    S3A_CREDENTIALS_PROVIDER: String = NAME, "spark.hadoop.fs.s3a.aws.credentials.provider", none, "2.0.0", Start;
    /// Whether the bucket is part of the path (`https://host/bucket/key`) and not of the host name. Default:
    /// true where the endpoint is not one of AWS.
    S3A_PATH_STYLE_ACCESS: bool = BOOL, "spark.hadoop.fs.s3a.path.style.access", none, "2.0.0", Start;
    /// Whether an endpoint without a scheme is reached by https.
    S3A_CONNECTION_SSL_ENABLED: bool = BOOL, "spark.hadoop.fs.s3a.connection.ssl.enabled", "true", "2.0.0", Start;

    prefixes
    /// The same settings for one bucket: `<bucket>.<setting>`, such as `logs.endpoint`.
    S3A_BUCKET = "spark.hadoop.fs.s3a.bucket.", "2.0.0", Start;
}
