//! Window calls: a function over partition, order and frame.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::expr::{NullTreatment, WindowFunction, WindowFunctionParams};
use datafusion::logical_expr::{Expr, WindowFrame, WindowFunctionDefinition};

use super::call::{self, AggregateOptions, Context};
use super::select::SortKey;
use super::{Named, cast};
use crate::error::{Result, SparkError};

/// Functions for which the frame means nothing; Spark prints them with a frame of rows.
const RANKING: [&str; 5] = ["row_number", "rank", "dense_rank", "percent_rank", "ntile"];

/// What stands behind OVER.
#[derive(Debug, Clone, Default)]
pub struct Window {
    /// PARTITION BY.
    pub partitions: Vec<Named>,
    /// ORDER BY.
    pub keys: Vec<SortKey>,
    /// The frame, if one is written, and its text (`ROWS BETWEEN ... AND ...`).
    pub frame: Option<(WindowFrame, String)>,
}

/// The function of a window call.
struct Function {
    definition: WindowFunctionDefinition,
    args: Vec<Expr>,
    filter: Option<Box<Expr>>,
    nulls: Option<NullTreatment>,
    distinct: bool,
    text: String,
}

/// `name(args) OVER (window)`.
///
/// # Errors
/// UNRESOLVED_ROUTINE, and what the function finds wrong with its arguments.
pub fn over(
    context: &Context<'_>,
    name: &str,
    args: Vec<Named>,
    mut options: AggregateOptions,
    window: Window,
) -> Result<Named> {
    let Some(definition) = call::window_function(context, name) else {
        let planned = call::aggregate(context, name, args, options)?;
        return aggregate_over(name, planned, window);
    };
    let (args, text) = call::window_arguments(context, name, args, &mut options)?;
    let ordered = RANKING.contains(&name) || matches!(name, "lag" | "lead");
    if ordered && window.keys.is_empty() {
        return Err(SparkError::new(
            "_LEGACY_ERROR_TEMP_1037",
            "42601",
            format!(
                "Window function {text} requires window to be ordered, please add ORDER BY clause. For example \
                 SELECT {text}(value_expr) OVER (PARTITION BY window_partition ORDER BY window_ordering) from table."
            ),
        ));
    }
    let function = Function {
        definition,
        args,
        filter: None,
        nulls: options.ignore_nulls.then_some(NullTreatment::IgnoreNulls),
        distinct: options.distinct,
        text,
    };
    let call = planned(name, function, window)?;
    // DataFusion numbers rows without a sign and in 64 bits.
    if matches!(name, "row_number" | "rank" | "dense_rank" | "ntile") {
        return Ok(Named::new(cast::cast(call.expr, &DataType::Int32, false, context.schema)?, call.name));
    }
    Ok(call)
}

/// An aggregate function over a window.
///
/// # Errors
/// UNSUPPORTED_FEATURE if the aggregate is more than one call.
pub fn aggregate_over(name: &str, aggregate: Named, window: Window) -> Result<Named> {
    let mut text = None;
    // Some aggregates are casts of DataFusion's.
    let expr = aggregate.expr.transform_down(|expr| {
        let Expr::AggregateFunction(f) = expr else { return Ok(Transformed::no(expr)) };
        let function = Function {
            definition: WindowFunctionDefinition::AggregateUDF(f.func),
            args: f.params.args,
            filter: f.params.filter,
            nulls: f.params.null_treatment,
            distinct: f.params.distinct,
            text: aggregate.name.clone(),
        };
        let call = planned(name, function, window.clone())?;
        text = Some(call.name);
        Ok(Transformed::new(call.expr, true, TreeNodeRecursion::Jump))
    })?;
    match text {
        Some(text) => Ok(Named::new(expr.data, text)),
        None => Err(SparkError::unsupported(format!("{name} over a window"))),
    }
}

fn planned(name: &str, function: Function, window: Window) -> Result<Named> {
    let text = format!("{} OVER ({})", function.text, window_text(name, &window));
    let mut order_by = call::sort_exprs(&window.keys);
    let frame = match window.frame {
        Some((frame, _)) => {
            frame.regularize_order_bys(&mut order_by)?;
            frame
        }
        None => WindowFrame::new((!order_by.is_empty()).then_some(false)),
    };
    let expr = Expr::WindowFunction(Box::new(WindowFunction {
        fun: function.definition,
        params: WindowFunctionParams {
            args: function.args,
            partition_by: window.partitions.into_iter().map(|p| p.expr).collect(),
            order_by,
            window_frame: frame,
            filter: function.filter,
            null_treatment: function.nulls,
            distinct: function.distinct,
        },
    }));
    Ok(Named::new(expr, text))
}

fn window_text(function: &str, window: &Window) -> String {
    let mut parts = Vec::new();
    if !window.partitions.is_empty() {
        let names: Vec<_> = window.partitions.iter().map(|p| p.name.as_str()).collect();
        parts.push(format!("PARTITION BY {}", names.join(", ")));
    }
    if !window.keys.is_empty() {
        parts.push(format!("ORDER BY {}", call::sort_text(&window.keys)));
    }
    parts.push(match (&window.frame, function) {
        (Some((_, text)), _) => text.clone(),
        (None, "lag") => "ROWS BETWEEN -1 FOLLOWING AND -1 FOLLOWING".to_owned(),
        (None, "lead") => "ROWS BETWEEN 1 FOLLOWING AND 1 FOLLOWING".to_owned(),
        (None, f) if RANKING.contains(&f) => "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW".to_owned(),
        (None, _) if window.keys.is_empty() => {
            "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING".to_owned()
        }
        (None, _) => "RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW".to_owned(),
    });
    parts.join(" ")
}
