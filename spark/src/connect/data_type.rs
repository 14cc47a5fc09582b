//! Arrow's data types as Spark Connect's messages, Spark's JSON and DDL strings and `printSchema`.

mod chars;
mod ddl;
mod interval;
pub(crate) mod json;
mod marks;
mod scala;
mod tree;
mod udt;

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Fields, IntervalUnit, Schema, TimeUnit};
use datafusion::sql::sqlparser::ast::{DataType as SqlType, ExactNumberInfo};

pub(super) use self::chars::reject as reject_chars;
pub use self::ddl::to_ddl;
pub(super) use self::marks::mark;
pub use self::scala::scala_name;
pub use self::tree::tree_string;
pub use self::udt::USER_DEFINED;
use super::proto;
use super::proto::data_type::{self as kinds, Kind};
use crate::analysis::scope::display_name;
use crate::error::{Result, SparkError};
use crate::types::{self, Geo};

/// The message for the schema of a result; marks of duplicate names are taken off.
pub fn schema_to_proto(schema: &Schema) -> proto::DataType {
    kind(Kind::Struct(structure(schema.fields())))
}

/// The message of an Arrow type.
pub fn to_proto(data_type: &DataType) -> proto::DataType {
    kind(match data_type {
        DataType::Null => Kind::Null(kinds::Null::default()),
        DataType::Boolean => Kind::Boolean(kinds::Boolean::default()),
        DataType::Int8 => Kind::Byte(kinds::Byte::default()),
        DataType::Int16 | DataType::UInt8 => Kind::Short(kinds::Short::default()),
        DataType::Int32 | DataType::UInt16 => Kind::Integer(kinds::Integer::default()),
        DataType::Int64 | DataType::UInt32 => Kind::Long(kinds::Long::default()),
        DataType::UInt64 => decimal(20, 0),
        DataType::Float16 | DataType::Float32 => Kind::Float(kinds::Float::default()),
        DataType::Float64 => Kind::Double(kinds::Double::default()),
        DataType::Decimal32(p, s)
        | DataType::Decimal64(p, s)
        | DataType::Decimal128(p, s)
        | DataType::Decimal256(p, s) => decimal(*p, *s),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            Kind::String(kinds::String { collation: "UTF8_BINARY".to_owned(), ..Default::default() })
        }
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            Kind::Binary(kinds::Binary::default())
        }
        DataType::Date32 | DataType::Date64 => Kind::Date(kinds::Date::default()),
        DataType::Timestamp(_, Some(_)) => Kind::Timestamp(kinds::Timestamp::default()),
        DataType::Timestamp(_, None) => Kind::TimestampNtz(kinds::TimestampNtz::default()),
        DataType::Time32(_) | DataType::Time64(_) => {
            Kind::Time(kinds::Time { precision: Some(6), ..Default::default() })
        }
        DataType::Interval(IntervalUnit::YearMonth) => Kind::YearMonthInterval(kinds::YearMonthInterval {
            start_field: Some(0),
            end_field: Some(1),
            ..Default::default()
        }),
        DataType::Interval(IntervalUnit::DayTime) | DataType::Duration(_) => {
            Kind::DayTimeInterval(kinds::DayTimeInterval {
                start_field: Some(0),
                end_field: Some(3),
                ..Default::default()
            })
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            Kind::CalendarInterval(kinds::CalendarInterval::default())
        }
        DataType::List(element)
        | DataType::LargeList(element)
        | DataType::ListView(element)
        | DataType::LargeListView(element)
        | DataType::FixedSizeList(element, _) => Kind::Array(Box::new(kinds::Array {
            element_type: Some(Box::new(type_of(element))),
            contains_null: element.is_nullable(),
            ..Default::default()
        })),
        other if Geo::of(other).is_some() => return geo(other),
        other if types::is_variant(other) => Kind::Variant(kinds::Variant::default()),
        DataType::Struct(fields) => Kind::Struct(structure(fields)),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(kv) if kv.len() == 2 => Kind::Map(Box::new(kinds::Map {
                key_type: Some(Box::new(type_of(&kv[0]))),
                value_type: Some(Box::new(type_of(&kv[1]))),
                value_contains_null: kv[1].is_nullable(),
                ..Default::default()
            })),
            other => return to_proto(other),
        },
        DataType::Dictionary(_, value) => return to_proto(value),
        DataType::RunEndEncoded(_, value) => return to_proto(value.data_type()),
        DataType::Union(_, _) => Kind::Null(kinds::Null::default()),
    })
}

