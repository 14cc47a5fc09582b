//! Spark's reader of JSON lines: parser, type inference and decoder.

pub mod decoder;
pub mod infer;
pub mod node;
pub mod options;
