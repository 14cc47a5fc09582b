//! Spark's names of data types, and Arrow's types behind them.

use std::sync::Arc;

use datafusion::arrow::datatypes::{
    DECIMAL128_MAX_PRECISION, DataType, Field, Fields, IntervalUnit, TimeUnit,
};
use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, DataType as SqlType, ExactNumberInfo, StructField, TimezoneInfo,
};

pub mod interval;

use self::interval::Units;
use crate::error::{Result, SparkError};

/// Spark's VARIANT: its bytes in a struct that clients know by a mark.
pub fn variant() -> DataType {
    let mark = [(VARIANT_MARK.to_owned(), "true".to_owned())];
    let metadata = Field::new("metadata", DataType::Binary, false).with_metadata(mark.into());
    DataType::Struct(vec![Field::new("value", DataType::Binary, false), metadata].into())
}

/// Whether a type is [`variant`].
pub fn is_variant(data_type: &DataType) -> bool {
    match data_type {
        DataType::Struct(fields) if fields.len() == 2 => fields
            .iter()
            .any(|f| f.name() == "metadata" && f.metadata().get(VARIANT_MARK).is_some_and(|v| v == "true")),
        _ => false,
    }
}

/// Spark's GEOGRAPHY and GEOMETRY.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geo {
    /// On the globe rather than in the plane.
    pub geography: bool,
    /// The system of reference, [`Geo::ANY`] where values have their own.
    pub srid: i32,
}

impl Geo {
    /// The system of reference of a type that allows any.
    pub const ANY: i32 = -1;

    /// As clients know it: a struct of system and well-known binary, with a mark.
    pub fn data_type(self) -> DataType {
        let mark = [(self.name().to_owned(), "true".to_owned()), (SRID.to_owned(), self.srid.to_string())];
        let wkb = Field::new("wkb", DataType::Binary, false).with_metadata(mark.into());
        DataType::Struct(vec![Field::new(SRID, DataType::Int32, false), wkb].into())
    }

    /// What a type is, if it is one of these.
    pub fn of(data_type: &DataType) -> Option<Self> {
        let DataType::Struct(fields) = data_type else { return None };
        let metadata = fields.iter().find(|f| f.name() == "wkb")?.metadata();
        let marked = |geography: bool| metadata.contains_key(Self { geography, srid: 0 }.name());
        let geography = marked(true);
        if !geography && !marked(false) {
            return None;
        }
        Some(Self { geography, srid: metadata.get(SRID)?.parse().ok()? })
    }

    fn name(self) -> &'static str {
        if self.geography { "geography" } else { "geometry" }
    }

    fn simple_name(self) -> String {
        match self.srid {
            Self::ANY => format!("{}(any)", self.name()),
            srid => format!("{}({srid})", self.name()),
        }
    }
}

/// Field and key of a system of reference.
const SRID: &str = "srid";

/// Key in the metadata of a variant's field.
const VARIANT_MARK: &str = "variant";

/// Name of a type in Spark's messages: `INT`, `STRING`, `DECIMAL(10,2)`, `ARRAY<INT>`.
pub fn sql_name(data_type: &DataType) -> String {
    match data_type {
        DataType::List(item) => format!("ARRAY<{}>", sql_name_of(item)),
        other if is_variant(other) || Geo::of(other).is_some() => simple_name(other).to_uppercase(),
        DataType::Struct(fields) => {
            let fields: Vec<_> = fields.iter().map(|f| format!("{}: {}", f.name(), sql_name_of(f))).collect();
            format!("STRUCT<{}>", fields.join(", "))
        }
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(kv) if kv.len() == 2 => {
                format!("MAP<{}, {}>", sql_name_of(&kv[0]), sql_name_of(&kv[1]))
            }
            other => format!("MAP<{}>", sql_name(other)),
        },
        other => simple_name(other).to_uppercase(),
    }
}

/// The same of a column, whose intervals may have units.
pub fn sql_name_of(field: &Field) -> String {
    match Units::of(field) {
        Some(units) => units.name().to_uppercase(),
        None => sql_name(field.data_type()),
    }
}

/// A type as Spark writes it in SQL: `STRUCT<a: BIGINT, b: ARRAY<STRING>>`.
pub fn ddl(data_type: &DataType) -> String {
    match data_type {
        DataType::List(item) => format!("ARRAY<{}>", ddl(item.data_type())),
        other if is_variant(other) || Geo::of(other).is_some() => simple_name(other).to_uppercase(),
        DataType::Struct(fields) => {
            let fields: Vec<_> =
                fields.iter().map(|f| format!("{}: {}", f.name(), ddl(f.data_type()))).collect();
            format!("STRUCT<{}>", fields.join(", "))
        }
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(kv) if kv.len() == 2 => {
                format!("MAP<{}, {}>", ddl(kv[0].data_type()), ddl(kv[1].data_type()))
            }
            other => sql_name(other),
        },
        other => sql_name(other),
    }
}