/// The message of a GEOGRAPHY or GEOMETRY.
fn geo(data_type: &DataType) -> proto::DataType {
    proto::DataType {
        kind: Geo::of(data_type).map(|geo| match geo.geography {
            true => Kind::Geography(kinds::Geography { srid: geo.srid, ..Default::default() }),
            false => Kind::Geometry(kinds::Geometry { srid: geo.srid, ..Default::default() }),
        }),
    }
}

/// The message of the type of a column or of the elements of a column.
fn type_of(field: &Field) -> proto::DataType {
    marks::message(field).map_or_else(|| to_proto(field.data_type()), kind)
}

fn kind(kind: Kind) -> proto::DataType {
    proto::DataType { kind: Some(kind) }
}

fn decimal(precision: u8, scale: i8) -> Kind {
    Kind::Decimal(kinds::Decimal {
        precision: Some(i32::from(precision)),
        scale: Some(i32::from(scale)),
        ..Default::default()
    })
}

fn structure(fields: &Fields) -> kinds::Struct {
    let fields = fields
        .iter()
        .map(|field| {
            let metadata = marks::without_marks(field.metadata());
            kinds::StructField {
                name: display_name(field.name()).to_owned(),
                data_type: Some(type_of(field)),
                nullable: field.is_nullable(),
                metadata: (!metadata.is_empty()).then(|| json::metadata(&metadata).to_string()),
            }
        })
        .collect();
    kinds::Struct { fields, ..Default::default() }
}

/// The Arrow type of a message; timestamps get the session's time zone.
///
/// # Errors
/// UNSUPPORTED_FEATURE for user-defined types without an SQL type; for unparsed types what
/// the DDL parser finds.
pub fn from_proto(data_type: &proto::DataType, time_zone: &str) -> Result<DataType> {
    let Some(kind) = &data_type.kind else {
        return Err(invalid("a data type without a kind"));
    };
    Ok(match kind {
        Kind::Null(_) => DataType::Null,
        Kind::Binary(_) => DataType::Binary,
        Kind::Boolean(_) => DataType::Boolean,
        Kind::Byte(_) => DataType::Int8,
        Kind::Short(_) => DataType::Int16,
        Kind::Integer(_) => DataType::Int32,
        Kind::Long(_) => DataType::Int64,
        Kind::Float(_) => DataType::Float32,
        Kind::Double(_) => DataType::Float64,
        Kind::Decimal(d) => {
            let (precision, scale) = (d.precision.unwrap_or(10), d.scale.unwrap_or(0));
            decimal_type(i64::from(precision), i64::from(scale), time_zone)?
        }
        Kind::String(_) | Kind::Char(_) | Kind::VarChar(_) => DataType::Utf8,
        Kind::Date(_) => DataType::Date32,
        Kind::Timestamp(_) | Kind::TimestampLtzNanos(_) => types::timestamp(time_zone),
        Kind::TimestampNtz(_) | Kind::TimestampNtzNanos(_) => {
            DataType::Timestamp(TimeUnit::Microsecond, None)
        }
        Kind::CalendarInterval(_) => DataType::Interval(IntervalUnit::MonthDayNano),
        Kind::YearMonthInterval(_) => DataType::Interval(IntervalUnit::YearMonth),
        Kind::DayTimeInterval(_) => DataType::Duration(TimeUnit::Microsecond),
        Kind::Time(_) => DataType::Time64(TimeUnit::Nanosecond),
        Kind::Array(array) => {
            let element = inner(array.element_type.as_deref(), time_zone)?;
            let element = Field::new_list_field(element, array.contains_null);
            DataType::List(Arc::new(marks::marked(
                element,
                array.element_type.as_deref().and_then(marks::mark),
            )))
        }
        Kind::Map(map) => {
            let key = inner(map.key_type.as_deref(), time_zone)?;
            let value = inner(map.value_type.as_deref(), time_zone)?;
            let marks = [&map.key_type, &map.value_type].map(|part| part.as_deref().and_then(marks::mark));
            map_of(key, value, map.value_contains_null, marks)
        }
        Kind::Struct(structure) => DataType::Struct(fields_from_proto(structure, time_zone)?),
        Kind::Udt(udt) => match &udt.sql_type {
            Some(sql_type) => from_proto(sql_type, time_zone)?,
            None => return Err(SparkError::unsupported("user-defined types without an SQL type")),
        },
        Kind::Unparsed(unparsed) => ddl::parse_type(&unparsed.data_type_string, time_zone)?,
        Kind::Variant(_) => types::variant(),
        Kind::Geometry(geometry) => Geo { geography: false, srid: geometry.srid }.data_type(),
        Kind::Geography(geography) => Geo { geography: true, srid: geography.srid }.data_type(),
    })
}

