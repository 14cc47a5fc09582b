//! Whether memory and open files grow over many queries and many sessions of Spark Connect.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::figure::Report;
use crate::process;
use crate::server::start_cerium;

/// Name, sessions and queries of each.
const PHASES: [(&str, u32, u32); 2] =
    [("2,000 queries in one session", 1, 2000), ("200 sessions of 4 queries", 200, 4)];
/// What is loaded, pooled and cached at first.
const WARM_UP: (u32, u32) = (1, 400);
/// Growth that is not told from an allocator's play, in MiB.
const PLAY: f64 = 10.0;

/// All processes of a server at one moment.
struct State {
    memory_mib: f64,
    open_files: usize,
}

/// Adds what grew from the warm-up to the end of each phase.
pub fn measure(driver: &Path, python: &Path, report: &mut Report) -> Result<()> {
    if !python.exists() {
        report.skipped.push(format!("soak: no {}; scripts/python makes it", python.display()));
        return Ok(());
    }
    let (server, remote) = start_cerium(driver, python, &[])?;
    let use_it = |sessions: u32, queries: u32| -> Result<()> {
        let output = Command::new(python)
            .args(["-W", "ignore", "bench/soak.py", &remote, &sessions.to_string(), &queries.to_string()])
            .output()
            .with_context(|| format!("starting {}", python.display()))?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    };
    eprintln!("soak: warming up");
    use_it(WARM_UP.0, WARM_UP.1)?;
    let before = State::of(server.id());
    report.add("soak, memory of all processes after warming up", before.memory_mib, "MiB", None);
    for (name, sessions, queries) in PHASES {
        eprintln!("soak: {name}");
        use_it(sessions, queries)?;
        let after = State::of(server.id());
        let files = after.open_files as f64 - before.open_files as f64;
        report.add(format!("soak, {name}: memory"), after.memory_mib - before.memory_mib, "MiB", Some(PLAY));
        report.add(format!("soak, {name}: open files, more"), files, "", Some(0.0));
    }
    Ok(())
}

impl State {
    /// Of a process and all it has started, executors and Python workers among them.
    fn of(root: u32) -> Self {
        let mut state = Self { memory_mib: 0.0, open_files: 0 };
        let mut waiting = vec![root];
        while let Some(pid) = waiting.pop() {
            waiting.extend(process::children(pid));
            state.memory_mib += process::memory_mib(pid, "VmRSS:").unwrap_or_default();
            state.open_files += std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
        }
        state
    }
}
