//! EXPLAIN.

use datafusion::logical_expr::LogicalPlan;

use super::{Planned, plan_query, strings};
use crate::error::{Result, SparkError};
use crate::session::SparkSession;
use crate::sql::statement::{ExplainMode, Statement};

pub(super) async fn explain(
    session: &SparkSession,
    mode: ExplainMode,
    statement: Statement,
) -> Result<Planned> {
    let query = match statement {
        Statement::Query(query) => query,
        Statement::Insert(insert) => insert.query,
        Statement::CreateTable(create) => create.query.ok_or_else(no_query)?,
        Statement::CreateView(create) => match create.source {
            crate::sql::statement::ViewSource::Query { query, .. } => query.query,
            crate::sql::statement::ViewSource::Files(_) => return Err(no_query()),
        },
        _ => return Err(no_query()),
    };
    let plan = plan_query(session, &query).await?;
    strings(&["plan"], vec![vec![text(session, mode, &plan).await?]])
}

fn no_query() -> SparkError {
    SparkError::unsupported("EXPLAIN of a statement without a query")
}

/// A plan in the words of a mode.
pub async fn text(session: &SparkSession, mode: ExplainMode, plan: &LogicalPlan) -> Result<String> {
    let state = session.state()?;
    let mut text = String::new();
    if mode == ExplainMode::Extended {
        text = format!("== Analyzed Logical Plan ==\n{}\n\n", plan.display_indent());
    }
    if matches!(mode, ExplainMode::Extended | ExplainMode::Cost) {
        let optimized = state.optimize(plan)?;
        text.push_str(&format!("== Optimized Logical Plan ==\n{}\n\n", optimized.display_indent()));
    }
    let physical = state.create_physical_plan(plan).await?;
    let shown = datafusion::physical_plan::displayable(physical.as_ref()).indent(false).to_string();
    text.push_str(&format!("== Physical Plan ==\n{shown}\n"));
    Ok(text)
}
