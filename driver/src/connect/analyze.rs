//! AnalyzePlan: questions about plans, answered without running them where possible.

use cerium_conf::keys;
use cerium_spark::connect::{self, ConnectPlan, Environment, storage_level};
use cerium_spark::identity::Identity;
use cerium_spark::session::cache::{PlanCache, StorageLevel};
use datafusion::logical_expr::LogicalPlan;
use spark_connect_proto as proto;
use spark_connect_proto::analyze_plan_request::{self as request, Analyze};
use spark_connect_proto::analyze_plan_response::{self as response, Result as Answer};
use spark_connect_proto::plan::OpType;

use super::error::{Failure, handle};
use super::execute::Runner;
use super::plan::{Asked, unpack};
use super::session::Session;
use crate::driver::Driver;

/// The level of what is not persisted.
const NO_LEVEL: proto::StorageLevel = proto::StorageLevel {
    use_disk: false,
    use_memory: false,
    use_off_heap: false,
    deserialized: false,
    replication: 1,
};

/// Answers a question.
pub async fn analyze(driver: &Driver, session: &Session, question: Analyze) -> Result<Answer, Failure> {
    let limit = driver.conf().get(&keys::CONNECT_MAX_PLAN_SIZE)?.bytes().max(0) as u64;
    let question = unpacked(question, limit)?;
    let runner = Runner::new(driver, "analyze");
    let env = Environment { session: &session.spark, runner: &runner, artifacts: session };
    match question {
        Analyze::SparkVersion(_) => Ok(Answer::SparkVersion(response::SparkVersion {
            version: cerium_conf::SPARK_VERSION.to_owned(),
        })),
        Analyze::Persist(request) => {
            if let Some(plan) = query(&env, request.relation.as_ref()).await? {
                let level = request.storage_level.as_ref().map_or(StorageLevel::DEFAULT, storage_level);
                driver.cache().persist(identity(&runner, &plan)?, level);
            }
            Ok(Answer::Persist(response::Persist {}))
        }
        Analyze::Unpersist(request) => {
            if let Some(plan) = query(&env, request.relation.as_ref()).await? {
                driver.cache().unpersist(&identity(&runner, &plan)?, false);
            }
            Ok(Answer::Unpersist(response::Unpersist {}))
        }
        Analyze::GetStorageLevel(request) => {
            let plan = query(&env, request.relation.as_ref()).await?;
            let found = match plan {
                Some(plan) => driver.cache().level(&identity(&runner, &plan)?),
                None => None,
            };
            let level = found.map_or(NO_LEVEL, |level| proto::StorageLevel {
                use_disk: level.use_disk,
                use_memory: level.use_memory,
                use_off_heap: level.use_off_heap,
                deserialized: level.deserialized,
                replication: level.replication,
            });
            Ok(Answer::GetStorageLevel(response::GetStorageLevel { storage_level: Some(level) }))
        }
        other => connect::analyze::analyze(&env, &other).await.map_err(|error| runner.failure(error)),
    }
}

fn identity(runner: &Runner<'_>, plan: &LogicalPlan) -> Result<Identity, Failure> {
    Identity::of(plan).map_err(|error| runner.failure(error.into()))
}

async fn query(
    env: &Environment<'_>,
    relation: Option<&proto::Relation>,
) -> Result<Option<LogicalPlan>, Failure> {
    let relation = relation.ok_or_else(|| handle::missing("the relation"))?;
    match connect::relation(env, relation).await? {
        ConnectPlan::Query(plan) => Ok(Some(plan)),
        ConnectPlan::Local(..) => Ok(None),
    }
}

/// The question with its plans unpacked.
fn unpacked(mut question: Analyze, limit: u64) -> Result<Analyze, Failure> {
    let plans: [Option<&mut Option<proto::Plan>>; 2] = match &mut question {
        Analyze::Schema(request::Schema { plan })
        | Analyze::Explain(request::Explain { plan, .. })
        | Analyze::TreeString(request::TreeString { plan, .. })
        | Analyze::IsLocal(request::IsLocal { plan })
        | Analyze::IsStreaming(request::IsStreaming { plan })
        | Analyze::InputFiles(request::InputFiles { plan })
        | Analyze::SemanticHash(request::SemanticHash { plan }) => [Some(plan), None],
        Analyze::SameSemantics(request::SameSemantics { target_plan, other_plan }) => {
            [Some(target_plan), Some(other_plan)]
        }
        Analyze::SparkVersion(_)
        | Analyze::DdlParse(_)
        | Analyze::Persist(_)
        | Analyze::Unpersist(_)
        | Analyze::GetStorageLevel(_)
        | Analyze::JsonToDdl(_) => [None, None],
    };
    for plan in plans.into_iter().flatten() {
        let packed = plan.take().ok_or_else(|| handle::missing("the plan"))?;
        let op_type = match unpack(packed, limit)? {
            Asked::Relation(relation) => OpType::Root(relation),
            Asked::Command(command) => OpType::Command(command),
        };
        *plan = Some(proto::Plan { op_type: Some(op_type) });
    }
    Ok(question)
}
