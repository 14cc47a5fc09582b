//! The S3 server of examples/s3.yaml, with the flights in it.

use anyhow::Result;
use futures::TryStreamExt;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, WriteMultipart};
use serde_json::{Value, json};

use crate::examples;
use crate::flights;
use crate::scope::Scope;
use crate::tunnel::Tunnel;

/// Credentials of examples/s3.yaml.
const ACCESS_KEY: &str = "cerium";
const SECRET_KEY: &str = "cerium-secret";

/// A user who owns nothing, for tests of missing permission.
pub const OTHER_ACCESS_KEY: &str = "other";
/// The other user's secret.
pub const OTHER_SECRET_KEY: &str = "other-secret";

/// A running S3 server with the bucket `cerium`.
pub struct S3 {
    store: AmazonS3,
    /// The tunnel to the server; it ends with the test.
    _tunnel: Tunnel,
}

impl S3 {
    /// Applies the manifest and makes the bucket and the other user.
    pub async fn start(scope: &Scope) -> Result<Self> {
        examples::apply(scope, "s3.yaml").await?;
        scope.kubectl(&["rollout", "status", "deployment/s3", "--timeout=60s"]).await?;
        admin(
            scope,
            &["create-user", "--access", OTHER_ACCESS_KEY, "--secret", OTHER_SECRET_KEY, "--role", "user"],
        )
        .await?;
        admin(scope, &["create-bucket", "--owner", ACCESS_KEY, "--bucket", "cerium"]).await?;
        let tunnel = Tunnel::open(scope, "service/s3", 9000).await?;
        let port = tunnel.port;
        let store = AmazonS3Builder::new()
            .with_endpoint(format!("http://127.0.0.1:{port}"))
            .with_allow_http(true)
            .with_region("us-east-1")
            .with_bucket_name("cerium")
            .with_access_key_id(ACCESS_KEY)
            .with_secret_access_key(SECRET_KEY)
            .build()?;
        Ok(Self { store, _tunnel: tunnel })
    }

    /// Uploads the flights and the airlines to `flights/`.
    pub async fn put_flights(&self) -> Result<()> {
        for name in ["flights.csv", "airlines.csv"] {
            self.put_file(&format!("flights/{name}"), &flights::file(name)?).await?;
        }
        Ok(())
    }

    /// Uploads a file in pieces.
    pub async fn put_file(&self, key: &str, file: &std::path::Path) -> Result<()> {
        let bytes = tokio::fs::read(file).await?;
        let upload = self.store.put_multipart(&Path::from(key)).await?;
        let mut write = WriteMultipart::new(upload);
        write.write(&bytes);
        write.finish().await?;
        Ok(())
    }

    /// Puts so many CSV files of a thousand numbers each below `numbers/`: 0 and so on, one a line.
    pub async fn put_numbers(&self, files: usize) -> Result<()> {
        for file in 0..files {
            let lines: Vec<_> = (0..1000).map(|line| (file * 1000 + line).to_string()).collect();
            self.put(&format!("numbers/{file:02}.csv"), &(lines.join("\n") + "\n")).await?;
        }
        Ok(())
    }

    /// Puts one small object.
    pub async fn put(&self, key: &str, content: &str) -> Result<()> {
        self.store.put(&Path::from(key), content.to_owned().into()).await?;
        Ok(())
    }

    /// Keys below a prefix.
    pub async fn list(&self, prefix: &str) -> Result<Vec<String>> {
        let objects: Vec<_> = self.store.list(Some(&Path::from(prefix))).try_collect().await?;
        Ok(objects.into_iter().map(|object| object.location.to_string()).collect())
    }
}

/// What an application sets to reach the server, as a merge patch of its manifest.
pub fn access() -> Value {
    access_as(ACCESS_KEY, SECRET_KEY)
}

/// The same with other credentials.
pub fn access_as(access_key: &str, secret_key: &str) -> Value {
    json!({"spec": {"sparkConf": {
        "spark.hadoop.fs.s3a.endpoint": "http://s3:9000",
        "spark.hadoop.fs.s3a.path.style.access": "true",
        "spark.hadoop.fs.s3a.access.key": access_key,
        "spark.hadoop.fs.s3a.secret.key": secret_key,
    }}})
}

async fn admin(scope: &Scope, arguments: &[&str]) -> Result<String> {
    let mut command = vec!["exec", "deployment/s3", "--", "/usr/local/bin/versitygw", "admin"];
    command.extend([
        "--access",
        ACCESS_KEY,
        "--secret",
        SECRET_KEY,
        "--endpoint-url",
        "http://127.0.0.1:9000",
    ]);
    command.extend(arguments);
    scope.kubectl(&command).await
}
