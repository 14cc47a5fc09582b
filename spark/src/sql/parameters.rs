//! Values for the parameters of a statement: `:name` and `?`.

use std::collections::HashMap;

use datafusion::arrow::array::Array;
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::ast::{
    self, ArrayElemTypeDef, CastKind, ExactNumberInfo, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentList, FunctionArguments, Ident, ObjectName, StructBracketKind, StructField, TimezoneInfo,
    TypedString, UnaryOperator, Value,
};

use crate::error::{Result, SparkError};
use crate::text;

/// Values for the parameters of a statement, put in their place when it is parsed.
#[derive(Debug, Clone, Default)]
pub struct Parameters(HashMap<String, Expr>);

impl Parameters {
    /// Values of `:name`.
    ///
    /// # Errors
    /// UNSUPPORTED_FEATURE for a value of a type that SQL has no literal for.
    pub fn named(values: impl IntoIterator<Item = (String, ScalarValue)>) -> Result<Self> {
        let literals = values.into_iter().map(|(name, value)| Ok((format!(":{name}"), literal(&value)?)));
        Ok(Self(literals.collect::<Result<_>>()?))
    }

    /// Values of the first `?`, the second, and so on.
    ///
    /// # Errors
    /// UNSUPPORTED_FEATURE for a value of a type that SQL has no literal for.
    pub fn positional(values: impl IntoIterator<Item = ScalarValue>) -> Result<Self> {
        let literals =
            values.into_iter().enumerate().map(|(i, value)| Ok((format!("?{i}"), literal(&value)?)));
        Ok(Self(literals.collect::<Result<_>>()?))
    }

    /// The value of a placeholder as it stands in the syntax tree.
    pub(crate) fn get(&self, placeholder: &str) -> Option<Expr> {
        self.0.get(placeholder).cloned()
    }
}

/// A value as it would be written.
fn literal(value: &ScalarValue) -> Result<Expr> {
    let data_type = value.data_type();
    if value.is_null() {
        let null = plain(Value::Null);
        return Ok(if data_type == DataType::Null { null } else { cast(null, type_of(&data_type)?) });
    }
    Ok(match value {
        ScalarValue::Boolean(Some(v)) => plain(Value::Boolean(*v)),
        ScalarValue::Int32(Some(v)) => signed(v.to_string(), |digits| plain(Value::Number(digits, false))),
        ScalarValue::Utf8(Some(s)) | ScalarValue::LargeUtf8(Some(s)) | ScalarValue::Utf8View(Some(s)) => {
            plain(Value::SingleQuotedString(s.clone()))
        }
        ScalarValue::Binary(Some(bytes))
        | ScalarValue::LargeBinary(Some(bytes))
        | ScalarValue::BinaryView(Some(bytes)) => {
            let digits: Vec<String> = bytes.iter().map(|b| format!("{b:02X}")).collect();
            plain(Value::HexStringLiteral(digits.concat()))
        }
        ScalarValue::Float32(Some(v)) if !v.is_finite() => cast(string(value)?, ast::DataType::Real),
        ScalarValue::Float64(Some(v)) if !v.is_finite() => {
            cast(string(value)?, ast::DataType::Double(ExactNumberInfo::None))
        }
        ScalarValue::Int8(_)
        | ScalarValue::Int16(_)
        | ScalarValue::Int64(_)
        | ScalarValue::Float32(_)
        | ScalarValue::Float64(_)
        | ScalarValue::Date32(_)
        | ScalarValue::TimestampMicrosecond(_, _) => typed(type_of(&data_type)?, shown(value)?),
        ScalarValue::Decimal128(_, _, _) => cast(string(value)?, type_of(&data_type)?),
        ScalarValue::List(list) => call("array", items(&list.value(0))?),
        ScalarValue::Map(map) => {
            let entries = map.value(0);
            let (keys, values) = (items(entries.column(0))?, items(entries.column(1))?);
            call("map", keys.into_iter().zip(values).flat_map(|(k, v)| [k, v]).collect())
        }
        ScalarValue::Struct(row) => {
            let mut fields = Vec::new();
            for (field, column) in row.fields().iter().zip(row.columns()) {
                fields.push(plain(Value::SingleQuotedString(field.name().clone())));
                fields.push(literal(&ScalarValue::try_from_array(column, 0)?)?);
            }
            call("named_struct", fields)
        }
        other => {
            return Err(SparkError::unsupported(format!("a parameter of type {}", other.data_type())));
        }
    })
}

