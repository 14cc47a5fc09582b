//! The answers of the catalog as tables.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, ListBuilder, StringArray, StringBuilder};
use datafusion::arrow::datatypes::{Field, Schema};
use datafusion::arrow::record_batch::RecordBatch;

use crate::catalog::{CATALOG, Database, Listed, Stored};
use crate::connect::ConnectPlan;
use crate::error::{Result, SparkError};
use crate::functions::builtin;
use crate::routine::Routine;
use crate::sql::plan::command::usage;

/// Rows in the making, column by column.
#[derive(Default)]
pub(super) struct Rows {
    fields: Vec<Field>,
    columns: Vec<ArrayRef>,
}

impl Rows {
    pub(super) fn add(mut self, name: &str, nullable: bool, column: ArrayRef) -> Self {
        self.fields.push(Field::new(name, column.data_type().clone(), nullable));
        self.columns.push(column);
        self
    }

    pub(super) fn text(self, name: &str, values: impl Iterator<Item = String>) -> Self {
        self.add(name, false, Arc::new(StringArray::from_iter_values(values)))
    }

    pub(super) fn optional(self, name: &str, values: impl Iterator<Item = Option<String>>) -> Self {
        self.add(name, true, Arc::new(values.collect::<StringArray>()))
    }

    pub(super) fn flags(self, name: &str, values: impl Iterator<Item = bool>) -> Self {
        self.add(name, false, Arc::new(BooleanArray::from(values.collect::<Vec<_>>())))
    }

    pub(super) fn lists(self, name: &str, values: impl Iterator<Item = Option<Vec<String>>>) -> Self {
        let mut lists = ListBuilder::new(StringBuilder::new());
        for value in values {
            let there = value.is_some();
            for item in value.unwrap_or_default() {
                lists.values().append_value(item);
            }
            lists.append(there);
        }
        self.add(name, true, Arc::new(lists.finish()))
    }

    pub(super) fn done(self) -> Result<ConnectPlan> {
        let schema = Arc::new(Schema::new(self.fields));
        let batch = RecordBatch::try_new(Arc::clone(&schema), self.columns)
            .map_err(|error| SparkError::internal(format!("rows of the catalog: {error}")))?;
        Ok(ConnectPlan::Local(vec![batch], schema))
    }
}

pub(super) fn value(text: &str) -> Result<ConnectPlan> {
    Rows::default().text("value", std::iter::once(text.to_owned())).done()
}

pub(super) fn flag(value: bool) -> Result<ConnectPlan> {
    Rows::default().flags("value", std::iter::once(value)).done()
}

pub(super) fn nothing() -> Result<ConnectPlan> {
    Rows::default().text("value", std::iter::empty()).done()
}

pub(super) fn databases(found: Vec<Database>) -> Result<ConnectPlan> {
    Rows::default()
        .text("name", found.iter().map(|database| database.name.clone()))
        .optional("catalog", found.iter().map(|_| Some(CATALOG.to_owned())))
        .optional("description", found.iter().map(|database| Some(database.comment.clone())))
        .text("locationUri", found.iter().map(|database| database.location.clone()))
        .done()
}

pub(super) fn tables(found: Vec<Listed>) -> Result<ConnectPlan> {
    let stored = |entry: &Listed| entry.stored.is_some();
    Rows::default()
        .text("name", found.iter().map(|entry| entry.name.clone()))
        .optional("catalog", found.iter().map(|entry| stored(entry).then(|| CATALOG.to_owned())))
        .lists(
            "namespace",
            found.iter().map(|entry| {
                Some(if entry.database.is_empty() { Vec::new() } else { vec![entry.database.clone()] })
            }),
        )
        .optional(
            "description",
            found.iter().map(|entry| entry.stored.as_ref()?.comment().map(str::to_owned)),
        )
        .text(
            "tableType",
            found.iter().map(|entry| entry.stored.as_ref().map_or("TEMPORARY", Stored::kind).to_owned()),
        )
        .flags("isTemporary", found.iter().map(|entry| entry.temporary))
        .done()
}

/// A function as the catalog shows it.
pub(super) struct FunctionRow {
    pub(super) name: String,
    /// Catalog and database of one in the catalog.
    place: Option<(String, String)>,
    description: String,
    class: String,
}

impl FunctionRow {
    pub(super) fn built_in(name: String) -> Self {
        let class = builtin::class(&name).unwrap_or_default().to_owned();
        Self { name, place: None, description: "N/A.".to_owned(), class }
    }

    pub(super) fn of(mut full: Vec<String>, routine: &Routine) -> Self {
        let name = full.pop().unwrap_or_default();
        let place = full.pop().map(|database| (full.pop().unwrap_or_default(), database));
        Self {
            name,
            place,
            description: usage(routine).unwrap_or_else(|| "N/A.".to_owned()),
            class: routine.class_name().to_owned(),
        }
    }
}

pub(super) fn functions(found: &[FunctionRow]) -> Result<ConnectPlan> {
    let catalog = |row: &FunctionRow| row.place.as_ref().map(|(catalog, _)| catalog.clone());
    let database = |row: &FunctionRow| row.place.as_ref().map(|(_, database)| vec![database.clone()]);
    Rows::default()
        .text("name", found.iter().map(|row| row.name.clone()))
        .optional("catalog", found.iter().map(catalog))
        .lists("namespace", found.iter().map(database))
        .optional("description", found.iter().map(|row| Some(row.description.clone())))
        .text("className", found.iter().map(|row| row.class.clone()))
        .flags("isTemporary", found.iter().map(|row| row.place.is_none()))
        .done()
}
