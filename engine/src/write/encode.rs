//! File formats: rows become bytes.

mod delimited;
mod json;
pub(super) mod orc;
mod plain;
mod temporal;

use std::io::Write;
use std::sync::Arc;

use bytes::Bytes;
use cerium_spark::error::{Result, SparkError};
use cerium_spark::types::sql_name_of;
use cerium_spark::write::{FileFormat, WriteSpec};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, Field, SchemaRef};
use datafusion::common::parsers::CompressionTypeVariant;
use datafusion::error::Result as DataFusionResult;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::arrow::arrow_writer::ArrowWriterOptions;
use datafusion::parquet::basic::{BrotliLevel, Compression, GzipLevel, ZstdLevel};
use datafusion::parquet::file::properties::WriterProperties;
use orc_rust::compression::CompressionType;

use self::delimited::CsvEncoder;
use self::json::JsonEncoder;
use self::orc::OrcEncoder;
use self::plain::PlainEncoder;

/// A format with its options.
#[derive(Debug, Clone)]
pub struct Encoding {
    spec: WriteSpec,
    time_zone: String,
    parquet: Compression,
    text: CompressionTypeVariant,
    orc: Option<CompressionType>,
    /// What stands in file names for the compression, such as `.snappy`.
    infix: &'static str,
}

/// The writer of one file.
pub enum Encoder {
    Parquet(Box<ArrowWriter<Vec<u8>>>),
    Csv(CsvEncoder, Compressor),
    Json(JsonEncoder, Compressor),
    Text(PlainEncoder, Compressor),
    Orc(Box<OrcEncoder>),
}

/// Compresses text on its way into a file.
pub enum Compressor {
    Plain,
    Gzip(Box<flate2::write::GzEncoder<Vec<u8>>>),
}

impl Encoding {
    /// Reads the options of a write. `time_zone` is the session's.
    ///
    /// # Errors
    /// A compression that the format does not have.
    pub fn new(spec: &WriteSpec, time_zone: &str) -> Result<Self> {
        let name = spec.option("compression").or_else(|| spec.option("codec")).map(str::to_ascii_lowercase);
        let codec = |available: &str| {
            let name = name.clone().unwrap_or_default();
            SparkError::new(
                "CODEC_NOT_AVAILABLE.WITH_AVAILABLE_CODECS_SUGGESTION",
                "56038",
                format!("The codec {name} is not available. Available codecs are {available}."),
            )
        };
        let mut encoding = Self {
            spec: spec.clone(),
            time_zone: spec.option("timeZone").unwrap_or(time_zone).to_owned(),
            parquet: Compression::UNCOMPRESSED,
            text: CompressionTypeVariant::UNCOMPRESSED,
            orc: None,
            infix: "",
        };
        if spec.format == FileFormat::Parquet {
            (encoding.parquet, encoding.infix) = match name.as_deref().unwrap_or("snappy") {
                "none" | "uncompressed" => (Compression::UNCOMPRESSED, ""),
                "snappy" => (Compression::SNAPPY, ".snappy"),
                "gzip" => (Compression::GZIP(GzipLevel::default()), ".gz"),
                "lz4" | "lz4_raw" => (Compression::LZ4_RAW, ".lz4raw"),
                "zstd" => (Compression::ZSTD(ZstdLevel::default()), ".zstd"),
                "brotli" => (Compression::BROTLI(BrotliLevel::default()), ".br"),
                _ => return Err(codec("brotli, uncompressed, lz4, gzip, lz4_raw, snappy, none, zstd")),
            };
        } else if spec.format == FileFormat::Orc {
            (encoding.orc, encoding.infix) = match name.as_deref().unwrap_or("zstd") {
                "none" | "uncompressed" => (None, ""),
                "snappy" => (Some(CompressionType::Snappy), ".snappy"),
                "zlib" => (Some(CompressionType::Zlib), ".zlib"),
                "lz4" => (Some(CompressionType::Lz4), ".lz4"),
                "zstd" => (Some(CompressionType::Zstd), ".zstd"),
                _ => return Err(codec("uncompressed, lz4, none, snappy, zlib, zstd")),
            };
        } else {
            (encoding.text, encoding.infix) = match name.as_deref().unwrap_or("none") {
                "none" | "uncompressed" => (CompressionTypeVariant::UNCOMPRESSED, ""),
                "gzip" => (CompressionTypeVariant::GZIP, ".gz"),
                _ => return Err(codec("none, uncompressed, gzip")),
            };
            match spec.format {
                FileFormat::Csv => drop(CsvEncoder::new(spec, &encoding.time_zone)?),
                FileFormat::Json => drop(JsonEncoder::new(spec, &encoding.time_zone)?),
                _ => {}
            }
        }
        Ok(encoding)
    }

