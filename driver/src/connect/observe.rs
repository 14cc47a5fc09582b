//! Observed metrics. They are computed by a job of their own over what the query reads.

use cerium_spark::analysis::scope::display_name;
use cerium_spark::connect::{Observations, literal_to_proto};
use datafusion::common::ScalarValue;
use datafusion::execution::SessionState;
use spark_connect_proto::execute_plan_response::ObservedMetrics;

use super::error::Failure;
use crate::driver::Driver;
use crate::scheduler::JobWatch;

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
