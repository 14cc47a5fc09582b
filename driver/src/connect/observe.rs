//! Observed metrics. They are computed by a job of their own over what the query reads.

use bytes::Bytes;
use cerium_spark::analysis::scope::display_name;
use cerium_spark::connect::{Observations, literal_to_proto};
use datafusion::common::ScalarValue;
use datafusion::execution::SessionState;
use spark_connect_proto::execute_plan_response::ObservedMetrics;
use spark_connect_proto::expression::Literal;
use spark_connect_proto::expression::literal::LiteralType;

use super::error::Failure;
use crate::driver::Driver;
use crate::scheduler::JobWatch;

/// The name under which PySpark's clients look for updates of accumulators.
const ACCUMULATORS: &str = "__python_accumulator__";
/// Bytes of updates in one message, unless a single one is larger.
const MESSAGE: usize = 16 << 20;

/// Updates of accumulators as the client reads them, in messages of moderate size.
pub fn accumulators(updates: Vec<Bytes>) -> Vec<ObservedMetrics> {
    let mut messages: Vec<ObservedMetrics> = Vec::new();
    let mut size = usize::MAX;
    for update in updates {
        if size.saturating_add(update.len()) > MESSAGE {
            messages.push(ObservedMetrics { name: ACCUMULATORS.to_owned(), ..ObservedMetrics::default() });
            size = 0;
        }
        size += update.len();
        let literal = Literal { literal_type: Some(LiteralType::Binary(update)), ..Literal::default() };
        if let Some(last) = messages.last_mut() {
            last.values.push(literal);
        }
    }
    messages
}

/// The metrics of each observation. `description` names the jobs in logs.
pub async fn metrics(
    driver: &Driver,
    state: &SessionState,
    observations: Observations,
    description: &str,
    watch: &JobWatch,
) -> Result<Vec<ObservedMetrics>, Failure> {
    let mut observed = Vec::with_capacity(observations.len());
    for (name, plan) in observations {
        let names = plan.schema().fields().iter().map(|field| display_name(field.name()).to_owned());
        let keys: Vec<String> = names.collect();
        let result = driver.execute_watched(state, &plan, description, watch).await?;
        let mut values = Vec::with_capacity(keys.len());
        if let Some(row) = result.batches.iter().find(|batch| batch.num_rows() > 0) {
            for column in row.columns() {
                values.push(literal_to_proto(&ScalarValue::try_from_array(column, 0)?)?);
            }
        }
        observed.push(ObservedMetrics { name, keys, values, ..ObservedMetrics::default() });
    }
    Ok(observed)
}
