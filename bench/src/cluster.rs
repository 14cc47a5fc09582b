//! The cluster of KUBECONFIG, through kubectl: time from `kubectl apply` to the
//! first task on an executor, and memory of pods that have nothing to do.
//!
//! Memory is read from /proc, so the node has to be this machine, as it is with
//! `make cluster`.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::figure::{Report, median};
use crate::manifest::SqlApplication;
use crate::process;

/// Runs of which the median counts.
const RUNS: usize = 5;
/// Finished applications the operator's memory is measured with.
const FINISHED: usize = 100;
/// Label of everything this benchmark creates.
const LABEL: &str = "cerium-bench=true";
/// Reads a file that every pod has, on an executor.
const ONE_TASK: &str = "SELECT count(*) AS tasks FROM csv.`file:///etc/hosts`;\n";
/// Enough work for the driver alone to look at idle executors meanwhile.
const DRIVER_ONLY_STATEMENTS: usize = 50_000;
/// The longest an application may take to get anywhere.
const PATIENCE: Duration = Duration::from_mins(2);

/// Adds the cluster's figures, or says why there are none.
pub fn measure(namespace: &str, report: &mut Report) -> Result<()> {
    let kubectl = Kubectl { namespace };
    if let Err(error) = kubectl.run(&["get", "sparkapplications.sparkoperator.k8s.io"]) {
        report.skipped.push(format!("cluster: no cluster with Cerium is to be reached: {error:#}"));
        return Ok(());
    }
    let Some(account) = kubectl.driver_account()? else {
        report.skipped.push(format!("cluster: no service account for drivers in namespace {namespace}"));
        return Ok(());
    };
    let bench = Bench { kubectl, account };
    bench.clear()?;
    let measured = bench.run(report);
    // Leaves nothing behind, and the failure of a measurement comes first.
    let cleared = bench.clear();
    measured.and(cleared)
}

struct Bench<'a> {
    kubectl: Kubectl<'a>,
    account: String,
}

impl Bench<'_> {
    fn run(&self, report: &mut Report) -> Result<()> {
        let mut starts = Vec::new();
        for number in 1..=RUNS {
            eprintln!("cluster: start {number} of {RUNS}");
            starts.push(self.first_task_ms(&format!("bench-start-{number}"))?);
        }
        report.add("kubectl apply to the first executor task", median(&starts), "ms", Some(5000.0));
        eprintln!("cluster: idle pods");
        self.idle_memory(report)?;
        eprintln!("cluster: {FINISHED} applications");
        self.operator_memory(report)
    }

    /// From before `kubectl apply` to the first row of a task's result in the driver's
    /// log: an upper bound of the time to the first running task.
    fn first_task_ms(&self, name: &str) -> Result<f64> {
        let objects = self.application(name, ONE_TASK, 1, false);
        let start = Timestamp::now();
        self.kubectl.apply(&objects)?;
        self.kubectl
            .wait(&format!("sparkapplication/{name}"), "{.status.applicationState.state}=COMPLETED")?;
        let log = self.kubectl.run(&["logs", "--timestamps", &format!("{name}-driver")])?;
        let row = log.lines().filter(|line| line.contains(" |")).nth(1);
        let printed =
            row.and_then(|line| line.split_whitespace().next()).context("no row in the driver's log")?;
        let printed: Timestamp = printed.parse().context("reading a log line's time")?;
        Ok(printed.duration_since(start).as_secs_f64() * 1000.0)
    }

    /// Resident memory of a driver whose executors have started and have no task.
    fn idle_memory(&self, report: &mut Report) -> Result<()> {
        let name = "bench-idle";
        let script = "SELECT 1;\n".repeat(DRIVER_ONLY_STATEMENTS);
        self.kubectl.apply(&self.application(name, &script, 2, false))?;
        let executors = format!("sparkoperator.k8s.io/app-name={name},spark-role=executor");
        let deadline = Instant::now() + PATIENCE;
        let pods = loop {
            let pods = self.kubectl.pods(&executors)?;
            if pods.iter().filter(|pod| pod.ready).count() == 2 {
                break pods;
            }
            if Instant::now() > deadline {
                bail!("the executors of {name} did not start within {} s", PATIENCE.as_secs());
            }
        };
        let driver = self.kubectl.pods(&format!("sparkoperator.k8s.io/app-name={name},spark-role=driver"))?;
        let memory = |pod: &Pod| resident_mib(Some(&pod.uid), &pod.program);
        let executors: Vec<f64> = pods.iter().filter_map(memory).collect();
        match (executors.is_empty(), driver.first().and_then(memory)) {
            (false, Some(driver)) => {
                report.add("idle executor, resident memory", median(&executors), "MiB", Some(80.0));
                report.add("idle driver, resident memory", driver, "MiB", Some(150.0));
            }
            _ => report.skipped.push("cluster: the pods' memory; they do not run on this machine".into()),
        }
        self.kubectl.run(&["delete", "sparkapplication", name, "--wait=false"]).map(drop)
    }

    fn operator_memory(&self, report: &mut Report) -> Result<()> {
        let applications: Vec<Value> = (1..=FINISHED)
            .flat_map(|number| self.application(&format!("bench-finished-{number}"), "SELECT 1;\n", 0, true))
            .collect();
        self.kubectl.apply(&applications)?;
        self.kubectl.wait_all(
            "sparkapplication",
            "cerium-bench-finished=true",
            "{.status.applicationState.state}=COMPLETED",
        )?;
        match resident_mib(None, "cerium-operator") {
            Some(mib) => {
                let name = format!("operator with {FINISHED} finished applications, resident memory");
                report.add(name, mib, "MiB", Some(60.0));
            }
            None => {
                report.skipped.push("cluster: the operator's memory; it does not run on this machine".into());
            }
        }
        Ok(())
    }

    /// A ConfigMap with the script and the application that runs it.
    fn application(&self, name: &str, script: &str, executors: u32, many: bool) -> Vec<Value> {
        let application = SqlApplication {
            name,
            main_file: "local:///opt/bench/program.sql",
            executors: executors.max(1),
            memory: "512m",
            conf: Vec::new(),
        };
        let mut manifest = application.manifest();
        let mut labels = json!({"cerium-bench": "true"});
        if many {
            labels["cerium-bench-finished"] = json!("true");
        }
        manifest["metadata"]["labels"] = labels.clone();
        let spec = &mut manifest["spec"];
        spec["driver"]["serviceAccount"] = json!(self.account);
        spec["driver"]["configMaps"] = json!([{"name": name, "path": "/opt/bench"}]);
        // The node is small, and what is measured is not the scheduler.
        spec["driver"]["coreRequest"] = json!("10m");
        spec["executor"]["coreRequest"] = json!("10m");
        if executors == 0 {
            spec["dynamicAllocation"] =
                json!({"enabled": true, "initialExecutors": 0, "minExecutors": 0, "maxExecutors": 1});
            if let Some(executor) = spec["executor"].as_object_mut() {
                executor.remove("instances");
            }
        }
        let script = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name, "labels": labels},
            "data": {"program.sql": script},
        });
        vec![script, manifest]
    }

    fn clear(&self) -> Result<()> {
        self.kubectl.run(&["delete", "sparkapplications,configmaps", "--selector", LABEL]).map(drop)
    }
}

