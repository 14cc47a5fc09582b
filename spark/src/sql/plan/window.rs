//! Window calls: `f(...) OVER (...)`.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::expr::{NullTreatment, WindowFunction, WindowFunctionParams};
use datafusion::logical_expr::{Expr, WindowFrame, WindowFunctionDefinition};
use datafusion::sql::sqlparser::ast::{self, NamedWindowExpr, WindowType};

use super::Planner;
use super::expr::Names;
use crate::analysis::cast::cast;
use crate::analysis::{Named, call};
use crate::error::{Result, SparkError};

/// Functions for which the frame means nothing; Spark prints them with a frame of rows.
const RANKING: [&str; 6] = ["row_number", "rank", "dense_rank", "percent_rank", "cume_dist", "ntile"];

impl Planner<'_> {
    pub(super) fn window_call(
        &mut self,
        function: &ast::Function,
        name: &str,
        args: Vec<Named>,
        over: &WindowType,
        names: &Names<'_>,
    ) -> Result<Named> {
        let spec = self.window_spec(over)?;
        let mut partitions = Vec::new();
        for key in &spec.partition_by {
            partitions.push(self.expr(key, names)?);
        }
        let keys = self.sort_keys(&spec.order_by, names)?;
        let mut order_by = call::sort_exprs(&keys);
        let frame = match &spec.window_frame {
            Some(frame) => {
                let frame = WindowFrame::try_from(frame.clone())?;
                frame.regularize_order_bys(&mut order_by)?;
                frame
            }
            None => WindowFrame::new((!order_by.is_empty()).then_some(false)),
        };
        let context = self.context(names);
        let definition = call::window_function(&context, name);
        let is_window = definition.is_some();
        let mut options = call::AggregateOptions::default();
        let (definition, arguments, filter, text) = if let Some(definition) = definition {
            let text = call::call_text(name, &args);
            let text = match (name, args.len()) {
                ("lag" | "lead", 1) => format!("{name}({}, 1, NULL)", args[0].name),
                ("lag" | "lead", 2) => format!("{name}({}, {}, NULL)", args[0].name, args[1].name),
                _ => text,
            };
            options = self.aggregate_options(function, names)?;
            (definition, args.into_iter().map(|a| a.expr).collect(), None, text)
        } else {
            let options = self.aggregate_options(function, names)?;
            let planned =
                call::aggregate(&self.context(names), name, args, options).map_err(|error| error.at(None))?;
            match planned.expr {
                Expr::AggregateFunction(f) => (
                    WindowFunctionDefinition::AggregateUDF(f.func),
                    f.params.args,
                    f.params.filter,
                    planned.name,
                ),
                _ => return Err(SparkError::unsupported(format!("{name} over a window"))),
            }
        };
        let text = format!("{text} OVER ({})", window_text(name, &partitions, &keys, &spec));
        let expr = Expr::WindowFunction(Box::new(WindowFunction {
            fun: definition,
            params: WindowFunctionParams {
                args: arguments,
                partition_by: partitions.into_iter().map(|p| p.expr).collect(),
                order_by,
                window_frame: frame,
                filter,
                null_treatment: options.ignore_nulls.then_some(NullTreatment::IgnoreNulls),
                distinct: options.distinct,
            },
        }));
        let counts = is_window && matches!(name, "row_number" | "rank" | "dense_rank" | "ntile");
        // DataFusion numbers rows without a sign and in 64 bits.
        let expr = if counts { cast(expr, &DataType::Int32, false, names.schema)? } else { expr };
        Ok(Named::new(expr, text))
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

fn window_text(
    function: &str,
    partitions: &[Named],
    keys: &[(Named, bool, bool)],
    spec: &ast::WindowSpec,
) -> String {
    let mut parts = Vec::new();
    if !partitions.is_empty() {
        let names: Vec<_> = partitions.iter().map(|p| p.name.as_str()).collect();
        parts.push(format!("PARTITION BY {}", names.join(", ")));
    }
    if !keys.is_empty() {
        parts.push(format!("ORDER BY {}", call::sort_text(keys)));
    }
    parts.push(match (&spec.window_frame, function) {
        (Some(frame), _) => frame_text(frame),
        (None, "lag") => "ROWS BETWEEN -1 FOLLOWING AND -1 FOLLOWING".to_owned(),
        (None, "lead") => "ROWS BETWEEN 1 FOLLOWING AND 1 FOLLOWING".to_owned(),
        (None, f) if RANKING.contains(&f) => "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW".to_owned(),
        (None, _) if keys.is_empty() => "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING".to_owned(),
        (None, _) => "RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW".to_owned(),
    });
    parts.join(" ")
}

fn frame_text(frame: &ast::WindowFrame) -> String {
    let bound = |b: &ast::WindowFrameBound| b.to_string();
    let end = frame.end_bound.as_ref().map_or_else(|| "CURRENT ROW".to_owned(), bound);
    format!("{} BETWEEN {} AND {end}", frame.units, bound(&frame.start_bound))
}