/// Name of a type as DESCRIBE prints it: `int`, `string`, `decimal(10,2)`, `array<int>`.
pub fn simple_name(data_type: &DataType) -> String {
    named(data_type, &str::to_owned)
}

/// The same of a column, whose intervals may have units.
pub fn simple_name_of(field: &Field) -> String {
    named_of(field, &str::to_owned)
}

/// As [`simple_name`], to be parsed again: fields whose names are no identifiers are quoted.
pub fn ddl_name(field: &Field) -> String {
    named_of(field, &|name| {
        let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && !name.starts_with(|c: char| c.is_ascii_digit())
            && !name.is_empty();
        if plain { name.to_owned() } else { crate::error::quote(name) }
    })
}

fn named_of(field: &Field, field_name: &dyn Fn(&str) -> String) -> String {
    match Units::of(field) {
        Some(units) => units.name(),
        None => named(field.data_type(), field_name),
    }
}

fn named(data_type: &DataType, field_name: &dyn Fn(&str) -> String) -> String {
    let simple_name = |data_type: &DataType| named(data_type, field_name);
    let name_of = |field: &Field| named_of(field, field_name);
    match data_type {
        DataType::Null => "void".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        DataType::Int8 => "tinyint".to_owned(),
        DataType::Int16 | DataType::UInt8 => "smallint".to_owned(),
        DataType::Int32 | DataType::UInt16 => "int".to_owned(),
        DataType::Int64 | DataType::UInt32 => "bigint".to_owned(),
        DataType::UInt64 => "decimal(20,0)".to_owned(),
        DataType::Float16 | DataType::Float32 => "float".to_owned(),
        DataType::Float64 => "double".to_owned(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "string".to_owned(),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            "binary".to_owned()
        }
        DataType::Decimal32(p, s)
        | DataType::Decimal64(p, s)
        | DataType::Decimal128(p, s)
        | DataType::Decimal256(p, s) => format!("decimal({p},{s})"),
        DataType::Date32 | DataType::Date64 => "date".to_owned(),
        DataType::Timestamp(_, Some(_)) => "timestamp".to_owned(),
        DataType::Timestamp(_, None) => "timestamp_ntz".to_owned(),
        DataType::Time32(_) | DataType::Time64(_) => "time(6)".to_owned(),
        DataType::Interval(IntervalUnit::YearMonth) => "interval year to month".to_owned(),
        DataType::Interval(IntervalUnit::DayTime) | DataType::Duration(_) => {
            "interval day to second".to_owned()
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => "interval".to_owned(),
        DataType::List(f)
        | DataType::LargeList(f)
        | DataType::ListView(f)
        | DataType::LargeListView(f)
        | DataType::FixedSizeList(f, _) => format!("array<{}>", name_of(f)),
        other if is_variant(other) => "variant".to_owned(),
        other if Geo::of(other).is_some() => Geo::of(other).map(Geo::simple_name).unwrap_or_default(),
        DataType::Struct(fields) => {
            let fields: Vec<_> =
                fields.iter().map(|f| format!("{}:{}", field_name(f.name()), name_of(f))).collect();
            format!("struct<{}>", fields.join(","))
        }
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(kv) if kv.len() == 2 => {
                format!("map<{},{}>", name_of(&kv[0]), name_of(&kv[1]))
            }
            other => format!("map<{}>", simple_name(other)),
        },
        DataType::Dictionary(_, value) => simple_name(value),
        DataType::RunEndEncoded(_, value) => simple_name(value.data_type()),
        DataType::Union(_, _) => "union".to_owned(),
    }
}

/// Spark's timestamp: microseconds, shown in the session time zone.
pub fn timestamp(time_zone: &str) -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some(time_zone.into()))
}

/// Spark's timestamp without a time zone.
pub fn timestamp_ntz() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, None)
}

