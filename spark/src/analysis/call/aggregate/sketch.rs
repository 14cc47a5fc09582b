//! Arguments of sketches.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, lit};

use super::Call;
use crate::analysis::call::list;
use crate::analysis::cast::cast;
use crate::error::{Result, SparkError};
use crate::sql::plan::fold;

impl Call<'_> {
    /// What Spark prints for an argument of a sketch that was left out.
    pub(super) fn sketch_default(&self) -> &'static str {
        match (self.name, self.args.len()) {
            ("hll_sketch_agg" | "theta_sketch_agg" | "theta_union_agg", 1) => ", 12",
            ("hll_union_agg", 1) => ", false",
            _ => "",
        }
    }

    /// The value that a sketch is made of: of one of the kinds, or of a smaller integer.
    pub(super) fn sketched(&self, kinds: &[DataType], wanted: &str) -> Result<Expr> {
        let data_type = self.data_type(0)?;
        let value = self.args[0].expr.clone();
        let same = |kind: &DataType| match (kind, &data_type) {
            (DataType::List(a), DataType::List(b)) => a.data_type() == b.data_type(),
            (a, b) => a == b,
        };
        match &data_type {
            DataType::Int8 | DataType::Int16 => cast(value, &DataType::Int32, false, self.context.schema),
            DataType::Null => cast(value, &DataType::Int32, false, self.context.schema),
            _ if kinds.iter().any(same) => Ok(value),
            _ => Err(self.wrong(0, wanted)),
        }
    }

    /// A constant INT, which may be left out.
    pub(super) fn size(&self, index: usize, default: i32) -> Result<Expr> {
        match self.args.get(index) {
            None => Ok(lit(default)),
            Some(_) => Ok(lit(fold(self.typed(index, &DataType::Int32)?)?)),
        }
    }

    /// The sketches that are joined.
    pub(super) fn binary(&self) -> Result<Expr> {
        match self.data_type(0)? {
            DataType::Binary => Ok(self.args[0].expr.clone()),
            DataType::Null => cast(self.args[0].expr.clone(), &DataType::Binary, false, self.context.schema),
            _ => Err(self.wrong(0, "BINARY")),
        }
    }

    pub(super) fn kll_arguments(&self) -> Result<Vec<Expr>> {
        let data_type = self.data_type(0)?;
        let whole = matches!(data_type, DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64);
        let (to, fits, wanted) = match self.name {
            "kll_sketch_agg_bigint" => {
                (DataType::Int64, whole, "(\"TINYINT\" or \"INT\" or \"BIGINT\" or \"SMALLINT\")")
            }
            "kll_sketch_agg_float" => (DataType::Float32, data_type == DataType::Float32, "\"FLOAT\""),
            _ => (
                DataType::Float64,
                matches!(data_type, DataType::Float32 | DataType::Float64),
                "(\"FLOAT\" or \"DOUBLE\")",
            ),
        };
        if !fits && data_type != DataType::Null {
            return Err(self.wrong(0, wanted));
        }
        let mut args = vec![cast(self.args[0].expr.clone(), &to, false, self.context.schema)?];
        if self.args.len() > 1 {
            let k = fold(self.typed(1, &DataType::Int32)?)?;
            if let ScalarValue::Int32(Some(k)) = k
                && !(8..=65_535).contains(&k)
            {
                let name = self.name;
                return Err(SparkError::type_mismatch(
                    "TYPE_CHECK_FAILURE_WITH_HINT",
                    &format!("{name}({})", list(self.args)),
                    &format!(
                        "[KLL_SKETCH_K_OUT_OF_RANGE] For function `{name}`, the k parameter must be between 8 and 65535 (inclusive), but got {k}. SQLSTATE: 22003"
                    ),
                ));
            }
            args.push(lit(k));
        }
        Ok(args)
    }

    pub(super) fn count_min_arguments(&self) -> Result<Vec<Expr>> {
        let kinds = [DataType::Int32, DataType::Int64, DataType::Utf8, DataType::Binary];
        let value = self.sketched(&kinds, "(\"INTEGRAL\" or \"STRING\" or \"BINARY\")")?;
        let constant = |index: usize, what: &str, range: &str, most: f64| -> Result<Expr> {
            let folded = fold(self.double(index)?)?;
            match folded {
                ScalarValue::Float64(Some(number)) if number > 0.0 && number <= most => Ok(lit(number)),
                ScalarValue::Float64(Some(number)) => Err(SparkError::type_mismatch(
                    "VALUE_OUT_OF_RANGE",
                    &format!("{}({})", self.name, list(self.args)),
                    &format!(
                        "The {what} must be between {range} (current value = {}D)",
                        crate::text::double(number)
                    ),
                )),
                _ => Err(self.wrong(index, "DOUBLE")),
            }
        };
        let eps = constant(1, "eps", "(0.0, 1.7976931348623157E308]", f64::MAX)?;
        let confidence = constant(2, "confidence", "(0.0, 1.0]", 1.0)?;
        let seed = fold(self.typed(3, &DataType::Int64)?)?;
        Ok(vec![value, eps, confidence, lit(seed)])
    }
}
