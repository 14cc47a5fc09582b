//! How a failure is told: on standard error, and to the kubelet so that the operator can pass it on.

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;

/// The kubelet keeps this much of a termination message, in bytes.
const MESSAGE_LIMIT: usize = 4096;
/// The file the kubelet reads (`terminationMessagePath`'s default).
const MESSAGE_FILE: &str = "/dev/termination-log";

/// Writes `error` with its causes to standard error and, inside a pod, to the termination message.
pub fn report(error: &dyn Error) {
    let text = describe(error);
    eprintln!("{text}");
    let file = Path::new(MESSAGE_FILE);
    if file.is_file()
        && let Err(problem) = std::fs::write(file, cut(&text))
    {
        tracing::warn!(%problem, "failed to write the termination message");
    }
}

/// The error and its causes, each once, from the outermost inwards.
fn describe(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            let _ = write!(text, ": {inner_text}");
        }
        cause = inner.source();
    }
    text
}

/// The longest prefix of whole characters that the kubelet keeps.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MESSAGE_LIMIT)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Link {
        text: &'static str,
        source: Option<Box<Link>>,
    }

    #[test]
    fn causes_follow_once_each() {
        let inner = Link { text: "connection refused", source: None };
        let repeated = Link { text: "connection refused", source: Some(Box::new(inner)) };
        let outer = Link { text: "failed to read s3a://b/k", source: Some(Box::new(repeated)) };
        assert_eq!(describe(&outer), "failed to read s3a://b/k: connection refused");
    }

    #[test]
    fn a_message_is_cut_between_characters() {
        let text = "ä".repeat(MESSAGE_LIMIT);
        assert_eq!(cut(&text).len(), MESSAGE_LIMIT);
        let odd = format!("x{text}");
        assert_eq!(cut(&odd).len(), MESSAGE_LIMIT - 1);
    }
}
