//! Constants as Python's pickles.

use datafusion::arrow::array::{Array, MapArray};
use datafusion::common::ScalarValue;
use datafusion::error::{DataFusionError, Result};

/// A value as PySpark's types keep it inside: days and microseconds are numbers, structs are tuples.
///
/// # Errors
/// Where PySpark has no such value.
pub fn pickled(value: &ScalarValue) -> Result<Vec<u8>> {
    let mut out = b"\x80\x03".to_vec();
    put(&mut out, value)?;
    out.push(b'.');
    Ok(out)
}

fn put(out: &mut Vec<u8>, value: &ScalarValue) -> Result<()> {
    use ScalarValue as V;
    if value.is_null() {
        out.push(b'N');
        return Ok(());
    }
    match value {
        V::Boolean(Some(true)) => out.push(0x88),
        V::Boolean(Some(false)) => out.push(0x89),
        V::Int8(Some(n)) => int(out, i64::from(*n)),
        V::Int16(Some(n)) => int(out, i64::from(*n)),
        V::Int32(Some(n)) | V::Date32(Some(n)) | V::IntervalYearMonth(Some(n)) => int(out, i64::from(*n)),
        V::Int64(Some(n)) | V::TimestampMicrosecond(Some(n), _) | V::DurationMicrosecond(Some(n)) => {
            int(out, *n);
        }
        V::Float32(Some(x)) => float(out, f64::from(*x)),
        V::Float64(Some(x)) => float(out, *x),
        V::Decimal128(Some(_), ..) | V::Decimal256(Some(_), ..) => {
            out.extend_from_slice(b"cdecimal\nDecimal\n");
            text(out, &value.to_string());
            // A tuple of one, and the call with it.
            out.extend_from_slice(b"\x85R");
        }
        V::Utf8(Some(s)) | V::LargeUtf8(Some(s)) | V::Utf8View(Some(s)) => text(out, s),
        V::Binary(Some(b)) | V::LargeBinary(Some(b)) | V::BinaryView(Some(b)) => {
            counted(out, b'B', b);
        }
        V::List(list) => elements(out, list.value(0).as_ref())?,
        V::LargeList(list) => elements(out, list.value(0).as_ref())?,
        V::Struct(fields) => {
            out.push(b'(');
            for field in fields.columns() {
                put(out, &ScalarValue::try_from_array(field, 0)?)?;
            }
            out.push(b't');
        }
        V::Map(map) => entries(out, map)?,
        other => {
            let kind = cerium_spark::types::simple_name(&other.data_type());
            return Err(DataFusionError::NotImplemented(format!("a constant of the type {kind} in Python")));
        }
    }
    Ok(())
}

fn int(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(b"\x8a\x08");
    out.extend_from_slice(&value.to_le_bytes());
}

fn float(out: &mut Vec<u8>, value: f64) {
    out.push(b'G');
    out.extend_from_slice(&value.to_be_bytes());
}

fn text(out: &mut Vec<u8>, value: &str) {
    counted(out, b'X', value.as_bytes());
}

fn counted(out: &mut Vec<u8>, code: u8, bytes: &[u8]) {
    out.push(code);
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
}

fn elements(out: &mut Vec<u8>, values: &dyn Array) -> Result<()> {
    out.extend_from_slice(b"](");
    for index in 0..values.len() {
        put(out, &ScalarValue::try_from_array(values, index)?)?;
    }
    out.push(b'e');
    Ok(())
}

fn entries(out: &mut Vec<u8>, map: &MapArray) -> Result<()> {
    let entries = map.value(0);
    out.extend_from_slice(b"}(");
    for index in 0..entries.len() {
        for column in entries.columns() {
            put(out, &ScalarValue::try_from_array(column, index)?)?;
        }
    }
    out.push(b'u');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written down from the opcodes of Python's `pickletools`.
    #[test]
    fn constants_are_pickles() {
        let bytes = |value| pickled(&value).unwrap();
        assert_eq!(bytes(ScalarValue::Null), b"\x80\x03N.");
        assert_eq!(bytes(ScalarValue::Int32(Some(-2))), b"\x80\x03\x8a\x08\xfe\xff\xff\xff\xff\xff\xff\xff.");
        assert_eq!(bytes(ScalarValue::from("ab")), b"\x80\x03X\x02\0\0\0ab.");
        let decimal = ScalarValue::Decimal128(Some(-15), 2, 1);
        assert_eq!(bytes(decimal), b"\x80\x03cdecimal\nDecimal\nX\x04\0\0\0-1.5\x85R.");
    }
}
