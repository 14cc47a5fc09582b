//! What Prometheus' clients tell of their process, under their names, read when metrics are fetched.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;

/// Ticks per second in which Linux counts time for programs.
const TICKS_PER_SECOND: f64 = 100.0;

/// The process metrics; absent where there is no /proc.
#[derive(Debug)]
pub struct ProcessCollector;

impl Collector for ProcessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let status = read("/proc/self/status");
        let stat = read("/proc/self/stat");
        let open_files = std::fs::read_dir("/proc/self/fd").ok().map(Iterator::count);
        // What Go's runtime calls goroutines, under the name dashboards know.
        let tasks = tokio::runtime::Handle::try_current().ok();
        let tasks = tasks.map(|runtime| runtime.metrics().num_alive_tasks());
        for (name, help, kind, value) in [
            ("process_cpu_seconds_total", "CPU time used", MetricType::Counter, cpu_seconds(&stat)),
            ("process_open_fds", "Files that are open", MetricType::Gauge, open_files.and_then(number)),
            (
                "process_max_fds",
                "Files that may be open",
                MetricType::Gauge,
                max_files(&read("/proc/self/limits")),
            ),
            ("process_virtual_memory_bytes", "Virtual memory", MetricType::Gauge, memory(&status, "VmSize:")),
            (
                "process_resident_memory_bytes",
                "Resident memory",
                MetricType::Gauge,
                memory(&status, "VmRSS:"),
            ),
            (
                "process_start_time_seconds",
                "Start of the process since the epoch",
                MetricType::Gauge,
                start_seconds(&stat, &read("/proc/stat")),
            ),
            ("go_goroutines", "Tasks under way", MetricType::Gauge, tasks.and_then(number)),
        ] {
            if let Some(value) = value {
                encoder.encode_descriptor(name, help, None, kind)?.encode_gauge(&value)?;
            }
        }
        Ok(())
    }
}

fn number(count: usize) -> Option<f64> {
    u32::try_from(count).ok().map(f64::from)
}

/// A line of /proc/self/status, in bytes.
fn memory(status: &str, name: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024.0)
}

/// A field of /proc/self/stat, counted from 1 as proc(5) does.
fn field(stat: &str, number: usize) -> Option<f64> {
    // The name of the program stands in brackets and may hold blanks; the first field behind it is the third.
    let (_, behind_name) = stat.rsplit_once(')')?;
    behind_name.split_whitespace().nth(number.checked_sub(3)?)?.parse().ok()
}

/// User and system time, in seconds.
fn cpu_seconds(stat: &str) -> Option<f64> {
    Some((field(stat, 14)? + field(stat, 15)?) / TICKS_PER_SECOND)
}

/// When the process started, in seconds since the epoch: the kernel counts from its own start, /proc/stat tells that.
fn start_seconds(stat: &str, of_kernel: &str) -> Option<f64> {
    let boot: f64 = of_kernel.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    Some(boot + field(stat, 22)? / TICKS_PER_SECOND)
}

/// The soft limit of open files in /proc/self/limits.
fn max_files(limits: &str) -> Option<f64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    match line.split_whitespace().next()? {
        "unlimited" => Some(f64::INFINITY),
        soft => soft.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_proc_writes_them() {
        let status = "VmPeak:\t  9 kB\nVmSize:\t  20 kB\nVmRSS:\t   12 kB\n";
        assert_eq!(memory(status, "VmRSS:"), Some(12_288.0));
        assert_eq!(memory(status, "VmSize:"), Some(20_480.0));
        assert_eq!(memory("", "VmRSS:"), None);
        let stat = "7 (a (b) c) S 1 7 7 0 -1 4194560 100 0 0 0 250 150 0 0 20 0 4 0 12050 1 1";
        assert_eq!(cpu_seconds(stat), Some(4.0));
        assert_eq!(cpu_seconds("7 (a) S 1"), None);
        assert_eq!(start_seconds(stat, "cpu 1 2\nbtime 1700000000\n"), Some(1_700_000_120.5));
        let limits = "Limit                     Soft Limit           Hard Limit           Units\n\
                      Max open files            1024                 1048576              files\n";
        assert_eq!(max_files(limits), Some(1024.0));
        assert_eq!(max_files(&limits.replace("1024 ", "unlimited ")), Some(f64::INFINITY));
    }
}
