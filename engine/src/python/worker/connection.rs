//! One worker: its process, and the socket over which it is spoken to.

use std::io::{self, Read};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::super::files::Placed;
use super::WorkerError;
use super::daemon::{Address, Daemon};
use super::header::{Dialect, Writer};

/// Both directions of a socket.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// The socket as the system has it, of no runtime, so that a worker outlives the one it began in.
#[derive(Debug)]
enum Socket {
    Unix(UnixStream),
    Tcp(TcpStream),
}

/// A worker process. Dropping it kills the process.
#[derive(Debug)]
pub struct Worker {
    daemon: Arc<Daemon>,
    pid: i32,
    socket: Socket,
    /// The session's files that it works with.
    pub files: Option<Arc<Placed>>,
}

impl Worker {
    /// Has the daemon fork a worker.
    pub async fn connect(daemon: Arc<Daemon>) -> Result<Self, WorkerError> {
        let lost = WorkerError::Crashed;
        let socket = match &daemon.address {
            Address::Unix(path) => {
                let socket = tokio::net::UnixStream::connect(path).await.map_err(lost)?;
                Socket::Unix(socket.into_std().map_err(lost)?)
            }
            Address::Tcp(port) => {
                let to = (Ipv4Addr::LOCALHOST, *port);
                let socket = tokio::net::TcpStream::connect(to).await.map_err(lost)?;
                socket.set_nodelay(true).map_err(lost)?;
                Socket::Tcp(socket.into_std().map_err(lost)?)
            }
        };
        let needs_secret = matches!(socket, Socket::Tcp(_));
        let mut worker = Self { daemon, pid: 0, socket, files: None };
        let mut stream = worker.stream().map_err(lost)?;
        worker.pid = stream.read_i32().await.map_err(lost)?;
        if worker.pid <= 0 {
            return Err(WorkerError::Fork(worker.pid));
        }
        if needs_secret {
            let mut secret = Writer::default();
            secret.text(&worker.daemon.secret);
            stream.write_all(&secret.into_bytes()).await.map_err(lost)?;
            stream.flush().await.map_err(lost)?;
            let mut answer = [0; 6];
            stream.read_exact(&mut answer).await.map_err(lost)?;
            if &answer[4..] != b"ok" {
                return Err(WorkerError::Protocol("a refusal of its secret".into()));
            }
        }
        Ok(worker)
    }

    /// The id of its process.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// How it is spoken to.
    pub fn dialect(&self) -> Dialect {
        self.daemon.dialect
    }

    /// The socket in the current runtime.
    pub fn stream(&self) -> io::Result<Box<dyn Stream>> {
        Ok(match &self.socket {
            Socket::Unix(socket) => Box::new(tokio::net::UnixStream::from_std(socket.try_clone()?)?),
            Socket::Tcp(socket) => Box::new(tokio::net::TcpStream::from_std(socket.try_clone()?)?),
        })
    }

    /// Whether it still waits for a task: nothing is there to be read, neither bytes nor an end.
    pub fn waits(&self) -> bool {
        let mut byte = [0];
        let read = match &self.socket {
            Socket::Unix(socket) => (&mut &*socket).read(&mut byte),
            Socket::Tcp(socket) => (&mut &*socket).read(&mut byte),
        };
        matches!(read, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if self.pid > 0 {
            self.daemon.kill(self.pid);
        }
        let closed = match &self.socket {
            Socket::Unix(socket) => socket.shutdown(Shutdown::Both),
            Socket::Tcp(socket) => socket.shutdown(Shutdown::Both),
        };
        if let Err(error) = closed {
            tracing::debug!(pid = self.pid, %error, "the socket of a Python worker was closed before");
        }
    }
}
