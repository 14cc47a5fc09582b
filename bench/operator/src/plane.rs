//! The control plane that is measured on: etcd, API server, scheduler and KWOK as processes on free ports.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use k8s_openapi::api::core::v1::{Namespace, Node, ServiceAccount};
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{GetParams, PostParams, Request};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use serde::Deserialize;
use serde_json::json;
use tempfile::TempDir;
use tokio::process::Command;

use crate::process::Process;

/// The namespace of all applications.
pub const NAMESPACE: &str = "bench";
/// Who may do what; the audit log knows the operator by its name.
const TOKENS: &str = "bench,bench,1,system:masters\noperator,operator,2,operators\nkwok,kwok,3,system:masters\n\
                      scheduler,scheduler,4,system:masters\n";
/// Nodes, each large enough for everything.
const NODES: usize = 20;
/// How long a part may take to answer.
const PATIENCE: Duration = Duration::from_mins(1);

/// Where the programs are.
pub struct Programs {
    /// Folder of etcd, kube-apiserver and kube-scheduler.
    pub cluster: PathBuf,
    /// KWOK.
    pub kwok: PathBuf,
    /// The repository.
    pub repository: PathBuf,
}

/// A running control plane. It ends, and its data are removed, when this is dropped.
pub struct Plane {
    /// A client that may do everything.
    pub client: Client,
    // In the order of their end.
    players: Vec<Process>,
    servers: Vec<Process>,
    folder: TempDir,
}

impl Plane {
    /// Starts everything, with Cerium's definitions, a namespace and nodes.
    pub async fn start(programs: &Programs) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("cerium-operator-bench-").tempdir()?;
        let at = |name: &str| folder.path().join(name);
        let (etcd_port, peer_port, api_port) = (free_port()?, free_port()?, free_port()?);
        let (etcd_url, peer_url) =
            (format!("http://127.0.0.1:{etcd_port}"), format!("http://127.0.0.1:{peer_port}"));
        std::fs::write(at("tokens"), TOKENS)?;
        make_key(&at("accounts.key")).await?;

        let etcd = [
            option("data-dir", at("etcd").display()),
            option("unsafe-no-fsync", true),
            option("quota-backend-bytes", 4_u64 << 30),
            option("listen-client-urls", &etcd_url),
            option("advertise-client-urls", &etcd_url),
            option("listen-peer-urls", &peer_url),
            option("log-level", "warn"),
        ];
        let mut etcd = Process::start(&programs.cluster.join("etcd"), &etcd, &at("etcd.log"))?;
        let audit = programs.repository.join("bench/operator/audit.yaml");
        let api_server = [
            option("etcd-servers", &etcd_url),
            option("bind-address", "127.0.0.1"),
            option("secure-port", api_port),
            option("advertise-address", "127.0.0.1"),
            // Nothing reaches the API server by its Service.
            option("endpoint-reconciler-type", "none"),
            option("service-cluster-ip-range", "10.96.0.0/12"),
            option("authorization-mode", "RBAC"),
            option("token-auth-file", at("tokens").display()),
            option("service-account-issuer", "https://kubernetes.default.svc"),
            option("service-account-key-file", at("accounts.key").display()),
            option("service-account-signing-key-file", at("accounts.key").display()),
            option("cert-dir", at("pki").display()),
            // Its taint is taken off by the controller manager, which does not run here.
            option("disable-admission-plugins", "TaintNodesByCondition"),
            option("audit-policy-file", audit.display()),
            option("audit-log-path", at("audit.log").display()),
        ];
        let mut api =
            Process::start(&programs.cluster.join("kube-apiserver"), &api_server, &at("apiserver.log"))?;
        for user in ["bench", "operator", "kwok", "scheduler"] {
            let config = kubeconfig(user, api_port, &at("pki/apiserver.crt"));
            std::fs::write(at(user), config.to_string())?;
        }
        let client = loop_until("the API server", async || {
            etcd.check()?;
            api.check().with_context(|| log_end(&at("apiserver.log")))?;
            // Its certificate is there only when it has started.
            let Ok(client) = client(&at("bench")).await else { return Ok(None) };
            let ready = client.request_text(Request::new("").get("readyz", &GetParams::default())?).await;
            Ok(ready.is_ok().then_some(client))
        })
        .await?;
        define(&client, &programs.repository.join("crds/generated")).await?;
        populate(&client).await?;

