//! EXPLAIN.

use super::{Planned, plan_query, strings};
use crate::error::{Result, SparkError};
use crate::explain;
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
    strings(&[explain::COLUMN], vec![vec![explain::text(session, mode, &plan).await?]])
}

fn no_query() -> SparkError {
    SparkError::unsupported("EXPLAIN of a statement without a query")
}