/// A column without a name of the type of a message.
///
/// # Errors
/// As [`from_proto`].
pub fn column_from_proto(data_type: &proto::DataType, time_zone: &str) -> Result<Field> {
    let field = Field::new("", from_proto(data_type, time_zone)?, true);
    Ok(marks::marked(field, mark(data_type)))
}

/// A decimal type within Spark's bounds.
fn decimal_type(precision: i64, scale: i64, time_zone: &str) -> Result<DataType> {
    let precision = u64::try_from(precision).map_err(|_| invalid("a negative precision"))?;
    types::from_sql(&SqlType::Decimal(ExactNumberInfo::PrecisionAndScale(precision, scale)), time_zone)
}

/// A map whose keys and values may have the marks of user-defined types.
fn map_of(key: DataType, value: DataType, nullable: bool, marks: [Option<(String, String)>; 2]) -> DataType {
    let [of_key, of_value] = marks;
    let key = marks::marked(Field::new("key", key, false), of_key);
    let value = marks::marked(Field::new("value", value, nullable), of_value);
    let entries = Fields::from(vec![key, value]);
    DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entries), false)), false)
}

fn inner(data_type: Option<&proto::DataType>, time_zone: &str) -> Result<DataType> {
    from_proto(data_type.ok_or_else(|| invalid("a nested type without its part"))?, time_zone)
}

fn fields_from_proto(structure: &kinds::Struct, time_zone: &str) -> Result<Fields> {
    structure
        .fields
        .iter()
        .map(|field| {
            let data_type = inner(field.data_type.as_ref(), time_zone)?;
            let mut metadata = match field.metadata.as_deref() {
                None | Some("") => HashMap::new(),
                Some(text) => json::metadata_from(text)?,
            };
            metadata.extend(field.data_type.as_ref().and_then(marks::mark));
            Ok(Field::new(&field.name, data_type, field.nullable).with_metadata(metadata))
        })
        .collect()
}

/// A schema as Spark's JSON; marks of duplicate names are taken off.
pub fn json_string(schema: &Schema) -> String {
    json::structure(schema.fields()).to_string()
}

fn invalid(what: &str) -> SparkError {
    SparkError::new(
        "CONNECT_INVALID_PLAN.DATA_TYPE_UNKNOWN",
        "56K00",
        format!("The Spark Connect plan is invalid. It has {what}."),
    )
}

/// A schema written as DDL (`a INT, b STRING`), as the name of one type, or as Spark's JSON.
///
/// # Errors
/// PARSE_SYNTAX_ERROR, UNSUPPORTED_DATATYPE.
pub fn parse_schema(text: &str, time_zone: &str) -> Result<Schema> {
    let data_type = parse_type(text, time_zone)?;
    match data_type {
        DataType::Struct(fields) => Ok(Schema::new(fields)),
        other => Ok(Schema::new(vec![Field::new("value", other, true)])),
    }
}

/// A type written as DDL or as Spark's JSON; a list of columns is a struct.
///
/// # Errors
/// As [`parse_schema`].
pub fn parse_type(text: &str, time_zone: &str) -> Result<DataType> {
    match as_json(text) {
        Some(value) => json::data_type(&value, time_zone),
        None => ddl::parse_type(text, time_zone),
    }
}

/// A column without a name of a type written as DDL or as Spark's JSON.
///
/// # Errors
/// As [`parse_schema`].
pub fn parse_column(text: &str, time_zone: &str) -> Result<Field> {
    match as_json(text) {
        Some(value) => Ok(Field::new("", json::data_type(&value, time_zone)?, true)),
        None => ddl::parse_column(text, time_zone),
    }
}

/// The same as the message of a type, in which CHAR and VARCHAR are no strings.
///
/// # Errors
/// As [`parse_schema`].
pub fn parse_message(text: &str, time_zone: &str) -> Result<proto::DataType> {
    match as_json(text) {
        Some(value) => Ok(to_proto(&json::data_type(&value, time_zone)?)),
        None => ddl::parse_message(text, time_zone),
    }
}

fn as_json(text: &str) -> Option<serde_json::Value> {
    serde_json::from_str::<serde_json::Value>(text)
        .ok()
        .filter(|value| value.is_object() || value.is_string())
}
