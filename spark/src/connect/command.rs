//! Commands: SQL, views, functions, writes.

use std::sync::Arc;

use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::arrow::ipc::writer::StreamWriter;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::error::DataFusionError;

use super::planner::Planner;
use super::proto::command::CommandType;
use super::proto::relation::RelType;
use super::{CommandOutcome, Environment, data_type, proto};
use crate::catalog::View;
use crate::error::{Result, SparkError};
use crate::session::cache::StorageLevel;
use crate::sql::{self, Parameters, Planned, ScriptStatement};

/// Carries out a command, as far as no plan must run for it.
///
/// # Errors
/// What Spark's analyzer would raise; UNSUPPORTED_FEATURE naming what is not there.
pub async fn command(env: &Environment<'_>, command: &proto::Command) -> Result<CommandOutcome> {
    loop {
        match carried_out(env, command).await {
            Err(error) if env.session.load_routine(&error).await? => {}
            outcome => return outcome,
        }
    }
}

async fn carried_out(env: &Environment<'_>, command: &proto::Command) -> Result<CommandOutcome> {
    let Some(kind) = &command.command_type else {
        return Err(super::expression::missing("a command"));
    };
    match kind {
        CommandType::SqlCommand(command) => sql_command(env, command).await,
        CommandType::CreateDataframeView(view) => create_view(env, view).await,
        CommandType::CheckpointCommand(command) => {
            let relation =
                command.relation.as_ref().ok_or_else(|| super::expression::missing("a relation"))?;
            let scope = Planner::new(env)?.plan(relation).await?;
            let plan = Planner::finished(scope)?;
            let level = command.storage_level.as_ref().map_or(StorageLevel::DEFAULT, super::storage_level);
            let local = command.local.then_some(level);
            Ok(CommandOutcome::Checkpoint { plan, eager: command.eager, local })
        }
        CommandType::RemoveCachedRemoteRelationCommand(command) => {
            let relation =
                command.relation.as_ref().ok_or_else(|| super::expression::missing("a relation"))?;
            Ok(CommandOutcome::Forget(relation.relation_id.clone()))
        }
        CommandType::RegisterFunction(function) => {
            super::python::register(env, function)?;
            Ok(CommandOutcome::Done)
        }
        CommandType::RegisterTableFunction(function) => {
            super::python::register_table(env, function)?;
            Ok(CommandOutcome::Done)
        }
        CommandType::WriteOperation(operation) => super::write::write_operation(env, operation).await,
        CommandType::WriteOperationV2(operation) => super::write::write_operation_v2(env, operation).await,
        CommandType::GetResourcesCommand(_) => Ok(CommandOutcome::Resources),
        other => Err(SparkError::unsupported(feature(other))),
    }
}

/// What a command that is not carried out is called.
fn feature(command: &CommandType) -> &'static str {
    match command {
        CommandType::WriteStreamOperationStart(_)
        | CommandType::StreamingQueryCommand(_)
        | CommandType::StreamingQueryManagerCommand(_)
        | CommandType::StreamingQueryListenerBusCommand(_) => "structured streaming",
        CommandType::RegisterDataSource(_) => "user-defined data sources",
        CommandType::CreateResourceProfileCommand(_) => "resource profiles",
        CommandType::MergeIntoTableCommand(_) => "MERGE INTO",
        CommandType::MlCommand(_) => "machine learning",
        CommandType::ExecuteExternalCommand(_) => "external commands",
        CommandType::PipelineCommand(_) => "declarative pipelines",
        _ => "this command",
    }
}

