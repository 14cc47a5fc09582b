//! Timestamps as text, by Java's patterns.

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{DataType, TimestampMicrosecondType};
use datafusion::common::Result;

use super::Zone;
use super::parse::pattern;
use crate::functions::kernel::{Compiled, Kernel, Returns, Rows};

/// `date_format(timestamp, pattern, zone)`.
pub static FORMAT: Kernel = Kernel::new("spark_date_format", Returns::Type(DataType::Utf8), format);

fn format(rows: &Rows<'_>) -> Result<ArrayRef> {
    let (values, patterns, zones) =
        (rows.values::<TimestampMicrosecondType>(0)?, rows.text(1)?, rows.text(2)?);
    let (mut compiled, mut zone) = (Compiled::new(), Compiled::new());
    rows.write(|row, out| {
        let pattern = compiled.get(patterns.value(row), pattern)?;
        let zone = zone.get(zones.value(row), |name| Ok(Zone::new(name)?))?;
        let instant = values.value(row);
        let (Some(local), Some((seconds, short))) = (zone.local(instant), zone.offset(instant)) else {
            return Ok(false);
        };
        pattern.format(local, seconds, &short, zone.name(), out);
        Ok(true)
    })
}
