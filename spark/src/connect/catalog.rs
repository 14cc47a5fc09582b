//! The catalog messages: `spark.catalog` of PySpark.

mod rows;

use std::collections::BTreeMap;

use datafusion::arrow::datatypes::{DataType, Schema};

use self::rows::{FunctionRow, Rows, databases, flag, functions, nothing, tables, value};
use super::proto::catalog::CatType;
use super::{ConnectPlan, Environment, data_type, proto};
use crate::catalog::{CATALOG, Column, Database, Identifier, Listed, Stored, errors, model, table};
use crate::error::{Result, SparkError};
use crate::functions::builtin;
use crate::routine::Routine;
use crate::session::cache::StorageLevel;
use crate::session::{Snapshot, SparkSession};
use crate::sql::plan::command::{
    NewTable, add, create_statement, forget, identity, known, matches_pattern, new_table, partition_names,
    recover, refresh, routine, truncate, uncache,
};
use crate::sql::statement::{Name, parse_name};

/// Answers a catalog message.
///
/// # Errors
/// What Spark's catalog raises.
pub async fn catalog(env: &Environment<'_>, message: &proto::Catalog) -> Result<ConnectPlan> {
    let Some(message) = &message.cat_type else {
        return Err(SparkError::unsupported("a catalog message of an unknown kind"));
    };
    let session = env.session;
    let snapshot = session.snapshot()?;
    let call = Call { session, snapshot: &snapshot };
    match message {
        CatType::CurrentCatalog(_) => value(CATALOG),
        CatType::SetCurrentCatalog(set) if set.catalog_name.eq_ignore_ascii_case(CATALOG) => nothing(),
        CatType::SetCurrentCatalog(set) => Err(errors::catalog_not_found(&set.catalog_name)),
        CatType::ListCatalogs(list) => {
            let names = [CATALOG].iter().filter(|name| selected(name, list.pattern.as_deref()));
            Rows::default()
                .text("name", names.clone().map(|name| (*name).to_owned()))
                .optional("description", names.map(|_| None))
                .done()
        }
        CatType::CurrentDatabase(_) => value(&session.catalog().current_database()),
        CatType::SetCurrentDatabase(set) => {
            session.catalog().use_database(&parse_name(&set.db_name)?, snapshot.case).await?;
            nothing()
        }
        CatType::ListDatabases(list) => {
            let mut found = session.catalog().databases().await?;
            found.retain(|database| selected(&database.name, list.pattern.as_deref()));
            databases(found)
        }
        CatType::GetDatabase(get) => {
            databases(vec![session.catalog().database(&parse_name(&get.db_name)?, snapshot.case).await?])
        }
        CatType::DatabaseExists(ask) => {
            flag(session.catalog().database_exists(&parse_name(&ask.db_name)?, snapshot.case).await?)
        }
        CatType::CreateDatabase(create) => call.create_database(create).await,
        CatType::DropDatabase(drop) => {
            let name = parse_name(&drop.db_name)?;
            session.catalog().drop_database(&name, drop.if_exists, drop.cascade, snapshot.case).await?;
            nothing()
        }
        CatType::ListTables(list) => {
            tables(call.list(list.db_name.as_deref(), list.pattern.as_deref(), false).await?)
        }
        CatType::ListViews(list) => {
            tables(call.list(list.db_name.as_deref(), list.pattern.as_deref(), true).await?)
        }
        CatType::GetTable(get) => {
            let name = table_name(&get.table_name, get.db_name.as_deref())?;
            match call.listed(&name).await? {
                Some(found) => tables(vec![found]),
                None => Err(SparkError::table_not_found(&name)),
            }
        }
        CatType::TableExists(ask) => {
            let name = table_name(&ask.table_name, ask.db_name.as_deref())?;
            flag(call.listed(&name).await?.is_some())
        }
        CatType::ListColumns(list) => {
            call.columns(&table_name(&list.table_name, list.db_name.as_deref())?).await
        }
        CatType::ListFunctions(list) => {
            let database = list.db_name.as_deref().map(parse_name).transpose()?.unwrap_or_default();
            let mut found = call.all_functions(&database).await?;
            found.retain(|function| selected(&function.name, list.pattern.as_deref()));
            functions(&found)
        }
        CatType::GetFunction(get) => {
            let name = table_name(&get.function_name, get.db_name.as_deref())?;
            match call.function(&name).await? {
                Some(found) => functions(&[found]),
                None => Err(SparkError::routine_unresolved(&name)),
            }
        }
        CatType::FunctionExists(ask) => {
            let name = table_name(&ask.function_name, ask.db_name.as_deref())?;
            flag(call.function(&name).await?.is_some())
        }
        CatType::CreateExternalTable(create) => {
            let new = Create {
                path: create.path.as_deref(),
                source: create.source.as_deref(),
                schema: create.schema.as_ref(),
                description: None,
                options: create.options.clone().into_iter().collect(),
            };
            call.create_table(&create.table_name, new).await
        }
        CatType::CreateTable(create) => {
            let new = Create {
                path: create.path.as_deref(),
                source: create.source.as_deref(),
                schema: create.schema.as_ref(),
                description: create.description.clone().filter(|text| !text.is_empty()),
                options: create.options.clone().into_iter().collect(),
            };
            call.create_table(&create.table_name, new).await
        }
        CatType::DropTable(drop) => {
            forget(session, &name(&drop.table_name)?).await;
            session
                .catalog()
                .drop(&parse_name(&drop.table_name)?, false, drop.if_exists, snapshot.case)
                .await?;
            nothing()
        }
        CatType::DropView(drop) => {
            forget(session, &name(&drop.view_name)?).await;
            session
                .catalog()
                .drop(&parse_name(&drop.view_name)?, true, drop.if_exists, snapshot.case)
                .await?;
            nothing()
        }
        CatType::DropTempView(drop) => {
            forget(session, &Name { parts: vec![drop.view_name.clone()], position: None }).await;
            flag(session.catalog().drop_temp_view(&drop.view_name, snapshot.case))
        }
        CatType::DropGlobalTempView(drop) => {
            flag(session.catalog().drop_global_temp_view(&drop.view_name, snapshot.case))
        }
        CatType::IsCached(ask) => {
            let plan = identity(session, &name(&ask.table_name)?).await?;
            flag(session.cache().level(&plan).is_some())
        }
        CatType::CacheTable(cache) => {
            let level = cache.storage_level.as_ref().map_or(StorageLevel::DEFAULT, storage_level);
            session.cache().persist(identity(session, &name(&cache.table_name)?).await?, level);
            nothing()
        }
        CatType::UncacheTable(named) => {
            uncache(session, &name(&named.table_name)?).await?;
            nothing()
        }
        CatType::ClearCache(_) => {
            session.cache().clear();
            nothing()
        }
        CatType::RefreshTable(ask) => {
            refresh(session, &name(&ask.table_name)?).await?;
            nothing()
        }
        CatType::RefreshByPath(ask) => {
            session.files_changed(&ask.path);
            nothing()
        }
        CatType::RecoverPartitions(ask) => {
            recover(session, &name(&ask.table_name)?).await?;
            nothing()
        }
        CatType::ListPartitions(list) => {
            let found = partition_names(session, &name(&list.table_name)?).await?;
            Rows::default().text("partition", found.into_iter()).done()
        }
        CatType::GetTableProperties(get) => {
            let (_, found) = call.stored(&get.table_name).await?;
            let properties = found.properties();
            Rows::default()
                .text("key", properties.keys().cloned())
                .text("value", properties.values().cloned())
                .done()
        }
        CatType::GetCreateTableString(get) => {
            let (identifier, found) = call.stored(&get.table_name).await?;
            value(&create_statement(&identifier, &found))
        }
        CatType::TruncateTable(ask) => {
            truncate(session, &name(&ask.table_name)?).await?;
            nothing()
        }
        CatType::AnalyzeTable(ask) => {
            known(session, &name(&ask.table_name)?).await?;
            nothing()
        }
    }
}

