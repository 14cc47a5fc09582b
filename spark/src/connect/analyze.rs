//! Questions about plans: schema, explain, tree string, and DDL strings.

use std::hash::{DefaultHasher, Hash, Hasher};

use datafusion::arrow::datatypes::Schema;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::LogicalPlan;

use super::proto::analyze_plan_request::{Analyze, explain::ExplainMode};
use super::proto::analyze_plan_response::{self as answers, Result as Answer};
use super::proto::plan::OpType;
use super::proto::relation::RelType;
use super::{ConnectPlan, Environment, data_type, proto};
use crate::error::{Result, SparkError};
use crate::explain;
use crate::source::table::FileTable;
use crate::sql::statement as sql;

/// Answers a question that needs only plans.
///
/// Persisting, storage levels and the version are not asked here.
///
/// # Errors
/// What Spark's analyzer would raise.
pub async fn analyze(env: &Environment<'_>, question: &Analyze) -> Result<Answer> {
    Ok(match question {
        Analyze::Schema(question) => {
            let schema = schema(env, root(question.plan.as_ref())?).await?;
            Answer::Schema(answers::Schema { schema: Some(data_type::schema_to_proto(&schema)) })
        }
        Analyze::TreeString(question) => {
            let schema = schema(env, root(question.plan.as_ref())?).await?;
            let tree_string = data_type::tree_string(&schema, question.level.unwrap_or(0));
            Answer::TreeString(answers::TreeString { tree_string })
        }
        Analyze::Explain(question) => {
            let explain_string = explain(env, root(question.plan.as_ref())?, question.explain_mode()).await?;
            Answer::Explain(answers::Explain { explain_string })
        }
        Analyze::IsLocal(question) => {
            let relation = root(question.plan.as_ref())?;
            let is_local = matches!(relation.rel_type, Some(RelType::LocalRelation(_)));
            Answer::IsLocal(answers::IsLocal { is_local })
        }
        Analyze::IsStreaming(question) => {
            plan(env, root(question.plan.as_ref())?).await?;
            Answer::IsStreaming(answers::IsStreaming { is_streaming: false })
        }
        Analyze::InputFiles(question) => {
            let files = match plan(env, root(question.plan.as_ref())?).await? {
                ConnectPlan::Query(plan) => files(&plan)?,
                ConnectPlan::Local(_, _) => Vec::new(),
            };
            Answer::InputFiles(answers::InputFiles { files })
        }
        Analyze::DdlParse(question) => {
            let zone = env.session.time_zone()?;
            let parsed = data_type::parse_message(&question.ddl_string, &zone)?;
            Answer::DdlParse(answers::DdlParse { parsed: Some(parsed) })
        }
        Analyze::JsonToDdl(question) => {
            let zone = env.session.time_zone()?;
            let schema = data_type::parse_schema(&question.json_string, &zone)?;
            Answer::JsonToDdl(answers::JsonToDdl { ddl_string: data_type::to_ddl(&schema) })
        }
        Analyze::SameSemantics(question) => {
            let target = semantic_hash(env, root(question.target_plan.as_ref())?).await?;
            let other = semantic_hash(env, root(question.other_plan.as_ref())?).await?;
            Answer::SameSemantics(answers::SameSemantics { result: target == other })
        }
        Analyze::SemanticHash(question) => {
            let hash = semantic_hash(env, root(question.plan.as_ref())?).await?;
            Answer::SemanticHash(answers::SemanticHash { result: (hash ^ (hash >> 32)) as i32 })
        }
        Analyze::SparkVersion(_)
        | Analyze::Persist(_)
        | Analyze::Unpersist(_)
        | Analyze::GetStorageLevel(_) => {
            return Err(SparkError::internal("a question that no plan answers"));
        }
    })
}

/// The relation of a plan.
fn root(plan: Option<&proto::Plan>) -> Result<&proto::Relation> {
    match plan.and_then(|plan| plan.op_type.as_ref()) {
        Some(OpType::Root(relation)) => Ok(relation),
        _ => Err(super::expression::missing("a plan")),
    }
}

async fn plan(env: &Environment<'_>, relation: &proto::Relation) -> Result<ConnectPlan> {
    if matches!(relation.rel_type, Some(RelType::ShowString(_) | RelType::HtmlString(_))) {
        return Err(SparkError::unsupported("questions about the text of show"));
    }
    super::relation(env, relation).await
}

/// The columns of a relation; marks of duplicate names are still on them.
async fn schema(env: &Environment<'_>, relation: &proto::Relation) -> Result<Schema> {
    Ok(match plan(env, relation).await? {
        ConnectPlan::Query(plan) => plan.schema().inner().as_ref().clone(),
        ConnectPlan::Local(_, schema) => schema.as_ref().clone(),
    })
}

async fn explain(env: &Environment<'_>, relation: &proto::Relation, mode: ExplainMode) -> Result<String> {
    let ConnectPlan::Query(plan) = plan(env, relation).await? else { return Ok(explain::of_rows()) };
    let mode = match mode {
        ExplainMode::Extended => sql::ExplainMode::Extended,
        ExplainMode::Cost => sql::ExplainMode::Cost,
        ExplainMode::Codegen => sql::ExplainMode::Codegen,
        ExplainMode::Formatted => sql::ExplainMode::Formatted,
        ExplainMode::Simple | ExplainMode::Unspecified => sql::ExplainMode::Simple,
    };
    explain::text(env.session, mode, &plan).await
}

/// The files that a plan reads.
fn files(plan: &LogicalPlan) -> Result<Vec<String>> {
    let mut files = Vec::new();
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && let Ok(provider) = source_as_provider(&scan.source)
            && let Some(table) = provider.downcast_ref::<FileTable>()
        {
            files.extend(table.urls());
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    files.sort();
    files.dedup();
    Ok(files)
}

/// A number that is the same for plans that are the same.
async fn semantic_hash(env: &Environment<'_>, relation: &proto::Relation) -> Result<u64> {
    let ConnectPlan::Query(plan) = plan(env, relation).await? else {
        return Err(SparkError::unsupported("comparing the rows of commands"));
    };
    let optimized = env.session.state()?.optimize(&plan)?;
    let mut hasher = DefaultHasher::new();
    // What the columns are called in the end makes no difference.
    if let LogicalPlan::Projection(projection) = &optimized {
        for expr in &projection.expr {
            expr.clone().unalias().to_string().hash(&mut hasher);
        }
        projection.input.display_indent().to_string().hash(&mut hasher);
    } else {
        optimized.display_indent().to_string().hash(&mut hasher);
    }
    Ok(hasher.finish())
}
