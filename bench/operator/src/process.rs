//! Processes: how they are started so that none outlives this one, and what the kernel says of them.

use std::fs::{self, File};
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use tokio::process::{Child, Command};

/// Ticks of /proc in a second: the same on every Linux.
const TICKS: f64 = 100.0;

/// A running program.
pub struct Process {
    /// Its name, for messages.
    pub name: String,
    child: Child,
}

impl Process {
    /// Starts a program with what it prints in `log`. The kernel ends it when this process ends, however that
    /// comes about.
    pub fn start(program: &Path, arguments: &[String], log: &Path) -> Result<Self> {
        let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        ensure!(program.exists(), "{} is missing: bench/operator/run builds it", program.display());
        let file = File::options().create(true).append(true).open(log)?;
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stderr(file.try_clone()?)
            .stdout(file)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        Ok(Self { name, child })
    }

    /// An error if it has ended.
    pub fn check(&mut self) -> Result<()> {
        let ended = self.child.try_wait()?;
        ensure!(ended.is_none(), "{} ended by itself: {}", self.name, ended.unwrap_or_default());
        Ok(())
    }

    /// Asks it to end and waits until it has.
    pub async fn stop(mut self) -> Result<()> {
        let id = self.id()?;
        let asked = Command::new("sh").arg("-c").arg(format!("kill {id}")).status().await?;
        ensure!(asked.success(), "{} ended by itself", self.name);
        self.child.wait().await?;
        Ok(())
    }

    /// Ends it at once.
    pub async fn kill(mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }

    /// Seconds of CPU it has used so far.
    pub fn cpu_seconds(&self) -> Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.id()?))?;
        ticks(&stat).map(|ticks| ticks / TICKS).context("unexpected form of /proc/PID/stat")
    }

    /// A line of /proc/PID/status that counts KiB, in MiB: `VmRSS:` is resident now, `VmHWM:` the most it
    /// ever was.
    pub fn memory_mib(&self, line: &str) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id()?))?;
        let value = status.lines().find_map(|text| text.strip_prefix(line)).context("no such line")?;
        let kib: f64 = value.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kib / 1024.0)
    }

    fn id(&self) -> Result<u32> {
        self.child.id().with_context(|| format!("{} has ended", self.name))
    }
}

/// User and system time; what stands before the last parenthesis is the program's name.
fn ticks(stat: &str) -> Option<f64> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let of = |index: usize| fields.get(index)?.parse::<f64>().ok();
    Some(of(11)? + of(12)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_of_a_process_are_found_behind_its_name() {
        let stat = "7 (a b) c) S 1 2 3 4 5 6 7 8 9 10 120 30 0 0 20 0 9 0 100 0";
        assert_eq!(ticks(stat), Some(150.0));
        assert_eq!(ticks("7 (a"), None);
    }
}