fn items(array: &dyn Array) -> Result<Vec<Expr>> {
    (0..array.len()).map(|i| literal(&ScalarValue::try_from_array(array, i)?)).collect()
}

fn plain(value: Value) -> Expr {
    Expr::Value(value.into())
}

/// The text of a number or date.
fn shown(value: &ScalarValue) -> Result<String> {
    text::value(&value.to_array()?, 0, text::Style::Cast)
}

fn string(value: &ScalarValue) -> Result<Expr> {
    Ok(plain(Value::SingleQuotedString(shown(value)?)))
}

/// A number whose sign stands before it.
fn signed(digits: String, number: impl Fn(String) -> Expr) -> Expr {
    match digits.strip_prefix('-') {
        Some(positive) => {
            Expr::UnaryOp { op: UnaryOperator::Minus, expr: Box::new(number(positive.to_owned())) }
        }
        None => number(digits),
    }
}

fn typed(data_type: ast::DataType, text: String) -> Expr {
    let value = Value::SingleQuotedString(text).into();
    Expr::TypedString(TypedString { data_type, value, uses_odbc_syntax: false })
}

fn cast(expr: Expr, data_type: ast::DataType) -> Expr {
    Expr::Cast { kind: CastKind::Cast, expr: Box::new(expr), data_type, array: false, format: None }
}

fn call(name: &str, args: Vec<Expr>) -> Expr {
    let args = args.into_iter().map(|arg| FunctionArg::Unnamed(FunctionArgExpr::Expr(arg))).collect();
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args,
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

/// A type as it would be written.
fn type_of(data_type: &DataType) -> Result<ast::DataType> {
    Ok(match data_type {
        DataType::Boolean => ast::DataType::Boolean,
        DataType::Int8 => ast::DataType::TinyInt(None),
        DataType::Int16 => ast::DataType::SmallInt(None),
        DataType::Int32 => ast::DataType::Int(None),
        DataType::Int64 => ast::DataType::BigInt(None),
        DataType::Float32 => ast::DataType::Real,
        DataType::Float64 => ast::DataType::Double(ExactNumberInfo::None),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => ast::DataType::String(None),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => ast::DataType::Binary(None),
        DataType::Date32 => ast::DataType::Date,
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => {
            ast::DataType::Timestamp(None, TimezoneInfo::None)
        }
        DataType::Timestamp(TimeUnit::Microsecond, None) => ast::DataType::TimestampNtz(None),
        DataType::Decimal128(p, s) => {
            ast::DataType::Decimal(ExactNumberInfo::PrecisionAndScale(u64::from(*p), i64::from(*s)))
        }
        DataType::List(field) => {
            let element = Box::new(type_of(field.data_type())?);
            ast::DataType::Array(ArrayElemTypeDef::AngleBracket(element))
        }
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(kv) if kv.len() == 2 => {
                let (key, value) = (type_of(kv[0].data_type())?, type_of(kv[1].data_type())?);
                ast::DataType::Map(Box::new(key), Box::new(value))
            }
            other => return Err(SparkError::unsupported(format!("a parameter of type map of {other}"))),
        },
        DataType::Struct(fields) => {
            let fields: Result<Vec<_>> = fields
                .iter()
                .map(|field| {
                    let field_type = type_of(field.data_type())?;
                    Ok(StructField { field_name: Some(Ident::new(field.name())), field_type, options: None })
                })
                .collect();
            ast::DataType::Struct(fields?, StructBracketKind::AngleBrackets)
        }
        other => return Err(SparkError::unsupported(format!("a parameter of type {other}"))),
    })
}
