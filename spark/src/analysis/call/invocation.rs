//! One call of a scalar function: its arguments, cast as the function takes them.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, ExprSchemable};

use super::{Context, arity, names};
use crate::analysis::cast::cast;
use crate::analysis::operator::scalar_call;
use crate::analysis::{Named, interval};
use crate::error::{Result, SparkError};
use crate::functions::kernel::Kernel;
use crate::types;

/// What a parameter takes; other types are cast to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Param {
    /// STRING.
    Text,
    /// BINARY; strings as their UTF-8 bytes.
    Bytes,
    /// BOOLEAN.
    Flag,
    /// INT.
    Int,
    /// BIGINT.
    Long,
    /// DOUBLE.
    Double,
    /// DATE.
    Date,
    /// TIMESTAMP in the session's zone.
    Timestamp,
    /// TIMESTAMP_NTZ.
    TimestampNtz,
}

impl Param {
    fn data_type(self, context: &Context<'_>) -> DataType {
        match self {
            Self::Text => DataType::Utf8,
            Self::Bytes => DataType::Binary,
            Self::Flag => DataType::Boolean,
            Self::Int => DataType::Int32,
            Self::Long => DataType::Int64,
            Self::Double => DataType::Float64,
            Self::Date => DataType::Date32,
            Self::Timestamp => types::timestamp(context.time_zone),
            Self::TimestampNtz => types::timestamp_ntz(),
        }
    }
}

/// A call by its lower-case name.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub context: &'a Context<'a>,
    pub name: &'a str,
    pub args: &'a [Named],
}

impl Call<'_> {
    /// Fails unless the number of arguments is allowed.
    pub fn arity(&self, min: usize, max: usize) -> Result<()> {
        arity(self.name, self.args, min, max)
    }

    /// Spark's text of the call.
    pub fn text(&self) -> String {
        names::text(self.name, self.args)
    }

    /// The result under the call's own text.
    pub fn named(&self, expr: Expr) -> Result<Option<Named>> {
        Ok(Some(Named::new(expr, self.text())))
    }

    /// An argument.
    pub fn arg(&self, index: usize) -> Result<&Named> {
        self.args.get(index).ok_or_else(|| SparkError::internal("an argument was not counted"))
    }

    /// The expression of an argument.
    pub fn expr(&self, index: usize) -> Result<Expr> {
        Ok(self.arg(index)?.expr.clone())
    }

    /// All arguments' expressions.
    pub fn exprs(&self) -> Vec<Expr> {
        self.args.iter().map(|arg| arg.expr.clone()).collect()
    }

    /// The type of an argument.
    pub fn data_type(&self, index: usize) -> Result<DataType> {
        Ok(self.arg(index)?.expr.get_type(self.context.schema)?)
    }

    /// The value of an argument that is a constant string.
    pub fn constant_text(&self, index: usize) -> Option<&str> {
        match &self.args.get(index)?.expr {
            Expr::Literal(value, _) => value.try_as_str().flatten(),
            _ => None,
        }
    }

    /// An argument as a parameter takes it.
    pub fn param(&self, index: usize, param: Param) -> Result<Expr> {
        self.to(index, &param.data_type(self.context))
    }

    /// An argument cast to a type by Spark's implicit casts.
    pub fn to(&self, index: usize, to: &DataType) -> Result<Expr> {
        let from = self.data_type(index)?;
        let expr = self.expr(index)?;
        if &from == to {
            return Ok(expr);
        }
        if !is_implicit(&from, to) {
            return Err(self.unexpected(index, &types::sql_name(to)));
        }
        cast(expr, to, false, self.context.schema)
    }

    /// An argument of the wrong type; `wanted` is the name of the type that would be right.
    pub fn unexpected(&self, index: usize, wanted: &str) -> SparkError {
        const ORDINALS: [&str; 10] =
            ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"];
        let ordinal = ORDINALS.get(index).copied().unwrap_or("last");
        let shown = self.args.get(index).map_or("", |arg| arg.name.as_str());
        let has = self
            .arg(index)
            .and_then(|arg| interval::sql_name(&arg.expr, self.context.schema))
            .unwrap_or_default();
        let wanted = if wanted.starts_with(['"', '(']) { wanted.to_owned() } else { format!("\"{wanted}\"") };
        SparkError::type_mismatch(
            "UNEXPECTED_INPUT_TYPE",
            &self.text(),
            &format!(
                "The {ordinal} parameter requires the {wanted} type, however \"{shown}\" has the type \"{has}\""
            ),
        )
        .with_param("paramIndex", ordinal)
        .with_param("requiredType", wanted)
        .with_param("inputSql", format!("\"{shown}\""))
        .with_param("inputType", format!("\"{has}\""))
    }

    /// A call of a kernel. The last parameters may be left out: `defaults` stand for them.
    pub fn run(&self, kernel: &'static Kernel, params: &[Param], defaults: &[Expr]) -> Result<Option<Named>> {
        let expr = self.run_expr(kernel, params, defaults)?;
        self.named(expr)
    }

    /// As [`Self::run`], without a name.
    pub fn run_expr(&self, kernel: &'static Kernel, params: &[Param], defaults: &[Expr]) -> Result<Expr> {
        let args = self.cast_args(params, defaults)?;
        Ok(scalar_call(kernel.function(), args))
    }

    /// The arguments as the parameters take them, with defaults for those left out.
    pub fn cast_args(&self, params: &[Param], defaults: &[Expr]) -> Result<Vec<Expr>> {
        let required = params.len() - defaults.len();
        self.arity(required, params.len())?;
        let mut args = Vec::with_capacity(params.len());
        for (index, param) in params.iter().enumerate() {
            args.push(match self.args.get(index) {
                Some(_) => self.param(index, *param)?,
                None => defaults[index - required].clone(),
            });
        }
        Ok(args)
    }

    /// A call of a registered function of DataFusion or datafusion-spark.
    pub fn builtin(&self, function: &str, args: Vec<Expr>) -> Result<Expr> {
        Ok(scalar_call(self.context.function(function)?, args))
    }

    /// A registered function on arguments cast to the parameters' types.
    pub fn builtin_on(&self, function: &str, params: &[Param], defaults: &[Expr]) -> Result<Option<Named>> {
        let expr = self.builtin(function, self.cast_args(params, defaults)?)?;
        self.named(expr)
    }

    /// The time at which the statement is planned, as a timestamp of the session.
    pub fn now(&self) -> Result<Expr> {
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_err(|error| SparkError::internal(error.to_string()))?;
        let zone = Some(self.context.time_zone.into());
        Ok(Expr::Literal(ScalarValue::TimestampMicrosecond(Some(now.as_micros() as i64), zone), None))
    }

    /// A cast that the arguments' types allow.
    pub fn cast(&self, expr: Expr, to: &DataType) -> Result<Expr> {
        cast(expr, to, false, self.context.schema)
    }
}

/// Whether Spark casts an argument without being told to.
fn is_implicit(from: &DataType, to: &DataType) -> bool {
    let datetime = |t: &DataType| matches!(t, DataType::Date32 | DataType::Timestamp(_, _));
    let binary = |t: &DataType| matches!(t, DataType::Binary | DataType::LargeBinary | DataType::BinaryView);
    match (from, to) {
        (DataType::Null, _) => true,
        (from, to) if from.is_nested() || to.is_nested() => false,
        (from, _) if from.is_string() => true,
        (from, to) if to.is_string() || (from.is_numeric() && to.is_numeric()) => !from.is_nested(),
        (from, to) if datetime(from) && datetime(to) => true,
        (from, to) => binary(from) && binary(to),
    }
}