        let scheduler = [
            option("kubeconfig", at("scheduler").display()),
            option("leader-elect", false),
            option("secure-port", 0),
        ];
        let kwok = [
            option("kubeconfig", at("kwok").display()),
            option("config", programs.repository.join("bench/operator/stages.yaml").display()),
            option("manage-all-nodes", true),
        ];
        let players = vec![
            Process::start(&programs.cluster.join("kube-scheduler"), &scheduler, &at("scheduler.log"))?,
            Process::start(&programs.kwok, &kwok, &at("kwok.log"))?,
        ];
        Ok(Self { client, players, servers: vec![api, etcd], folder })
    }

    /// The file by which the operator reaches the API server.
    pub fn operator_access(&self) -> PathBuf {
        self.folder.path().join("operator")
    }

    /// What the operator asked of the API server, one JSON object a line.
    pub fn audit_log(&self) -> PathBuf {
        self.folder.path().join("audit.log")
    }

    /// Where the operator logs.
    pub fn operator_log(&self) -> PathBuf {
        self.folder.path().join("operator.log")
    }

    /// An error if a part has ended.
    pub fn check(&mut self) -> Result<()> {
        for process in self.players.iter_mut().chain(&mut self.servers) {
            let log = self.folder.path().join(process.name.trim_start_matches("kube-")).with_extension("log");
            process.check().with_context(|| log_end(&log))?;
        }
        Ok(())
    }

    /// Ends everything and waits until it has ended.
    pub async fn stop(mut self) -> Result<()> {
        self.stop_nodes().await?;
        for process in self.servers.drain(..) {
            process.kill().await?;
        }
        Ok(())
    }

    /// Ends scheduler and nodes: nothing happens any more but what the operator does.
    pub async fn stop_nodes(&mut self) -> Result<()> {
        for process in self.players.drain(..) {
            process.stop().await?;
        }
        Ok(())
    }
}

fn option(name: &str, value: impl std::fmt::Display) -> String {
    format!("--{name}={value}")
}

/// A port nobody listens at; the operating system does not give it out again soon.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

async fn make_key(path: &Path) -> Result<()> {
    let mut command = Command::new("openssl");
    command.args(["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out"]).arg(path);
    let made = command.status().await.context("cannot start openssl")?;
    if !made.success() {
        bail!("openssl made no key");
    }
    Ok(())
}

fn kubeconfig(user: &str, port: u16, authority: &Path) -> serde_json::Value {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "bench",
        "clusters": [{"name": "bench", "cluster": {
            "server": format!("https://127.0.0.1:{port}"), "certificate-authority": authority,
        }}],
        "users": [{"name": user, "user": {"token": user}}],
        "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": user}}],
    })
}

async fn client(kubeconfig: &Path) -> Result<Client> {
    let config = Kubeconfig::read_from(kubeconfig)?;
    Ok(Client::try_from(Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await?)?)
}

/// Asks until there is an answer, for a minute.
async fn loop_until<T>(what: &str, mut look: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(answer) = look().await? {
            return Ok(answer);
        }
        if start.elapsed() > PATIENCE {
            bail!("timed out after {PATIENCE:?} waiting for {what}");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The last lines of a log.
pub fn log_end(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(10)..].join("\n")
}

/// Cerium's definitions, as `make golden` wrote them.
async fn define(client: &Client, folder: &Path) -> Result<()> {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    for entry in std::fs::read_dir(folder)? {
        let text = std::fs::read_to_string(entry?.path())?;
        for document in serde_yaml::Deserializer::from_str(&text) {
            let definition = CustomResourceDefinition::deserialize(document)?;
            let name = api.create(&PostParams::default(), &definition).await?.metadata.name;
            let name = name.unwrap_or_default();
            loop_until(&format!("the definition {name}"), async || {
                let status = api.get(&name).await?.status.unwrap_or_default();
                let mut conditions = status.conditions.into_iter().flatten();
                let established = conditions.any(|one| one.type_ == "Established" && one.status == "True");
                Ok(established.then_some(()))
            })
            .await?;
        }
    }
    Ok(())
}

async fn populate(client: &Client) -> Result<()> {
    let parameters = PostParams::default();
    let namespace: Namespace = serde_json::from_value(json!({"metadata": {"name": NAMESPACE}}))?;
    Api::all(client.clone()).create(&parameters, &namespace).await?;
    for name in ["default", "spark-operator-spark"] {
        let account: ServiceAccount = serde_json::from_value(json!({"metadata": {"name": name}}))?;
        Api::namespaced(client.clone(), NAMESPACE).create(&parameters, &account).await?;
    }
    // Not one of the masters, whose requests are not limited.
    let binding: ClusterRoleBinding = serde_json::from_value(json!({
        "metadata": {"name": "operators"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "operators"}],
    }))?;
    Api::all(client.clone()).create(&parameters, &binding).await?;
    for number in 0..NODES {
        let size = json!({"cpu": "10k", "memory": "100Ti", "pods": "10k", "ephemeral-storage": "100Ti"});
        let node: Node = serde_json::from_value(json!({
            "metadata": {"name": format!("node-{number}")},
            "status": {"capacity": size, "allocatable": size},
        }))?;
        Api::all(client.clone()).create(&parameters, &node).await?;
    }
    Ok(())
}
