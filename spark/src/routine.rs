//! Functions that are not built in: registered with a session, or kept in the catalog.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::catalog::Identifier;
use crate::python::PythonFunction;

/// What a name that is no built-in function's stands for.
#[derive(Debug, Clone, PartialEq)]
pub enum Routine {
    /// A Python function of a row or a group.
    Python(Arc<PythonFunction>),
    /// A Python table function.
    PythonTable(Arc<PythonFunction>),
    /// What CREATE FUNCTION says.
    Defined(Definition),
}

/// What CREATE FUNCTION says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Definition {
    /// The name of a Java class, which cannot be loaded.
    Class(String),
    /// An expression or a query.
    Sql(SqlRoutine),
}

/// A function written in SQL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SqlRoutine {
    /// What it takes.
    pub parameters: Vec<Parameter>,
    /// What it gives.
    pub returns: Returns,
    /// The expression or query behind RETURN.
    pub body: String,
    /// COMMENT.
    pub comment: Option<String>,
}

/// A parameter of a function written in SQL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its type as SQL.
    pub data_type: String,
    /// The expression that stands for a missing argument.
    pub default: Option<String>,
}

/// What a function written in SQL gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Returns {
    /// A value, of the type that its expression has.
    Any,
    /// A value of a type, as SQL.
    Value(String),
    /// Rows: names and types of the columns, or those that its query has.
    Table(Option<Vec<(String, String)>>),
}

impl Routine {
    /// Whether it stands in FROM.
    pub fn is_table(&self) -> bool {
        match self {
            Self::PythonTable(_) => true,
            Self::Defined(Definition::Sql(sql)) => matches!(sql.returns, Returns::Table(_)),
            Self::Python(_) | Self::Defined(Definition::Class(_)) => false,
        }
    }

    /// What `DESCRIBE FUNCTION` and listings show as its class.
    pub fn class_name(&self) -> &str {
        match self {
            Self::Python(_) => "pyspark.sql.udf.UserDefinedFunction",
            Self::PythonTable(_) => "pyspark.sql.udtf.UserDefinedTableFunction",
            Self::Defined(Definition::Class(name)) => name,
            Self::Defined(Definition::Sql(_)) => "sqlFunction.",
        }
    }
}

/// Functions of the catalog that were asked for by name and found.
pub(crate) type Loaded = BTreeMap<Vec<String>, (Identifier, Definition)>;

/// The functions that one request sees.
#[derive(Debug, Clone, Default)]
pub struct Routines {
    pub(crate) temporary: Arc<BTreeMap<String, Routine>>,
    pub(crate) loaded: Arc<Loaded>,
    /// The current database.
    pub(crate) database: String,
}

/// A function found by its name.
#[derive(Debug, Clone)]
pub struct Found {
    /// The name in full.
    pub name: Vec<String>,
    /// What it is.
    pub routine: Routine,
}

impl Routines {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.temporary.is_empty() && self.loaded.is_empty()
    }

    /// What a name stands for; built-in functions are not looked at.
    pub fn find(&self, name: &[String]) -> Option<Found> {
        let parts: Vec<String> = name.iter().map(|part| part.to_lowercase()).collect();
        let parts = match parts.as_slice() {
            [system, rest @ ..] if system == "system" && rest.len() > 1 => rest,
            all => all,
        };
        let temporary = match parts {
            [name] => Some(name),
            [session, name] if session == "session" => Some(name),
            _ => None,
        };
        if let Some(short) = temporary
            && let Some(routine) = self.temporary.get(short)
        {
            return Some(Found { name: vec![short.clone()], routine: routine.clone() });
        }
        let (identifier, definition) = self.loaded.get(&self.key(parts))?;
        let routine = Routine::Defined(definition.clone());
        Some(Found { name: identifier.parts().to_vec(), routine })
    }

    /// The name under which [`Self::loaded`] keeps what a name stands for now. One without a
    /// database is kept apart: a built-in function of that name comes before it.
    pub(crate) fn key(&self, parts: &[String]) -> Vec<String> {
        match parts {
            [one] => vec![String::new(), self.database.clone(), one.clone()],
            [.., database, name] => vec![database.clone(), name.clone()],
            [] => Vec::new(),
        }
    }
}
