//! Types as Scala prints them, which some of Spark's messages do.

use datafusion::arrow::datatypes::{DataType, IntervalUnit};

use crate::analysis::scope::display_name;

/// The type's `toString`.
pub fn scala_name(data_type: &DataType) -> String {
    let plain = match data_type {
        DataType::Null => "NullType",
        DataType::Boolean => "BooleanType",
        DataType::Int8 => "ByteType",
        DataType::Int16 => "ShortType",
        DataType::Int32 => "IntegerType",
        DataType::Int64 => "LongType",
        DataType::Float32 => "FloatType",
        DataType::Float64 => "DoubleType",
        DataType::Date32 => "DateType",
        DataType::Timestamp(_, Some(_)) => "TimestampType",
        DataType::Timestamp(_, None) => "TimestampNTZType",
        DataType::Interval(IntervalUnit::YearMonth) => "YearMonthIntervalType(0,1)",
        DataType::Interval(_) => "CalendarIntervalType",
        DataType::Duration(_) => "DayTimeIntervalType(0,3)",
        other if crate::types::is_variant(other) => "VariantType",
        other if other.is_string() => "StringType",
        other if other.is_binary() => "BinaryType",
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => {
            return format!("DecimalType({precision},{scale})");
        }
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            return format!("ArrayType({},{})", scala_name(item.data_type()), item.is_nullable());
        }
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(pair) if pair.len() == 2 => {
                let (key, value) = (scala_name(pair[0].data_type()), scala_name(pair[1].data_type()));
                return format!("MapType({key},{value},{})", pair[1].is_nullable());
            }
            other => return scala_name(other),
        },
        DataType::Struct(fields) => {
            let fields: Vec<_> = fields
                .iter()
                .map(|field| {
                    let (name, of) = (display_name(field.name()), scala_name(field.data_type()));
                    format!("StructField({name},{of},{})", field.is_nullable())
                })
                .collect();
            return format!("StructType({})", fields.join(","));
        }
        other => return crate::types::sql_name(other),
    };
    plain.to_owned()
}