/// A pod as far as this benchmark looks at it.
struct Pod {
    uid: String,
    program: String,
    ready: bool,
}

struct Kubectl<'a> {
    namespace: &'a str,
}

impl Kubectl<'_> {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("kubectl");
        command.args(["--namespace", self.namespace]).args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> Result<String> {
        let output = self.command(arguments).stdin(Stdio::null()).output().context("starting kubectl")?;
        text_of(output, arguments)
    }

    fn apply(&self, objects: &[Value]) -> Result<()> {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string();
        let arguments = ["apply", "--server-side", "--filename", "-"];
        let mut child = self
            .command(&arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("starting kubectl")?;
        child.stdin.take().context("kubectl has no standard input")?.write_all(list.as_bytes())?;
        text_of(child.wait_with_output()?, &arguments).map(drop)
    }

    fn wait(&self, object: &str, path: &str) -> Result<()> {
        let condition = format!("--for=jsonpath={path}");
        self.run(&["wait", object, &condition, &format!("--timeout={}s", PATIENCE.as_secs())]).map(drop)
    }

    fn wait_all(&self, kind: &str, selector: &str, path: &str) -> Result<()> {
        let condition = format!("--for=jsonpath={path}");
        let patience = format!("--timeout={}s", 10 * PATIENCE.as_secs());
        self.run(&["wait", kind, "--selector", selector, &condition, &patience]).map(drop)
    }

    fn pods(&self, selector: &str) -> Result<Vec<Pod>> {
        let text = self.run(&["get", "pods", "--selector", selector, "--output", "json"])?;
        let list: Value = serde_json::from_str(&text).context("reading kubectl's pods")?;
        let items = list["items"].as_array().cloned().unwrap_or_default();
        Ok(items.iter().filter_map(pod).collect())
    }

    /// The account the chart prepares: the one whose name ends in `-spark`.
    fn driver_account(&self) -> Result<Option<String>> {
        let names = self.run(&["get", "serviceaccounts", "--output", "name"])?;
        let accounts = names.lines().filter_map(|line| line.strip_prefix("serviceaccount/"));
        Ok(accounts.filter(|name| name.ends_with("-spark")).map(str::to_owned).next())
    }
}

fn pod(value: &Value) -> Option<Pod> {
    let role = value["metadata"]["labels"]["spark-role"].as_str()?;
    let conditions = value["status"]["conditions"].as_array()?;
    Some(Pod {
        uid: value["metadata"]["uid"].as_str()?.to_owned(),
        program: format!("cerium-{role}"),
        ready: conditions
            .iter()
            .any(|condition| condition["type"] == "Ready" && condition["status"] == "True"),
    })
}

fn text_of(output: std::process::Output, arguments: &[&str]) -> Result<String> {
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        bail!("kubectl {} failed: {}", arguments.join(" "), words.trim());
    }
    String::from_utf8(output.stdout).context("kubectl's answer is not UTF-8")
}

/// Resident memory of a program on this machine, in the pod of this UID if one is given.
fn resident_mib(pod_uid: Option<&str>, program: &str) -> Option<f64> {
    // systemd's names of control groups have underscores for the UID's hyphens.
    let is_in_pod = |pid: u32| {
        pod_uid.is_none_or(|uid| {
            process::control_groups(pid)
                .is_some_and(|groups| groups.contains(uid) || groups.contains(&uid.replace('-', "_")))
        })
    };
    process::all()
        .into_iter()
        .filter(|pid| process::program(*pid).as_deref() == Some(program) && is_in_pod(*pid))
        .filter_map(|pid| process::memory_mib(pid, "VmRSS:"))
        .reduce(f64::max)
}
