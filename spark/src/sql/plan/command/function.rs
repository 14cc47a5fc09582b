//! CREATE FUNCTION, DROP FUNCTION and what is told of functions.

use super::{nothing, strings};
use crate::catalog::errors;
use crate::error::{Result, SparkError};
use crate::functions::builtin;
use crate::routine::{Definition, Parameter, Returns, Routine, SqlRoutine};
use crate::session::{Snapshot, SparkSession};
use crate::sql::plan::routine::{body_tables, check};
use crate::sql::plan::{Planned, lookup_tables};
use crate::sql::stack::with_room;
use crate::sql::statement::{CreateFunction, FunctionSource, Name, SqlFunction};
use crate::types;

pub(super) async fn create(session: &SparkSession, create: CreateFunction) -> Result<Planned> {
    let snapshot = session.snapshot()?;
    let name = &create.name.parts;
    let definition = match create.source {
        FunctionSource::Class(class) if create.temporary => {
            return Err(errors::class_not_loaded(name, &class));
        }
        FunctionSource::Class(class) => Definition::Class(class),
        FunctionSource::Sql(function) => {
            let sql = sql_routine(&snapshot, function)?;
            let tables = lookup_tables(session, &snapshot, body_tables(&sql.body)?, None).await?;
            with_room(|| check(&snapshot, tables, name, &sql))?;
            Definition::Sql(sql)
        }
    };
    let catalog = session.catalog();
    match name.as_slice() {
        [short] if create.temporary => {
            if builtin::contains(short) {
                return Err(errors::routine_exists(std::slice::from_ref(short)));
            }
            catalog.register(short, Routine::Defined(definition), create.replace)?;
        }
        _ => catalog.create_routine(name, &definition, create.replace, create.if_not_exists).await?,
    }
    nothing()
}

fn sql_routine(snapshot: &Snapshot, function: SqlFunction) -> Result<SqlRoutine> {
    let text = |sql: &datafusion::sql::sqlparser::ast::DataType| -> Result<String> {
        Ok(types::sql_name(&types::from_sql(sql, &snapshot.time_zone)?))
    };
    let mut parameters = Vec::with_capacity(function.parameters.len());
    for parameter in function.parameters {
        let data_type = text(&parameter.data_type)?;
        parameters.push(Parameter { name: parameter.name, data_type, default: parameter.default });
    }
    let returns = match (function.table, &function.returns) {
        (Some(columns), _) if columns.is_empty() => Returns::Table(None),
        (Some(columns), _) => {
            let columns =
                columns.into_iter().map(|(name, sql)| Ok((name, text(&sql)?))).collect::<Result<_>>();
            Returns::Table(Some(columns?))
        }
        (None, Some(sql)) => Returns::Value(text(sql)?),
        (None, None) => Returns::Any,
    };
    Ok(SqlRoutine { parameters, returns, body: function.body, comment: function.comment })
}

pub(super) async fn drop(
    session: &SparkSession,
    name: &Name,
    temporary: bool,
    if_exists: bool,
) -> Result<Planned> {
    let snapshot = session.snapshot()?;
    let catalog = session.catalog();
    let short = name.parts.last().cloned().unwrap_or_default();
    if temporary {
        if !catalog.unregister(&short) {
            if builtin::contains(&short) {
                return Err(SparkError::new(
                    "_LEGACY_ERROR_TEMP_1255",
                    "",
                    format!("Cannot drop built-in function '{short}'."),
                )
                .with_param("functionName", short));
            }
            if !if_exists {
                return Err(errors::routine_not_found(&name.parts));
            }
        }
        return nothing();
    }
    let known = name.parts.len() == 1
        && (builtin::contains(&short) || snapshot.routines.temporary.contains_key(&short.to_lowercase()));
    if known {
        return Err(SparkError::new(
            "_LEGACY_ERROR_TEMP_1017",
            "",
            format!(
                "{short} is a built-in/temporary function. 'DROP FUNCTION' expects a persistent function. \
                 Please use fully qualified identifier to drop the persistent function.."
            ),
        )
        .with_param("name", short)
        .with_param("cmd", "DROP FUNCTION")
        .at(name.position));
    }
    if !catalog.drop_routine(&name.parts).await? && !if_exists {
        return Err(SparkError::routine_unresolved(&name.parts).at(name.position));
    }
    nothing()
}

/// A function that is not built in, by its name: the name in full, and what it is.
pub async fn routine(session: &SparkSession, name: &[String]) -> Result<Option<(Vec<String>, Routine)>> {
    let snapshot = session.snapshot()?;
    if let Some(found) = snapshot.routines.find(name) {
        return Ok(Some((found.name, found.routine)));
    }
    let stored = session.catalog().stored_routine(name).await?;
    Ok(stored.map(|(identifier, definition)| (identifier.parts().to_vec(), Routine::Defined(definition))))
}

pub(super) async fn describe(session: &SparkSession, name: &Name, extended: bool) -> Result<Planned> {
    let snapshot = session.snapshot()?;
    let short = name.parts.last().map(|part| part.to_lowercase()).unwrap_or_default();
    let temporary = snapshot.routines.temporary.contains_key(&short);
    let mut lines = if !temporary && name.parts.len() == 1 && builtin::contains(&short) {
        let class = builtin::class(&short).unwrap_or("N/A.");
        vec![format!("Function: {short}"), format!("Class: {class}"), "Usage: N/A.".to_owned()]
    } else {
        let Some((full, routine)) = routine(session, &name.parts).await? else {
            return Err(SparkError::routine_unresolved(&name.parts).at(name.position));
        };
        let usage = usage(&routine).unwrap_or_else(|| "N/A.".to_owned());
        vec![
            format!("Function: {}", full.join(".")),
            format!("Class: {}", routine.class_name()),
            format!("Usage: {usage}"),
        ]
    };
    if extended {
        lines.push(format!("Extended Usage:\n    No example/argument for {short}.\n"));
    }
    strings(&["function_desc"], vec![lines])
}

/// What is known of a function written in SQL.
pub fn usage(routine: &Routine) -> Option<String> {
    let Routine::Defined(Definition::Sql(sql)) = routine else { return None };
    let parameters: Vec<_> = sql
        .parameters
        .iter()
        .map(|p| match &p.default {
            Some(default) => format!("{} {} DEFAULT {default}", p.name, p.data_type),
            None => format!("{} {}", p.name, p.data_type),
        })
        .collect();
    let returns = match &sql.returns {
        Returns::Any => String::new(),
        Returns::Value(data_type) => format!(" RETURNS {data_type}"),
        Returns::Table(None) => " RETURNS TABLE".to_owned(),
        Returns::Table(Some(columns)) => {
            let columns: Vec<_> = columns.iter().map(|(name, to)| format!("{name} {to}")).collect();
            format!(" RETURNS TABLE ({})", columns.join(", "))
        }
    };
    let comment = sql.comment.as_ref().map(|comment| format!(" COMMENT '{comment}'")).unwrap_or_default();
    Some(format!("({}){returns}{comment} RETURN {}", parameters.join(", "), sql.body))
}