/// A level as messages have it.
pub fn storage_level(level: &proto::StorageLevel) -> StorageLevel {
    StorageLevel {
        use_disk: level.use_disk,
        use_memory: level.use_memory,
        use_off_heap: level.use_off_heap,
        deserialized: level.deserialized,
        replication: level.replication,
    }
}

fn selected(name: &str, pattern: Option<&str>) -> bool {
    pattern.is_none_or(|pattern| matches_pattern(name, pattern))
}

fn name(text: &str) -> Result<Name> {
    Ok(Name { parts: parse_name(text)?, position: None })
}

/// The parts of a name with the database given beside it.
fn table_name(text: &str, database: Option<&str>) -> Result<Vec<String>> {
    match database {
        None => parse_name(text),
        Some(database) => Ok(vec![database.to_owned(), text.to_owned()]),
    }
}

/// What `createTable` is given.
struct Create<'a> {
    path: Option<&'a str>,
    source: Option<&'a str>,
    schema: Option<&'a proto::DataType>,
    description: Option<String>,
    options: BTreeMap<String, String>,
}

struct Call<'a> {
    session: &'a SparkSession,
    snapshot: &'a Snapshot,
}

impl Call<'_> {
    async fn create_database(&self, create: &proto::CreateDatabase) -> Result<ConnectPlan> {
        let mut properties: BTreeMap<String, String> = create.properties.clone().into_iter().collect();
        let database = Database {
            name: String::new(),
            comment: properties.remove("comment").unwrap_or_default(),
            location: properties.remove("location").unwrap_or_default(),
            properties,
            owner: String::new(),
        };
        let name = parse_name(&create.db_name)?;
        self.session
            .catalog()
            .create_database(&name, database, create.if_not_exists, self.snapshot.case)
            .await?;
        nothing()
    }

    async fn list(&self, database: Option<&str>, pattern: Option<&str>, views: bool) -> Result<Vec<Listed>> {
        let database = database.map(parse_name).transpose()?.unwrap_or_default();
        let mut found = self.session.catalog().list(&database, self.snapshot.case).await?;
        found.retain(|entry| {
            selected(&entry.name, pattern) && !(views && matches!(entry.stored, Some(Stored::Table(_))))
        });
        Ok(found)
    }

    async fn listed(&self, name: &[String]) -> Result<Option<Listed>> {
        let catalog = self.session.catalog();
        if catalog.temp_view(name, self.snapshot.case).is_some() {
            let (database, short) = match name {
                [database, name] => (database.to_lowercase(), name),
                [name] => (String::new(), name),
                _ => return Ok(None),
            };
            let name = catalog.identifier(std::slice::from_ref(short), self.snapshot.case)?.name;
            return Ok(Some(Listed { database, name, temporary: true, stored: None }));
        }
        Ok(catalog.stored(name, self.snapshot.case).await?.map(|(identifier, stored)| Listed {
            database: identifier.database,
            name: identifier.name,
            temporary: false,
            stored: Some(stored),
        }))
    }

    async fn stored(&self, text: &str) -> Result<(Identifier, Stored)> {
        let name = parse_name(text)?;
        let found = self.session.catalog().stored(&name, self.snapshot.case).await?;
        found.ok_or_else(|| SparkError::table_not_found(&name))
    }

    async fn columns(&self, name: &[String]) -> Result<ConnectPlan> {
        let (columns, partition_by): (Vec<Column>, Vec<String>) =
            match self.session.catalog().temp_view(name, self.snapshot.case) {
                Some(view) => (model::columns_of(view.plan.schema().as_arrow()), Vec::new()),
                None => match self.session.catalog().stored(name, self.snapshot.case).await? {
                    Some((_, Stored::Table(table))) => (table.columns, table.partition_by),
                    Some((_, Stored::View(view))) => (view.columns, Vec::new()),
                    None => return Err(SparkError::table_not_found(name)),
                },
            };
        let no = || columns.iter().map(|_| false);
        Rows::default()
            .text("name", columns.iter().map(|column| shown(&column.name)))
            .optional("description", columns.iter().map(|column| column.comment.clone()))
            .text("dataType", columns.iter().map(|column| column.data_type.clone()))
            .flags("nullable", columns.iter().map(|column| column.nullable))
            .flags("isPartition", columns.iter().map(|column| partition_by.contains(&column.name)))
            .flags("isBucket", no())
            .flags("isCluster", no())
            .done()
    }

    /// A function by its name.
    async fn function(&self, name: &[String]) -> Result<Option<FunctionRow>> {
        if let [short] = name
            && !self.snapshot.routines.temporary.contains_key(&short.to_lowercase())
        {
            let short = short.to_lowercase();
            if builtin::contains(&short) {
                return Ok(Some(FunctionRow::built_in(short)));
            }
        }
        let found = routine(self.session, name).await?;
        Ok(found.map(|(name, routine)| FunctionRow::of(name, &routine)))
    }

    /// All functions that can be called from a database: built-in ones, those of the session, its own.
    async fn all_functions(&self, database: &[String]) -> Result<Vec<FunctionRow>> {
        let temporary = &self.snapshot.routines.temporary;
        let built_in = builtin::names().map(str::to_owned).filter(|name| !temporary.contains_key(name));
        let mut all: Vec<FunctionRow> = built_in.map(FunctionRow::built_in).collect();
        all.extend(temporary.iter().map(|(name, routine)| FunctionRow::of(vec![name.clone()], routine)));
        all.sort_by(|a, b| a.name.cmp(&b.name));
        let stored = self.session.catalog().list_routines(database).await?;
        all.extend(stored.into_iter().map(|(identifier, definition)| {
            FunctionRow::of(identifier.parts().to_vec(), &Routine::Defined(definition))
        }));
        Ok(all)
    }

    async fn create_table(&self, text: &str, create: Create<'_>) -> Result<ConnectPlan> {
        let name = parse_name(text)?;
        let identifier = self.session.catalog().identifier(&name, self.snapshot.case)?;
        if self.session.catalog().stored(&name, self.snapshot.case).await?.is_some() {
            return Err(SparkError::table_exists(&identifier.parts()));
        }
        let mut columns = Vec::new();
        if let Some(schema) = create.schema {
            let DataType::Struct(fields) = data_type::from_proto(schema, &self.snapshot.time_zone)? else {
                return Err(SparkError::unsupported("createTable with a schema that is no struct"));
            };
            columns = model::columns_of(&Schema::new(fields));
        }
        let new = NewTable {
            format: create.source.unwrap_or_default().to_owned(),
            location: create.path.filter(|path| !path.is_empty()).map(str::to_owned),
            options: create.options,
            columns,
            partition_by: Vec::new(),
            comment: create.description,
            properties: BTreeMap::new(),
        };
        let made = new_table(self.session, self.snapshot, &identifier, new).await?;
        add(self.session, self.snapshot, &identifier, made, false).await?;
        let parts = identifier.parts();
        match table::open(self.session, self.snapshot, &parts, &BTreeMap::new(), None).await? {
            Some(opened) => Ok(ConnectPlan::Query(opened.into_plan(&identifier.name)?)),
            None => Err(SparkError::table_not_found(&parts)),
        }
    }
}

fn shown(name: &str) -> String {
    crate::analysis::scope::display_name(name).to_owned()
}
