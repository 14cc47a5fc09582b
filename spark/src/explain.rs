//! EXPLAIN: a plan in Spark's sections and words.

mod kept;
mod physical;

use std::sync::Arc;

use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};

use crate::analysis::scope::without_marks;
use crate::error::Result;
use crate::session::SparkSession;
use crate::sql::statement::ExplainMode;

/// The column in which a statement answers with a plan.
pub const COLUMN: &str = "plan";

/// A plan in the words of a mode.
///
/// # Errors
/// Where the plan cannot be optimised or made physical.
pub async fn text(session: &SparkSession, mode: ExplainMode, plan: &LogicalPlan) -> Result<String> {
    let state = session.state()?;
    let plan = kept::marked(session.cache(), plan.clone())?;
    let mut text = String::new();
    if mode == ExplainMode::Extended {
        let analyzed = plan.display_indent();
        // Names are resolved while a plan is made: there is no plan that has them as they were written.
        text =
            format!("== Parsed Logical Plan ==\n{analyzed}\n\n== Analyzed Logical Plan ==\n{analyzed}\n\n");
    }
    let physical = state.create_physical_plan(&plan).await?;
    if matches!(mode, ExplainMode::Extended | ExplainMode::Cost) {
        let size = if mode == ExplainMode::Cost { statistics(physical.as_ref()) } else { String::new() };
        text.push_str(&optimized(&state, &plan, &size)?);
    }
    text.push_str(&format!("== Physical Plan ==\n{}\n", shown(&physical)));
    Ok(without_marks(&text))
}

fn optimized(state: &SessionState, plan: &LogicalPlan, size: &str) -> Result<String> {
    let shown = state.optimize(plan)?.display_indent().to_string();
    let (first, rest) = shown.split_once('\n').unwrap_or((&shown, ""));
    let newline = if rest.is_empty() { "" } else { "\n" };
    Ok(format!("== Optimized Logical Plan ==\n{first}{size}{newline}{rest}\n\n"))
}

/// What is known of a plan's size.
fn statistics(plan: &dyn ExecutionPlan) -> String {
    let Ok(known) = StatisticsContext::new().compute(plan, &StatisticsArgs::new()) else {
        return String::new();
    };
    let mut parts = Vec::new();
    match known.total_byte_size.get_value() {
        Some(bytes) => parts.push(format!("sizeInBytes={bytes}.0 B")),
        // What Spark shows where it knows nothing.
        None => parts.push("sizeInBytes=8.0 EiB".to_owned()),
    }
    if let Some(rows) = known.num_rows.get_value() {
        parts.push(format!("rowCount={rows}"));
    }
    format!(", Statistics({})", parts.join(", "))
}

/// The rows of a command, for which nothing runs.
pub fn of_rows() -> String {
    "== Physical Plan ==\nLocalTableScan\n".to_owned()
}

fn shown(plan: &Arc<dyn ExecutionPlan>) -> String {
    let mut lines = physical::tree(plan);
    lines.push('\n');
    lines
}
