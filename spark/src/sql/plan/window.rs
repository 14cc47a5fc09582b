//! Window calls: `f(...) OVER (...)`.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, IntervalMonthDayNano};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{ExprSchemable, WindowFrame, WindowFrameBound, WindowFrameUnits};
use datafusion::sql::sqlparser::ast::{self, NamedWindowExpr, WindowType};

use super::expr::Names;
use super::{Planner, literal};
use crate::analysis::select::SortKey;
use crate::analysis::window::{self, Window};
use crate::analysis::{Named, interval};
use crate::error::{Result, SparkError};

impl Planner<'_> {
    pub(super) fn window_call(
        &mut self,
        function: &ast::Function,
        name: &str,
        args: Vec<Named>,
        over: &WindowType,
        names: &Names<'_>,
    ) -> Result<Named> {
        let window = self.window(over, names)?;
        let options = self.aggregate_options(function, names)?;
        window::over(&self.context(names), name, args, options, window)
    }

    /// What stands behind OVER.
    pub(super) fn window(&mut self, over: &WindowType, names: &Names<'_>) -> Result<Window> {
        let spec = self.window_spec(over)?;
        let mut partitions = Vec::new();
        for key in &spec.partition_by {
            partitions.push(self.expr(key, names)?);
        }
        let mut keys = self.sort_keys(&spec.order_by, names)?;
        let frame = match &spec.window_frame {
            Some(frame) => Some(self.frame(frame, &keys, names)?),
            None => None,
        };
        // DataFusion has ranges of numbers and of dates only.
        for (key, _, _) in &mut keys {
            key.expr = interval::count(key.expr.clone(), names.schema)?;
        }
        Ok(Window { partitions, keys, frame })
    }

    /// The frame and its text.
    fn frame(
        &mut self,
        frame: &ast::WindowFrame,
        keys: &[SortKey],
        names: &Names<'_>,
    ) -> Result<(WindowFrame, String)> {
        let units = WindowFrameUnits::from(frame.units);
        let key_type = match keys {
            [(key, _, _)] => Some(key.expr.get_type(names.schema)?),
            _ => None,
        };
        let end = frame.end_bound.clone().unwrap_or(ast::WindowFrameBound::CurrentRow);
        let (start, start_text) = self.bound(&frame.start_bound, units, key_type.as_ref(), names)?;
        let (end, end_text) = self.bound(&end, units, key_type.as_ref(), names)?;
        let text = format!("{} BETWEEN {start_text} AND {end_text}", frame.units);
        Ok((WindowFrame::new_bounds(units, start, end), text))
    }

    fn bound(
        &mut self,
        bound: &ast::WindowFrameBound,
        units: WindowFrameUnits,
        key_type: Option<&DataType>,
        names: &Names<'_>,
    ) -> Result<(WindowFrameBound, String)> {
        let (preceding, distance) = match bound {
            ast::WindowFrameBound::CurrentRow => {
                return Ok((WindowFrameBound::CurrentRow, "CURRENT ROW".to_owned()));
            }
            ast::WindowFrameBound::Preceding(distance) => (true, distance),
            ast::WindowFrameBound::Following(distance) => (false, distance),
        };
        let side = if preceding { "PRECEDING" } else { "FOLLOWING" };
        let Some(distance) = distance else {
            let open =
                if units == WindowFrameUnits::Range { ScalarValue::Null } else { ScalarValue::UInt64(None) };
            let bound =
                if preceding { WindowFrameBound::Preceding(open) } else { WindowFrameBound::Following(open) };
            return Ok((bound, format!("UNBOUNDED {side}")));
        };
        let named = self.expr(distance, names)?;
        let text = format!("{} {side}", named.name);
        let not_fit = || {
            SparkError::type_mismatch(
                "SPECIFIED_WINDOW_FRAME_UNACCEPTED_TYPE",
                &text,
                &format!("The data type of the frame bound \"{}\" does not fit", named.name),
            )
        };
        let value = literal::fold(named.expr.clone())?;
        let whole = match &value {
            ScalarValue::Int8(Some(n)) => Some(i64::from(*n)),
            ScalarValue::Int16(Some(n)) => Some(i64::from(*n)),
            ScalarValue::Int32(Some(n)) => Some(i64::from(*n)),
            ScalarValue::Int64(Some(n)) => Some(*n),
            _ => None,
        };
        let (preceding, value) = match (units, whole, key_type) {
            (WindowFrameUnits::Range, Some(days), Some(DataType::Date32)) => {
                let days = i32::try_from(days).map_err(|_| not_fit())?;
                let value = IntervalMonthDayNano::new(0, days, 0);
                (preceding, ScalarValue::IntervalMonthDayNano(Some(value)))
            }
            (WindowFrameUnits::Range, _, Some(DataType::Date32 | DataType::Timestamp(_, _))) => {
                (preceding, interval::calendar_scalar(&value).unwrap_or(value))
            }
            (WindowFrameUnits::Range, _, _) => match value {
                ScalarValue::DurationMicrosecond(count) => (preceding, ScalarValue::Int64(count)),
                ScalarValue::IntervalYearMonth(count) => {
                    (preceding, ScalarValue::Int64(count.map(i64::from)))
                }
                value => (preceding, value),
            },
            (_, Some(n), _) => ((n >= 0) == preceding, ScalarValue::UInt64(Some(n.unsigned_abs()))),
            _ => return Err(not_fit()),
        };
        let bound =
            if preceding { WindowFrameBound::Preceding(value) } else { WindowFrameBound::Following(value) };
        Ok((bound, text))
    }

    fn window_spec(&self, over: &WindowType) -> Result<Arc<ast::WindowSpec>> {
        let (name, spec) = match over {
            WindowType::NamedWindow(name) => (Some(name), None),
            WindowType::WindowSpec(spec) => (spec.window_name.as_ref(), Some(spec)),
        };
        let Some(name) = name else {
            return spec
                .map(|s| Arc::new(s.clone()))
                .ok_or_else(|| SparkError::internal("a window without a specification"));
        };
        let missing = || {
            SparkError::new(
                "MISSING_WINDOW_SPECIFICATION",
                "42P20",
                format!(
                    "Window specification is not defined in the WINDOW clause for {}. \
                     For more information about WINDOW clauses, please refer to \
                     'https://spark.apache.org/docs/latest/sql-ref-syntax-qry-select-window.html'.",
                    name.value
                ),
            )
        };
        let base = self
            .windows
            .iter()
            .rev()
            .find(|w| self.session.case.same(&w.0.value, &name.value))
            .ok_or_else(missing)?;
        match &base.1 {
            NamedWindowExpr::NamedWindow(other) => self.window_spec(&WindowType::NamedWindow(other.clone())),
            NamedWindowExpr::WindowSpec(base) => {
                let mut merged = base.clone();
                if let Some(spec) = spec {
                    if !spec.order_by.is_empty() {
                        merged.order_by.clone_from(&spec.order_by);
                    }
                    if spec.window_frame.is_some() {
                        merged.window_frame.clone_from(&spec.window_frame);
                    }
                }
                Ok(Arc::new(merged))
            }
        }
    }
}
