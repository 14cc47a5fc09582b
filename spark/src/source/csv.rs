//! Spark's CSV reader: options, tokenizer, type inference and decoder.

pub mod decoder;
pub mod infer;
pub mod options;
pub mod tokenizer;
