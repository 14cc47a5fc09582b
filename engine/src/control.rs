//! What the driver tells executors beside their tasks, at the port of their shuffle service.

use std::fmt;

use prost::Message;

/// The name of the service.
pub const SERVICE: &str = "cerium.Control";
/// The path of its only method.
pub const TELL: &str = "/cerium.Control/Tell";

/// An order for an executor.
#[derive(Clone, PartialEq, Message)]
pub struct Order {
    /// What is to be done.
    #[prost(oneof = "What", tags = "1, 2")]
    pub what: Option<What>,
}

/// What is to be done.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum What {
    /// Log at this level from now on.
    #[prost(string, tag = "1")]
    LogLevel(String),
    /// Delete the copy of the broadcast with this content (the SHA-256 of it in hexadecimal digits).
    #[prost(string, tag = "2")]
    ForgetBroadcast(String),
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LogLevel(level) => write!(f, "log level {level}"),
            Self::ForgetBroadcast(content) => write!(f, "forget broadcast {content}"),
        }
    }
}

/// An order was carried out.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Done {}
