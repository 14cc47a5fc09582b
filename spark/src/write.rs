//! What a program asked to be written: the target, format, mode and options, as plain data.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use cerium_conf::{Key, SparkConf, keys};
use serde::{Deserialize, Serialize};

/// The file formats Cerium writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileFormat {
    #[default]
    Parquet,
    Csv,
    Json,
    Text,
    Orc,
}

/// The short name, in lower case, of a data source that may go by the name of a class or package of
/// earlier versions of Spark.
pub fn short_name(provider: &str) -> String {
    let name = provider.to_ascii_lowercase();
    let package = ["org.apache.spark.sql.execution.datasources.", "org.apache.spark.sql."];
    let inner = package.iter().find_map(|package| name.strip_prefix(package));
    match inner.map(|inner| inner.split_once('.').map_or(inner, |(first, _)| first)) {
        Some(known @ ("parquet" | "orc" | "csv" | "json" | "text")) => known.to_owned(),
        _ if name == "com.databricks.spark.csv" => "csv".to_owned(),
        _ => name,
    }
}

/// A name that is none of the formats Cerium knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown file format `{0}`: use parquet, orc, csv, json or text")]
pub struct UnknownFormat(pub String);

impl FromStr for FileFormat {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        match short_name(name).as_str() {
            "parquet" => Ok(Self::Parquet),
            "csv" => Ok(Self::Csv),
            "json" => Ok(Self::Json),
            "text" => Ok(Self::Text),
            "orc" => Ok(Self::Orc),
            _ => Err(UnknownFormat(name.to_owned())),
        }
    }
}

impl fmt::Display for FileFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Parquet => "parquet",
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Text => "text",
            Self::Orc => "orc",
        })
    }
}

/// What to do when the target already holds data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SaveMode {
    /// Keep what is there and add to it.
    Append,
    /// Replace what is there, once the job has succeeded.
    Overwrite,
    /// Fail with PATH_ALREADY_EXISTS.
    #[default]
    ErrorIfExists,
    /// Write nothing.
    Ignore,
}

/// A name that is none of Spark's save modes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown save mode `{0}`: use 'overwrite', 'append', 'ignore', 'error', 'errorifexists' or 'default'"
)]
pub struct UnknownMode(pub String);

impl FromStr for SaveMode {
    type Err = UnknownMode;

    fn from_str(name: &str) -> Result<Self, UnknownMode> {
        match name.to_ascii_lowercase().as_str() {
            "append" => Ok(Self::Append),
            "overwrite" => Ok(Self::Overwrite),
            "error" | "errorifexists" | "default" => Ok(Self::ErrorIfExists),
            "ignore" => Ok(Self::Ignore),
            _ => Err(UnknownMode(name.to_owned())),
        }
    }
}

/// One write of rows to a folder of files.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct WriteSpec {
    /// The folder written to, as the program named it: a path or a URL.
    pub path: String,
    pub format: FileFormat,
    pub mode: SaveMode,
    /// Columns that become folders `name=value`, outermost first.
    pub partition_by: Vec<String>,
    /// Options of the format with Spark's names; keys are compared without regard to case.
    pub options: BTreeMap<String, String>,
    /// An overwrite replaces only files below this folder of the target, such as `k=1`; empty: all.
    #[serde(default)]
    pub within: String,
}

impl WriteSpec {
    /// With what the session says where no option does.
    #[must_use]
    pub fn with_defaults(mut self, conf: &SparkConf) -> Self {
        let codec = match self.format {
            FileFormat::Parquet => Some(keys::SQL_PARQUET_COMPRESSION_CODEC.name()),
            FileFormat::Orc => Some(keys::SQL_ORC_COMPRESSION_CODEC.name()),
            _ => None,
        };
        let settings = [
            (&["compression", "codec"][..], codec),
            (&["maxRecordsPerFile"][..], Some(keys::SQL_FILES_MAX_RECORDS_PER_FILE.name())),
        ];
        for (options, key) in settings {
            if options.iter().all(|option| self.option(option).is_none())
                && let Some(value) = key.and_then(|key| conf.get_str(key))
            {
                self.options.insert(options[0].to_owned(), value.to_owned());
            }
        }
        self
    }

    /// The value of an option, whatever the case of its name.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_says_what_no_option_does() {
        let settings = [
            ("spark.sql.parquet.compression.codec", "gzip"),
            ("spark.sql.orc.compression.codec", "lz4"),
            ("spark.sql.files.maxRecordsPerFile", "7"),
        ];
        let conf: SparkConf = settings.into_iter().collect();
        let spec = |format, options: &[(&str, &str)]| {
            let options = options.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
            WriteSpec { format, options, ..WriteSpec::default() }.with_defaults(&conf)
        };
        let parquet = spec(FileFormat::Parquet, &[("MAXRECORDSPERFILE", "3")]);
        assert_eq!(
            (parquet.option("compression"), parquet.option("maxRecordsPerFile")),
            (Some("gzip"), Some("3"))
        );
        assert_eq!(spec(FileFormat::Orc, &[]).option("compression"), Some("lz4"));
        assert_eq!(spec(FileFormat::Orc, &[("codec", "none")]).option("compression"), None);
        let csv = spec(FileFormat::Csv, &[]);
        assert_eq!((csv.option("compression"), csv.option("maxRecordsPerFile")), (None, Some("7")));
    }

    #[test]
    fn modes_and_formats_have_sparks_names() {
        assert_eq!("ErrorIfExists".parse(), Ok(SaveMode::ErrorIfExists));
        assert_eq!("default".parse(), Ok(SaveMode::ErrorIfExists));
        assert_eq!("OVERWRITE".parse(), Ok(SaveMode::Overwrite));
        assert_eq!("upsert".parse::<SaveMode>(), Err(UnknownMode("upsert".into())));
        assert_eq!("Parquet".parse(), Ok(FileFormat::Parquet));
        assert_eq!("ORC".parse(), Ok(FileFormat::Orc));
        assert!("avro".parse::<FileFormat>().is_err());
        assert_eq!("org.apache.spark.sql.json".parse(), Ok(FileFormat::Json));
        let class = "org.apache.spark.sql.execution.datasources.parquet.ParquetFileFormat";
        assert_eq!(class.parse(), Ok(FileFormat::Parquet));
        assert_eq!("com.databricks.spark.csv".parse(), Ok(FileFormat::Csv));
    }

    #[test]
    fn options_are_found_whatever_their_case() {
        let spec = WriteSpec {
            options: BTreeMap::from([("maxRecordsPerFile".into(), "10".into())]),
            ..WriteSpec::default()
        };
        assert_eq!(spec.option("maxrecordsperfile"), Some("10"));
    }
}