    /// The ending of file names: `.snappy.parquet`, `.csv.gz`.
    pub fn extension(&self) -> String {
        match self.spec.format {
            FileFormat::Parquet => format!("{}.parquet", self.infix),
            FileFormat::Orc => format!("{}.orc", self.infix),
            FileFormat::Text => format!(".txt{}", self.infix),
            format => format!(".{format}{}", self.infix),
        }
    }

    /// A writer for one file of rows of `schema`.
    pub fn encoder(&self, schema: &SchemaRef) -> DataFusionResult<Encoder> {
        let external = |error: SparkError| datafusion::error::DataFusionError::External(Box::new(error));
        Ok(match self.spec.format {
            FileFormat::Parquet => {
                schema.fields().iter().try_for_each(|field| without_intervals(field)).map_err(external)?;
                let properties = WriterProperties::builder()
                    .set_compression(self.parquet)
                    .set_created_by("cerium".into())
                    .build();
                // Readers learn the types from parquet's own; Arrow's would bring in the session's time zone.
                let options =
                    ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
                let writer = ArrowWriter::try_new_with_options(vec![], Arc::clone(schema), options)?;
                Encoder::Parquet(Box::new(writer))
            }
            FileFormat::Csv => {
                let encoder = CsvEncoder::new(&self.spec, &self.time_zone).map_err(external)?;
                Encoder::Csv(encoder, self.compressor())
            }
            FileFormat::Json => {
                let encoder = JsonEncoder::new(&self.spec, &self.time_zone).map_err(external)?;
                Encoder::Json(encoder, self.compressor())
            }
            FileFormat::Orc => Encoder::Orc(Box::new(OrcEncoder::new(schema, self.orc)?)),
            FileFormat::Text => Encoder::Text(PlainEncoder::new(&self.spec), self.compressor()),
        })
    }

    fn compressor(&self) -> Compressor {
        match self.text {
            CompressionTypeVariant::GZIP => Compressor::Gzip(Box::new(flate2::write::GzEncoder::new(
                vec![],
                flate2::Compression::default(),
            ))),
            _ => Compressor::Plain,
        }
    }

    /// A whole file without rows, for a job that has none.
    pub fn empty_file(&self, schema: &SchemaRef) -> DataFusionResult<Bytes> {
        let mut encoder = self.encoder(schema)?;
        let mut bytes = encoder.encode(&RecordBatch::new_empty(Arc::clone(schema)))?.to_vec();
        bytes.extend_from_slice(&encoder.finish()?);
        Ok(Bytes::from(bytes))
    }
}

/// Fails where a column is or holds intervals, which would be read again as numbers.
fn without_intervals(field: &Field) -> Result<(), SparkError> {
    match field.data_type() {
        DataType::Duration(_) | DataType::Interval(_) => {
            Err(SparkError::unsupported(format!("writing the type {} to Parquet", sql_name_of(field))))
        }
        DataType::List(item) => without_intervals(item),
        DataType::Map(entries, _) => without_intervals(entries),
        DataType::Struct(fields) => fields.iter().try_for_each(|field| without_intervals(field)),
        _ => Ok(()),
    }
}

impl Encoder {
    /// Takes rows; returns the bytes that are ready.
    pub fn encode(&mut self, batch: &RecordBatch) -> DataFusionResult<Bytes> {
        let external = |error: SparkError| datafusion::error::DataFusionError::External(Box::new(error));
        match self {
            Self::Parquet(writer) => {
                writer.write(batch)?;
                Ok(Bytes::from(std::mem::take(writer.inner_mut())))
            }
            Self::Csv(encoder, compressor) => compressor.write(encoder.encode(batch).map_err(external)?),
            Self::Json(encoder, compressor) => compressor.write(encoder.encode(batch).map_err(external)?),
            Self::Text(encoder, compressor) => compressor.write(encoder.encode(batch)?),
            Self::Orc(encoder) => encoder.encode(batch),
        }
    }

    /// The last bytes of the file.
    pub fn finish(self) -> DataFusionResult<Bytes> {
        match self {
            Self::Parquet(writer) => Ok(Bytes::from(writer.into_inner()?)),
            Self::Orc(encoder) => encoder.finish(),
            Self::Csv(_, compressor) | Self::Json(_, compressor) | Self::Text(_, compressor) => {
                compressor.finish()
            }
        }
    }
}

impl Compressor {
    fn write(&mut self, text: String) -> DataFusionResult<Bytes> {
        match self {
            Self::Plain => Ok(Bytes::from(text)),
            Self::Gzip(encoder) => {
                encoder.write_all(text.as_bytes())?;
                Ok(Bytes::from(std::mem::take(encoder.get_mut())))
            }
        }
    }

    fn finish(self) -> DataFusionResult<Bytes> {
        match self {
            Self::Plain => Ok(Bytes::new()),
            Self::Gzip(encoder) => Ok(Bytes::from(encoder.finish()?)),
        }
    }
}
