//! Window expressions: function, partition, order and frame.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{WindowFrame, WindowFrameBound, WindowFrameUnits};

use super::{Resolver, child, expr_type, literal};
use crate::analysis::call::call_text;
use crate::analysis::window::{Window, aggregate_over, over};
use crate::analysis::{Named, interval};
use crate::connect::proto::common_inline_user_defined_function::Function;
use crate::connect::proto::expression::window::{
    WindowFrame as FrameMessage,
    window_frame::{FrameBoundary, FrameType, frame_boundary::Boundary},
};
use crate::connect::proto::expression::{ExprType, Window as WindowMessage};
use crate::error::{Result, SparkError};
use crate::python::eval_type;

fn not_for_windows(text: &str) -> SparkError {
    SparkError::new(
        "UNSUPPORTED_EXPR_FOR_WINDOW",
        "42P20",
        format!("Expression \"{text}\" not supported within a window function."),
    )
    .with_param("sqlExpr", format!("\"{text}\""))
}

impl Resolver<'_> {
    /// `function OVER (...)`.
    pub(super) fn window(&self, message: &WindowMessage) -> Result<Named> {
        let mut keys = self.sort_keys(&message.order_spec)?;
        for (key, _, _) in &mut keys {
            key.expr = interval::count(key.expr.clone(), self.schema)?;
        }
        let window = Window {
            partitions: self.exprs(&message.partition_spec)?,
            keys,
            frame: message.frame_spec.as_deref().map(|frame| self.frame(frame)).transpose()?,
        };
        let function = child(message.window_function.as_deref())?;
        let (name, arguments, distinct) = match expr_type(function)? {
            ExprType::UnresolvedFunction(call) => (&call.function_name, &call.arguments, call.is_distinct),
            ExprType::CallFunction(call) => (&call.function_name, &call.arguments, false),
            ExprType::CommonInlineUserDefinedFunction(function) => {
                if let Some(Function::PythonUdf(udf)) = &function.function
                    && !eval_type::is_aggregate(udf.eval_type)
                {
                    let args = self.exprs(&function.arguments)?;
                    return Err(not_for_windows(&call_text(&function.function_name, &args)));
                }
                let aggregate = self.user_defined(function)?;
                return aggregate_over(&function.function_name, aggregate, window);
            }
            _ => return Err(not_for_windows(&self.expr(function)?.name)),
        };
        if let Some(aggregate) = self.routine(&super::name_parts(name)?, arguments, distinct)? {
            return aggregate_over(name, aggregate, window);
        }
        let name = name.to_ascii_lowercase();
        let (args, options) = self.aggregate_arguments(&name, arguments, distinct)?;
        over(&self.context(), &name, args, options, window)
    }

    fn frame(&self, frame: &FrameMessage) -> Result<(WindowFrame, String)> {
        let units = match frame.frame_type() {
            FrameType::Range => WindowFrameUnits::Range,
            FrameType::Row | FrameType::Undefined => WindowFrameUnits::Rows,
        };
        let (start, start_text) = self.bound(frame.lower.as_deref(), units, true)?;
        let (end, end_text) = self.bound(frame.upper.as_deref(), units, false)?;
        let shown = if units == WindowFrameUnits::Range { "RANGE" } else { "ROWS" };
        let text = format!("{shown} BETWEEN {start_text} AND {end_text}");
        Ok((WindowFrame::new_bounds(units, start, end), text))
    }

    fn bound(
        &self,
        bound: Option<&FrameBoundary>,
        units: WindowFrameUnits,
        lower: bool,
    ) -> Result<(WindowFrameBound, String)> {
        let nothing = ScalarValue::UInt64(None);
        Ok(match bound.and_then(|bound| bound.boundary.as_ref()) {
            Some(Boundary::CurrentRow(_)) => (WindowFrameBound::CurrentRow, "CURRENT ROW".to_owned()),
            None | Some(Boundary::Unbounded(_)) if lower => {
                (WindowFrameBound::Preceding(nothing), "UNBOUNDED PRECEDING".to_owned())
            }
            None | Some(Boundary::Unbounded(_)) => {
                (WindowFrameBound::Following(nothing), "UNBOUNDED FOLLOWING".to_owned())
            }
            Some(Boundary::Value(value)) => {
                let ExprType::Literal(offset) = expr_type(value)? else {
                    return Err(SparkError::unsupported("frames whose bounds are no literals"));
                };
                let named = literal::named(offset, self.planner.time_zone())?;
                let offset = literal::scalar(offset, self.planner.time_zone())?;
                let number: i64 = match &offset.cast_to(&datafusion::arrow::datatypes::DataType::Int64)? {
                    ScalarValue::Int64(Some(number)) => *number,
                    _ => return Err(SparkError::unsupported("frames whose bounds are null")),
                };
                let text = format!("{} FOLLOWING", named.name);
                let distance = match units {
                    WindowFrameUnits::Rows => ScalarValue::UInt64(Some(number.unsigned_abs())),
                    _ => ScalarValue::Utf8(Some(number.unsigned_abs().to_string())),
                };
                let bound = match number {
                    0 => WindowFrameBound::CurrentRow,
                    n if n < 0 => WindowFrameBound::Preceding(distance),
                    _ => WindowFrameBound::Following(distance),
                };
                (bound, text)
            }
        })
    }
}
