//! The TPC-H tables, generated once and kept as parquet files.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::Compression;
use datafusion::parquet::file::properties::WriterProperties;
use tpchgen::generators as rows;
use tpchgen_arrow as columns;

/// The tables' names, which are also their files' names.
pub const TABLES: [&str; 8] =
    ["region", "nation", "supplier", "customer", "part", "partsupp", "orders", "lineitem"];

/// Rows of a row group: small enough that line items make more than two of them
/// a core at every scale factor from 1 up.
const ROW_GROUP: usize = 500_000;

/// The file of a table.
pub fn file(folder: &Path, table: &str) -> PathBuf {
    folder.join(format!("{table}.parquet"))
}

/// Makes the tables that are not there yet.
pub fn generate(folder: &Path, scale_factor: f64) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    for table in TABLES {
        let path = file(folder, table);
        if !path.exists() {
            eprintln!("generating TPC-H {table} at scale factor {scale_factor}");
            write_table(table, &path, scale_factor)
                .with_context(|| format!("generating {}", path.display()))?;
        }
    }
    Ok(())
}

/// Writes under another name first: a file that is there is whole.
fn write_table(table: &str, path: &Path, scale_factor: f64) -> Result<()> {
    macro_rules! write_with {
        ($columns:ident, $rows:ident) => {{
            let batches = columns::$columns::new(rows::$rows::new(scale_factor, 1, 1));
            write_batches(columns::$columns::schema_ref(), batches, path)
        }};
    }
    match table {
        "region" => write_with!(RegionArrow, RegionGenerator),
        "nation" => write_with!(NationArrow, NationGenerator),
        "supplier" => write_with!(SupplierArrow, SupplierGenerator),
        "customer" => write_with!(CustomerArrow, CustomerGenerator),
        "part" => write_with!(PartArrow, PartGenerator),
        "partsupp" => write_with!(PartSuppArrow, PartSuppGenerator),
        "orders" => write_with!(OrderArrow, OrderGenerator),
        "lineitem" => write_with!(LineItemArrow, LineItemGenerator),
        other => anyhow::bail!("TPC-H has no table {other}"),
    }
}

fn write_batches<E>(
    schema: SchemaRef,
    batches: impl Iterator<Item = Result<RecordBatch, E>>,
    path: &Path,
) -> Result<()>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let partial = path.with_extension("partial");
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_max_row_group_row_count(Some(ROW_GROUP))
        .build();
    let mut writer = ArrowWriter::try_new(File::create(&partial)?, schema, Some(properties))?;
    for batch in batches {
        writer.write(&batch?)?;
    }
    writer.close()?;
    fs::rename(&partial, path)?;
    Ok(())
}
