//! The cluster the tests run on, and the command line tools a user would call.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use k8s_openapi::api::core::v1::Node;
use kube::api::{ListParams, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::sync::OnceCell;

/// Where `e2e/cluster/up` leaves its kubeconfig and its tools.
const OWN_CLUSTER: &str = "/run/cerium-cluster";

/// The custom resource definitions are applied once for all tests of this process.
static DEFINITIONS: OnceCell<()> = OnceCell::const_new();

/// A cluster that answers.
#[derive(Clone)]
pub struct Cluster {
    /// A client of its API server.
    pub client: Client,
    /// The file that gives access to it.
    pub kubeconfig: PathBuf,
}

impl Cluster {
    /// The cluster of `KUBECONFIG`, else the one of `e2e/cluster/up`; none if there is neither.
    /// A cluster that is named and does not answer is an error.
    pub async fn find() -> Result<Option<Self>> {
        let kubeconfig = match std::env::var_os("KUBECONFIG").filter(|path| !path.is_empty()) {
            Some(path) => PathBuf::from(path),
            None if Path::new(OWN_CLUSTER).join("ready").exists() => {
                Path::new(OWN_CLUSTER).join("kubeconfig")
            }
            None => return Ok(None),
        };
        let config = Kubeconfig::read_from(&kubeconfig)
            .with_context(|| format!("cannot read the kubeconfig {}", kubeconfig.display()))?;
        let config = Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await?;
        let cluster = Self { client: Client::try_from(config)?, kubeconfig };
        cluster.client.apiserver_version().await.context("the cluster does not answer")?;
        let definitions = repository().join("crds/generated");
        DEFINITIONS
            .get_or_try_init(async || -> Result<()> {
                let folder = definitions.to_str().context("the path of the repository is not UTF-8")?;
                cluster.kubectl(&["apply", "--server-side", "--force-conflicts", "-f", folder]).await?;
                // kubectl gives up on a definition that has no conditions yet.
                let wait = ["wait", "--for=condition=Established", "--timeout=30s", "-f", folder];
                let established = async {
                    while let Err(error) = cluster.kubectl(&wait).await {
                        if !error.to_string().contains("accessor error") {
                            return Err(error);
                        }
                        tokio::time::sleep(Duration::from_millis(200)).await;
                    }
                    Ok(())
                };
                tokio::time::timeout(Duration::from_mins(1), established)
                    .await
                    .context("the definitions are not established")?
            })
            .await?;
        Ok(Some(cluster))
    }

    /// Whether nodes offer so much of an extended resource. The node of `e2e/cluster/up` is told that it has
    /// it, as Kubernetes' documentation does ("Advertise Extended Resources for a Node").
    pub async fn offers(&self, resource: &str, quantity: u32) -> Result<bool> {
        let nodes = Api::<Node>::all(self.client.clone());
        let list = nodes.list(&ListParams::default()).await?.items;
        let has = |node: &Node| {
            let allocatable = node.status.as_ref().and_then(|status| status.allocatable.as_ref());
            allocatable.is_some_and(|all| all.contains_key(resource))
        };
        if list.iter().any(has) {
            return Ok(true);
        }
        if !self.kubeconfig.starts_with(OWN_CLUSTER) {
            return Ok(false);
        }
        let amount = json!({resource: quantity.to_string()});
        let status = Patch::Merge(json!({"status": {"capacity": amount, "allocatable": amount}}));
        for node in list.iter().filter_map(|node| node.metadata.name.as_deref()) {
            nodes.patch_status(node, &PatchParams::default(), &status).await?;
        }
        Ok(!list.is_empty())
    }

    /// Runs kubectl and returns what it prints.
    pub async fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        run(self.command("kubectl", arguments), None).await
    }

    /// Runs kubectl with `input` as its standard input.
    pub async fn kubectl_with(&self, arguments: &[&str], input: &str) -> Result<String> {
        run(self.command("kubectl", arguments), Some(input)).await
    }

    /// Runs helm and returns what it prints.
    pub async fn helm(&self, arguments: &[&str]) -> Result<String> {
        run(self.command("helm", arguments), None).await
    }

    /// A tool with access to this cluster, not yet started; it ends with the test.
    pub fn command(&self, tool: &str, arguments: &[&str]) -> Command {
        let own = Path::new(OWN_CLUSTER).join("bin").join(tool);
        let mut command = Command::new(if own.exists() { own } else { PathBuf::from(tool) });
        command.args(arguments).env("KUBECONFIG", &self.kubeconfig).kill_on_drop(true);
        command
    }
}

/// The root of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(PathBuf::new, Path::to_path_buf)
}

/// Where built parts and data are kept between runs.
pub fn cache() -> Result<PathBuf> {
    if let Some(cache) = std::env::var_os("CERIUM_CACHE") {
        return Ok(cache.into());
    }
    let base = match std::env::var_os("XDG_CACHE_HOME") {
        Some(base) => PathBuf::from(base),
        None => Path::new(&std::env::var_os("HOME").context("HOME is not set")?).join(".cache"),
    };
    Ok(base.join("cerium"))
}

/// A program of this repository, as it was built last.
pub fn binary(name: &str) -> Result<PathBuf> {
    let folder = match std::env::var_os("CERIUM_BIN_DIR") {
        Some(folder) => folder.into(),
        None => match std::env::var_os("CARGO_TARGET_DIR") {
            Some(target) => PathBuf::from(target).join("debug"),
            None => cache()?.join("target/debug"),
        },
    };
    let binary = folder.join(name);
    ensure!(binary.exists(), "{} is missing: run `make build` first", binary.display());
    Ok(binary)
}

async fn run(mut command: Command, input: Option<&str>) -> Result<String> {
    let shown = format!("{:?}", command.as_std());
    command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("cannot start {shown}"))?;
    if let Some(input) = input {
        let mut stdin = child.stdin.take().context("the tool has no standard input")?;
        stdin.write_all(input.as_bytes()).await?;
    }
    let output = child.wait_with_output().await?;
    if !output.status.success() {
        bail!("{shown} ended with {}:\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?)
}