/// The Arrow type of a type written in SQL. Timestamps get the session time zone.
pub fn from_sql(sql: &SqlType, time_zone: &str) -> Result<DataType> {
    Ok(match sql {
        SqlType::Boolean | SqlType::Bool => DataType::Boolean,
        SqlType::TinyInt(None) => DataType::Int8,
        SqlType::SmallInt(None) => DataType::Int16,
        SqlType::Int(None) | SqlType::Integer(None) => DataType::Int32,
        SqlType::BigInt(None) => DataType::Int64,
        SqlType::Float(ExactNumberInfo::None) | SqlType::Real => DataType::Float32,
        SqlType::Double(ExactNumberInfo::None) => DataType::Float64,
        SqlType::String(None)
        | SqlType::Char(_)
        | SqlType::Character(_)
        | SqlType::Varchar(_)
        | SqlType::CharVarying(_) => DataType::Utf8,
        SqlType::Binary(None) => DataType::Binary,
        SqlType::Date => DataType::Date32,
        SqlType::Timestamp(None, _) => timestamp(time_zone),
        SqlType::TimestampNtz(None) => timestamp_ntz(),
        SqlType::Time(None | Some(0..=6), TimezoneInfo::None) => DataType::Time64(TimeUnit::Nanosecond),
        SqlType::Decimal(info) | SqlType::Dec(info) | SqlType::Numeric(info) => decimal(info)?,
        SqlType::Array(ArrayElemTypeDef::AngleBracket(element)) => {
            let element = from_sql_marked(element, time_zone)?;
            DataType::List(Arc::new(element.with_name(Field::LIST_FIELD_DEFAULT_NAME)))
        }
        SqlType::Map(key, value) => {
            map_of(from_sql_marked(key, time_zone)?, from_sql_marked(value, time_zone)?)
        }
        SqlType::Struct(fields, _) => DataType::Struct(struct_fields(fields, time_zone)?),
        SqlType::Custom(name, modifiers) if modifiers.is_empty() => {
            match name.to_string().to_lowercase().as_str() {
                "byte" => DataType::Int8,
                "short" => DataType::Int16,
                "long" => DataType::Int64,
                "string" => DataType::Utf8,
                "binary" => DataType::Binary,
                "timestamp_ltz" => timestamp(time_zone),
                "timestamp_ntz" => timestamp_ntz(),
                "void" => DataType::Null,
                "variant" => variant(),
                _ => return Err(unknown(sql)),
            }
        }
        SqlType::Interval { fields: Some(fields), .. } => {
            Units::of_sql(fields).ok_or_else(|| unknown(sql))?.data_type()
        }
        SqlType::Interval { fields: None, .. } => DataType::Interval(IntervalUnit::MonthDayNano),
        _ => return Err(unknown(sql)),
    })
}

/// A column without a name of a type written in SQL, with the units of an interval.
pub fn from_sql_marked(sql: &SqlType, time_zone: &str) -> Result<Field> {
    let units = match sql {
        SqlType::Interval { fields: Some(fields), .. } => Units::of_sql(fields),
        _ => None,
    };
    Ok(match units {
        Some(units) => units.field(),
        None => Field::new("", from_sql(sql, time_zone)?, true),
    })
}

/// Arrow's map type with the entry names Spark's files use.
pub fn map(key: DataType, value: DataType) -> DataType {
    map_of(Field::new("key", key, false), Field::new("value", value, true))
}

fn map_of(key: Field, value: Field) -> DataType {
    let entries = Fields::from(vec![key.with_name("key").with_nullable(false), value.with_name("value")]);
    DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entries), false)), false)
}

fn struct_fields(fields: &[StructField], time_zone: &str) -> Result<Fields> {
    fields
        .iter()
        .enumerate()
        .map(|(index, field)| {
            let name = field
                .field_name
                .as_ref()
                .map_or_else(|| format!("col{}", index + 1), |ident| ident.value.clone());
            Ok(from_sql_marked(&field.field_type, time_zone)?.with_name(name))
        })
        .collect()
}

fn decimal(info: &ExactNumberInfo) -> Result<DataType> {
    let (precision, scale) = match info {
        ExactNumberInfo::None => (10, 0),
        ExactNumberInfo::Precision(p) => (*p, 0),
        ExactNumberInfo::PrecisionAndScale(p, s) => (*p, *s),
    };
    let max = u64::from(DECIMAL128_MAX_PRECISION);
    if precision > max {
        return Err(SparkError::new(
            "DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION",
            "22003",
            format!("Decimal precision {precision} exceeds max precision {max}."),
        )
        .with_param("precision", precision.to_string())
        .with_param("maxPrecision", max.to_string()));
    }
    match (u8::try_from(precision), i8::try_from(scale)) {
        (Ok(p), Ok(s)) if i64::from(s) <= i64::from(p) && s >= 0 => Ok(DataType::Decimal128(p, s)),
        _ => Err(SparkError::new(
            "INVALID_DECIMAL_SCALE",
            "22023",
            format!("Decimal scale {scale} cannot be greater than precision {precision}."),
        )),
    }
}

fn unknown(sql: &SqlType) -> SparkError {
    let name = sql.to_string().to_uppercase();
    SparkError::new("UNSUPPORTED_DATATYPE", "0A000", format!("Unsupported data type \"{name}\"."))
        .with_param("typeName", format!("\"{name}\""))
}