/// A query is handed back as it is, to be run when its rows are wanted; a command is carried out.
async fn sql_command(env: &Environment<'_>, command: &proto::SqlCommand) -> Result<CommandOutcome> {
    let input = match &command.input {
        Some(input) => input.clone(),
        // Spark 3.5 and the Java client.
        None => {
            #[expect(deprecated, reason = "older clients set it")]
            let sql = proto::Sql {
                query: command.sql.clone(),
                args: command.args.clone(),
                pos_args: command.pos_args.clone(),
                named_arguments: command.named_arguments.clone(),
                pos_arguments: command.pos_arguments.clone(),
            };
            proto::Relation { common: None, rel_type: Some(RelType::Sql(sql)) }
        }
    };
    let (sql, references) = match &input.rel_type {
        Some(RelType::Sql(sql)) => (sql, [].as_slice()),
        Some(RelType::WithRelations(with)) => match with.root.as_deref().and_then(|r| r.rel_type.as_ref()) {
            Some(RelType::Sql(sql)) => (sql, with.references.as_slice()),
            _ => return Err(super::expression::missing("a statement")),
        },
        _ => return Err(super::expression::missing("a statement")),
    };
    match statement(env, sql, references).await? {
        Planned::Query(_) => Ok(CommandOutcome::Rows(Box::new(input))),
        Planned::Compute(plan) => {
            env.runner.collect(&env.session.state()?, plan).await?;
            Ok(CommandOutcome::Rows(Box::new(local(&[], &Arc::new(Schema::empty()))?)))
        }
        Planned::Write(write) => Ok(CommandOutcome::Write(Box::new(write))),
        Planned::Local(batches, schema) => Ok(CommandOutcome::Rows(Box::new(local(&batches, &schema)?))),
    }
}

/// Plans a statement with its arguments; references are DataFrames it names.
pub(super) async fn statement(
    env: &Environment<'_>,
    message: &proto::Sql,
    references: &[proto::Relation],
) -> Result<Planned> {
    let mut named_frames = Vec::new();
    for reference in references {
        if let Some(RelType::SubqueryAlias(alias)) = &reference.rel_type {
            let scope = Box::pin(Planner::new(env)?.plan(reference)).await?;
            let view = View { plan: Planner::finished(scope)? };
            named_frames.push((alias.alias.clone(), view));
        }
    }
    let case = env.session.snapshot()?.case;
    let catalog = env.session.catalog();
    for (name, view) in &named_frames {
        catalog.create_view(std::slice::from_ref(name), view.clone(), true, false, false, case)?;
    }
    let planned = plain_statement(env, message).await;
    for (name, _) in &named_frames {
        catalog.drop_temp_view(name, case);
    }
    planned
}

async fn plain_statement(env: &Environment<'_>, message: &proto::Sql) -> Result<Planned> {
    let planner = Planner::new(env)?;
    let zone = planner.time_zone();
    #[expect(deprecated, reason = "older clients set it")]
    let (literals, positions) = (&message.args, &message.pos_args);
    let mut named = Vec::new();
    for (name, literal) in literals {
        named.push((name.clone(), super::literal::scalar(literal, zone)?));
    }
    for (name, expression) in &message.named_arguments {
        named.push((name.clone(), planner.constant(expression)?));
    }
    let mut positional = Vec::new();
    for literal in positions {
        positional.push(super::literal::scalar(literal, zone)?);
    }
    for expression in &message.pos_arguments {
        positional.push(planner.constant(expression)?);
    }
    let parameters =
        if named.is_empty() { Parameters::positional(positional)? } else { Parameters::named(named)? };
    let script = ScriptStatement { text: message.query.clone(), line: 1, column: 1 };
    sql::plan_with(env.session, &script, &parameters).await
}

/// Rows as a relation of a message.
fn local(batches: &[RecordBatch], schema: &SchemaRef) -> Result<proto::Relation> {
    let write = || -> std::result::Result<Vec<u8>, datafusion::arrow::error::ArrowError> {
        let mut writer = StreamWriter::try_new(Vec::new(), schema)?;
        for batch in batches {
            writer.write(batch)?;
        }
        writer.into_inner()
    };
    let data = write().map_err(DataFusionError::from)?;
    let relation =
        proto::LocalRelation { data: Some(data.into()), schema: Some(data_type::json_string(schema)) };
    Ok(proto::Relation { common: None, rel_type: Some(RelType::LocalRelation(relation)) })
}

async fn create_view(
    env: &Environment<'_>,
    message: &proto::CreateDataFrameViewCommand,
) -> Result<CommandOutcome> {
    let input = message.input.as_ref().ok_or_else(|| super::expression::missing("an input"))?;
    let scope = Planner::new(env)?.plan(input).await?;
    let plan = Planner::finished(scope)?;
    let name = super::expression::name_parts(&message.name)?;
    let case = env.session.snapshot()?.case;
    env.session.catalog().create_view(
        &name,
        View { plan },
        message.replace,
        false,
        message.is_global,
        case,
    )?;
    Ok(CommandOutcome::Done)
}
