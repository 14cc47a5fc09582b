//! The process of a Python program: what it prints, how it is asked to end, how it ended.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::net::unix::pipe;
use tokio::process::{Child, Command};

use crate::signals::{EndSignal, told_to_end};

/// How long a program that was asked to end may take: less than the 30 seconds a pod usually gets, for the
/// driver has to end as well.
const GRACE: Duration = Duration::from_secs(20);
/// How much of the end of standard error is kept, in bytes.
const KEPT: usize = 8 << 10;
/// How much of that is told, in bytes.
const TOLD: usize = 2 << 10;

/// Why a process could not be run.
#[derive(Debug)]
pub enum ProcessError {
    /// It did not start.
    Start(io::Error),
    /// It was lost sight of.
    Follow(io::Error),
}

/// How a process ended.
#[derive(Debug)]
pub struct Exit {
    /// Its exit code or signal.
    pub status: ExitStatus,
    /// The signal that was passed on to it.
    pub told: Option<EndSignal>,
    /// The error it ended with, as it stands on standard error.
    pub last_words: String,
}

/// Runs `command` to its end. Standard output is this process's own; standard error is passed through as
/// it comes. `python` is an interpreter.
pub async fn run(mut command: Command, python: &OsStr) -> Result<Exit, ProcessError> {
    let (sender, receiver) = pipe::pipe().map_err(ProcessError::Follow)?;
    let stderr = sender.into_blocking_fd().map_err(ProcessError::Follow)?;
    // A group of its own: a Ctrl-C in the terminal reaches it once, by way of the driver.
    command.stderr(Stdio::from(stderr)).process_group(0).kill_on_drop(true);
    let mut child = command.spawn().map_err(ProcessError::Start)?;
    // It holds the writing end of the pipe, which must close with the program.
    drop(command);

    let mut tail = Tail::default();
    let (status, told) = tokio::select! {
        ended = follow(&mut child, python) => ended.map_err(ProcessError::Follow)?,
        error = pass_on(&receiver, &mut tail) => return Err(ProcessError::Follow(error)),
    };
    // What the program wrote is in the pipe by now; what its children may still write is not waited for.
    while let Ok(1..) = tail.take(&receiver) {}
    Ok(Exit { status, told, last_words: tail.last_words() })
}

/// Waits for the end of the process; asks it to end when this process is asked.
async fn follow(child: &mut Child, python: &OsStr) -> io::Result<(ExitStatus, Option<EndSignal>)> {
    let signal = tokio::select! {
        status = child.wait() => return Ok((status?, None)),
        signal = told_to_end() => signal?,
    };
    tracing::info!("passing {signal} on to the program");
    if let Err(error) = send(child, signal, python).await {
        tracing::warn!("failed to pass {signal} on to the program: {error}");
    }
    if let Ok(status) = tokio::time::timeout(GRACE, child.wait()).await {
        return Ok((status?, Some(signal)));
    }
    tracing::warn!("the program did not end within {GRACE:?} and is killed");
    child.kill().await?;
    Ok((child.wait().await?, Some(signal)))
}

/// Sends a signal. The interpreter does it: an image need not have a `kill`, but it has Python.
async fn send(child: &Child, signal: EndSignal, python: &OsStr) -> io::Result<()> {
    let Some(id) = child.id() else { return Ok(()) };
    let status = Command::new(python)
        .args(["-I", "-S", "-c", "import os, sys; os.kill(int(sys.argv[1]), int(sys.argv[2]))"])
        .args([id.to_string(), signal.number().to_string()])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .await?;
    if status.success() { Ok(()) } else { Err(io::Error::other(status.to_string())) }
}

/// Passes standard error on. Ends only by an error: the pipe may be closed before the process ends.
async fn pass_on(receiver: &pipe::Receiver, tail: &mut Tail) -> io::Error {
    loop {
        if let Err(error) = receiver.readable().await {
            return error;
        }
        match tail.take(receiver) {
            Ok(0) => std::future::pending::<()>().await,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return error,
        }
    }
}

/// The end of what was written to standard error.
#[derive(Default)]
struct Tail(Vec<u8>);

impl Tail {
    /// Reads what is there, passes it on and keeps its end. Gives the number of bytes, 0 at the end.
    fn take(&mut self, receiver: &pipe::Receiver) -> io::Result<usize> {
        let mut buffer = [0; 8 << 10];
        let read = receiver.try_read(&mut buffer)?;
        let mut stderr = io::stderr().lock();
        stderr.write_all(&buffer[..read])?;
        stderr.flush()?;
        self.0.extend_from_slice(&buffer[..read]);
        let excess = self.0.len().saturating_sub(KEPT);
        self.0.drain(..excess);
        Ok(read)
    }

    fn last_words(&self) -> String {
        last_words(&String::from_utf8_lossy(&self.0))
    }
}

/// The error of the last traceback, else the last line.
pub(super) fn last_words(text: &str) -> String {
    let words = match text.rsplit_once("Traceback (most recent call last):\n") {
        Some((_, traceback)) => {
            let is_frame = |line: &str| line.starts_with(' ') || line.trim().is_empty();
            let frames: usize =
                traceback.split_inclusive('\n').take_while(|line| is_frame(line)).map(str::len).sum();
            traceback[frames..].trim()
        }
        None => text.trim_end().lines().next_back().unwrap_or_default().trim(),
    };
    words[..words.floor_char_boundary(TOLD)].to_owned()
}

/// The exit code, or the number of the signal that ended the process.
pub fn code_or_signal(status: ExitStatus) -> Result<u8, u8> {
    match status.code() {
        Some(code) => Ok(code as u8),
        None => Err(status.signal().unwrap_or_default() as u8),
    }
}
