//! Spark properties: which keys Cerium knows, what their values mean, and how a set of them is read,
//! written and asked; and the names of environment variables, ports and paths on which operator, driver and
//! executor agree. No I/O happens here.
//!
//! ```
//! use cerium_conf::{SparkConf, keys};
//!
//! let mut conf = SparkConf::new();
//! conf.set("spark.executor.memory", "2g");
//! assert_eq!(conf.get(&keys::EXECUTOR_MEMORY)?.mebibytes(), 2048);
//! assert_eq!(conf.get(&keys::EXECUTOR_CORES)?, 1);
//! # Ok::<(), cerium_conf::ConfError>(())
//! ```

mod conf;
pub mod env;
mod hadoop;
mod key;
pub mod keys;
pub mod paths;
pub mod ports;
mod properties;
mod redaction;
mod reference;
mod size;
mod time;
mod value;

pub use conf::SparkConf;
pub use hadoop::{HadoopFileError, properties as hadoop_properties};
pub use key::{ConfError, ConfKey, Effect, Key, KeyInfo, OptionalConfKey};
pub use properties::PropertiesError;
pub use redaction::{REDACTED, is_sensitive};
pub use reference::reference_markdown;
pub use size::{ByteSize, SizeError, SizeUnit, bytes_to_string};
pub use time::{SparkDuration, TimeError, TimeUnit};
pub use value::BlockCodec;

/// The version of Spark whose behaviour is followed, and in which programs are to believe.
pub const SPARK_VERSION: &str = "4.1.1";
