//! The peer: DataFusion in this process, with two threads and two partitions.

use std::time::Instant;

use anyhow::{Context, Result};
use datafusion::arrow::array::RecordBatch;
use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};

use super::compare::Rows;
use super::{Options, Outcome, data};

/// As many threads and partitions as Cerium has executor cores.
const CORES: usize = 2;

/// Runs the queries one after the other; a query that fails here ends the
/// benchmark, for there is nothing to compare with then.
pub fn run(options: &Options) -> Result<Vec<Outcome>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(CORES)
        .enable_all()
        .build()
        .context("starting the threads of plain DataFusion")?;
    runtime.block_on(async {
        // Decimal literals are decimals, as in Spark.
        let config = SessionConfig::new()
            .with_target_partitions(CORES)
            .set_bool("datafusion.sql_parser.parse_float_as_decimal", true);
        let context = SessionContext::new_with_config(config);
        for table in data::TABLES {
            let path = data::file(&options.data, table);
            let path = path.to_str().context("the data folder's name is not UTF-8")?;
            context.register_parquet(table, path, ParquetReadOptions::default()).await?;
        }
        let mut outcomes = Vec::new();
        for query in &options.queries {
            eprintln!("plain DataFusion: q{:02}", query.number);
            let outcome = run_query(&context, query.sql, options)
                .await
                .with_context(|| format!("q{:02} in plain DataFusion", query.number))?;
            outcomes.push(outcome);
        }
        Ok(outcomes)
    })
}

async fn run_query(context: &SessionContext, sql: &str, options: &Options) -> Result<Outcome> {
    for _ in 0..options.warm_up {
        collect(context, sql).await?;
    }
    let mut elapsed_ms = Vec::new();
    let mut batches = Vec::new();
    for _ in 0..options.repeat {
        let start = Instant::now();
        // On a thread of the runtime: block_on itself would be a third thread.
        batches = tokio::spawn({
            let (context, sql) = (context.clone(), sql.to_owned());
            async move { collect(&context, &sql).await }
        })
        .await
        .context("a thread of plain DataFusion ended")??;
        elapsed_ms.push(start.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(Outcome { elapsed_ms, rows: Rows::from_batches(&batches)? })
}

async fn collect(context: &SessionContext, sql: &str) -> Result<Vec<RecordBatch>> {
    Ok(context.sql(sql).await?.collect().await?)
}
