//! Windows of time that are more than a function of a row: sliding ones, of which a row has several, and
//! sessions, which depend on the rows beside it.

use std::sync::Arc;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, UnnestOptions};
use datafusion::functions::core::{get_field, named_struct};
use datafusion::functions_aggregate::min_max::{max_udaf, min_udaf};
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::logical_expr::expr::{ScalarFunction, Sort, WindowFunction};
use datafusion::logical_expr::{
    AggregateUDF, Expr, ExprFunctionExt, LogicalPlan, LogicalPlanBuilder, WindowFrame, WindowFrameBound,
    WindowFrameUnits, WindowFunctionDefinition, lit, when,
};

use crate::error::{Result, SparkError};
use crate::functions::time_window::{SESSION, SLIDING, SLIDING_ALL, WINDOW};

/// A plan whose columns are the windows that calls stand for.
pub(super) struct Windows {
    /// The plan.
    pub plan: LogicalPlan,
    /// The calls and their columns.
    pub columns: Vec<(Expr, Column)>,
}

/// Makes columns of the windows in `groups` and `exprs`; rows without a time fall away. A session is more
/// than its row only where rows are grouped by it.
pub(super) fn over<'e>(
    input: LogicalPlan,
    groups: &'e [Expr],
    exprs: impl Iterator<Item = &'e Expr> + Clone,
) -> Result<Windows> {
    let mut windows = Windows { plan: input, columns: vec![] };
    for call in calls(groups.iter().chain(exprs.clone()), WINDOW.name)? {
        if let Expr::ScalarFunction(ScalarFunction { args, .. }) = call
            && let Some(time) = args.into_iter().next()
        {
            let plan = std::mem::take(&mut windows.plan);
            windows.plan = LogicalPlanBuilder::from(plan).filter(time.is_not_null())?.build()?;
        }
    }
    for call in calls(groups.iter().chain(exprs), SLIDING.name)? {
        windows.sliding(call)?;
    }
    let sessions = calls(groups.iter(), SESSION.name)?;
    match sessions.as_slice() {
        [] => {}
        [call] => windows.session(call, groups)?,
        _ => return Err(SparkError::unsupported("several session windows in one aggregate")),
    }
    Ok(windows)
}

/// The different calls of a function.
fn calls<'e>(exprs: impl Iterator<Item = &'e Expr>, name: &str) -> Result<Vec<Expr>> {
    let mut calls: Vec<Expr> = vec![];
    for expr in exprs {
        expr.apply(|part| {
            if matches!(part, Expr::ScalarFunction(call) if call.func.name() == name) && !calls.contains(part)
            {
                calls.push(part.clone());
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
    }
    Ok(calls)
}

fn with(plan: LogicalPlan, added: Vec<Expr>) -> Result<LogicalPlan> {
    let own = plan.schema().columns().into_iter().map(Expr::Column);
    let exprs: Vec<Expr> = own.chain(added).collect();
    Ok(LogicalPlanBuilder::from(plan).project(exprs)?.build()?)
}

fn column(name: &str) -> Expr {
    Expr::Column(Column::new_unqualified(name))
}

impl Windows {
    fn sliding(&mut self, call: Expr) -> Result<()> {
        let Expr::ScalarFunction(ScalarFunction { args, .. }) = &call else {
            return Err(SparkError::internal("a window is no call"));
        };
        let name = format!("__window_{}", self.columns.len());
        let all = SLIDING_ALL.function().call(args.clone());
        let plan = with(std::mem::take(&mut self.plan), vec![all.alias(&name)])?;
        let options = UnnestOptions::new().with_preserve_nulls(false);
        let column = Column::new_unqualified(name);
        self.plan =
            LogicalPlanBuilder::from(plan).unnest_column_with_options(column.clone(), options)?.build()?;
        self.columns.push((call, column));
        Ok(())
    }

    /// Rows of equal other groups whose times are no more than the gap apart have one session.
    fn session(&mut self, call: &Expr, groups: &[Expr]) -> Result<()> {
        let Expr::ScalarFunction(ScalarFunction { args, .. }) = call else {
            return Err(SparkError::internal("a session is no call"));
        };
        if groups.iter().any(|group| matches!(group, Expr::GroupingSet(_))) {
            return Err(SparkError::unsupported("session windows in grouping sets"));
        }
        let Some(Expr::Literal(gap, _)) = args.get(1) else {
            return Err(SparkError::internal("the gap of a session is no constant"));
        };
        let field = |name: &str| get_field().call(vec![call.clone(), lit(name)]);
        let own = self.plan.schema().columns();
        let mut plan = with(
            std::mem::take(&mut self.plan),
            vec![field("start").alias("__session_start"), field("end").alias("__session_end")],
        )?;
        let filter = column("__session_start").is_not_null().and(lit(gap.clone()).gt(lit(0_i64)));
        plan = LogicalPlanBuilder::from(plan).filter(filter)?.build()?;
        let keys: Vec<Expr> = groups.iter().filter(|group| *group != call).cloned().collect();
        let order = vec![Sort::new(column("__session_start"), true, true)];
        let until = |bound| {
            WindowFrame::new_bounds(WindowFrameUnits::Rows, WindowFrameBound::Preceding(null_bound()), bound)
        };
        let windowed = |plan: LogicalPlan, calls: Vec<Expr>| -> Result<LogicalPlan> {
            Ok(LogicalPlanBuilder::from(plan).window(calls)?.build()?)
        };
        let over = |function: Arc<AggregateUDF>, name: &str| {
            Expr::from(WindowFunction::new(
                WindowFunctionDefinition::AggregateUDF(function),
                vec![column(name)],
            ))
        };
        let latest = over(max_udaf(), "__session_end")
            .partition_by(keys.clone())
            .order_by(order.clone())
            .window_frame(until(WindowFrameBound::Preceding(1_u64.into())))
            .build()?
            .alias("__session_latest");
        plan = windowed(plan, vec![latest])?;
        let is_new =
            column("__session_latest").is_null().or(column("__session_start").gt(column("__session_latest")));
        let is_new = when(is_new, lit(1_i64)).otherwise(lit(0_i64))?.alias("__session_new");
        plan = with(plan, vec![is_new])?;
        let number = over(sum_udaf(), "__session_new")
            .partition_by(keys.clone())
            .order_by(order)
            .window_frame(until(WindowFrameBound::CurrentRow))
            .build()?
            .alias("__session_number");
        plan = windowed(plan, vec![number])?;
        let whole: Vec<Expr> = keys.into_iter().chain([column("__session_number")]).collect();
        let first =
            over(min_udaf(), "__session_start").partition_by(whole.clone()).build()?.alias("__session_from");
        let last = over(max_udaf(), "__session_end").partition_by(whole).build()?.alias("__session_to");
        plan = windowed(plan, vec![first, last])?;
        let name = "__session_window";
        let session = named_struct()
            .call(vec![lit("start"), column("__session_from"), lit("end"), column("__session_to")])
            .alias(name);
        let exprs: Vec<Expr> = own.into_iter().map(Expr::Column).chain([session]).collect();
        self.plan = LogicalPlanBuilder::from(plan).project(exprs)?.build()?;
        self.columns.push((call.clone(), Column::new_unqualified(name)));
        Ok(())
    }
}

/// A bound without limit.
fn null_bound() -> datafusion::common::ScalarValue {
    datafusion::common::ScalarValue::UInt64(None)
}
