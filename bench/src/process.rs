//! Processes as the kernel shows them in /proc: who started whom, and how much
//! memory they use.

use std::collections::BTreeMap;
use std::fs;

/// Highest resident memory seen of a process, in MiB.
#[derive(Debug, Clone, PartialEq)]
pub struct PeakMemory {
    /// The program's name.
    pub program: String,
    /// MiB.
    pub mib: f64,
}

/// The memory of a process and of what it started, followed while they live.
#[derive(Default)]
pub struct MemoryWatch {
    peaks: BTreeMap<u32, PeakMemory>,
}

impl MemoryWatch {
    /// Looks once at `root` and its children. The kernel keeps the peak of a
    /// process, so only what it grows in its last moments can be missed.
    pub fn look(&mut self, root: u32) {
        let mut waiting = vec![root];
        while let Some(pid) = waiting.pop() {
            waiting.extend(children(pid));
            // A process that has ended meanwhile keeps the last peak seen.
            if let (Some(program), Some(mib)) = (program(pid), memory_mib(pid, "VmHWM:")) {
                self.peaks.insert(pid, PeakMemory { program, mib });
            }
        }
    }

    /// The highest peak among the processes of a program, in MiB.
    pub fn peak(&self, program: &str) -> Option<f64> {
        self.peaks.values().filter(|peak| peak.program == program).map(|peak| peak.mib).reduce(f64::max)
    }
}

/// The file name of the program a process runs.
pub fn program(pid: u32) -> Option<String> {
    let arguments = arguments(pid)?;
    arguments.iter().find_map(|argument| {
        let name = argument.rsplit('/').next().unwrap_or(argument);
        name.starts_with("cerium-").then(|| name.to_owned())
    })
}

/// All process ids.
pub fn all() -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// A line of /proc/PID/status that counts KiB, in MiB: `VmRSS:` is resident now,
/// `VmHWM:` the most it ever was.
pub fn memory_mib(pid: u32, line: &str) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    memory_line(&status, line)
}

fn memory_line(status: &str, line: &str) -> Option<f64> {
    let value = status.lines().find_map(|text| text.strip_prefix(line))?;
    let kib: f64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1024.0)
}

/// The control groups of a process; in a pod they name the pod's UID.
pub fn control_groups(pid: u32) -> Option<String> {
    fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()
}

fn arguments(pid: u32) -> Option<Vec<String>> {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    Some(bytes.split(|byte| *byte == 0).map(|part| String::from_utf8_lossy(part).into_owned()).collect())
}

/// The processes that a process has started and that still run.
pub fn children(pid: u32) -> Vec<u32> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    tasks
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("children")).ok())
        .flat_map(|text| text.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<u32>>())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_proc_status_is_read_in_mib() {
        let status = "Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1536 kB\n";
        assert_eq!(memory_line(status, "VmHWM:"), Some(2.0));
        assert_eq!(memory_line(status, "VmRSS:"), Some(1.5));
        assert_eq!(memory_line(status, "VmSwap:"), None);
    }
}
