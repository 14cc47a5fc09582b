//! A session: DataFusion's state, the conf that SET changes, and the catalog.

pub mod cache;
pub mod defaults;
mod limits;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use cerium_conf::{Key, SparkConf, keys};
use datafusion::execution::SessionState;
use datafusion::prelude::SessionConfig;

use self::cache::PlanCache;
use crate::analysis::ansi::{LastKeyWins, WithoutAnsi};
use crate::analysis::scope::CaseRule;
use crate::catalog::{Catalog, Identifier, SharedViews, Stored};
use crate::error::{Result, SparkError};
use crate::python::analyze::{AnalyzeCall, Analyzed};
use crate::routine::Routines;
use crate::sql::lex::DoubleQuotes;
use crate::sql::plan::AfterWrite;
use crate::sql::statement::parse_name;

/// The engine below a session, as far as the session's conf reaches it.
pub trait Engine: std::fmt::Debug + Send + Sync {
    /// Brings what the engine reads of the conf into the options that plans are made and run with.
    fn configure(&self, conf: &SparkConf, config: &mut SessionConfig) -> Result<()>;

    /// Whether a setting is one of the application's, which sessions cannot change any more.
    fn is_final(&self, key: &str) -> bool;

    /// Asks a Python table function about a call.
    ///
    /// # Errors
    /// TABLE_VALUED_FUNCTION_FAILED_TO_ANALYZE_IN_PYTHON; why Python does not run.
    fn analyze(&self, state: &SessionState, call: &AnalyzeCall<'_>) -> Result<Analyzed>;
}

/// One user's session.
///
/// All methods take `&self`: views, tables and the conf change behind locks.
#[derive(Debug)]
pub struct SparkSession {
    state: SessionState,
    initial: SparkConf,
    conf: RwLock<SparkConf>,
    catalog: Catalog,
    cache: Arc<dyn PlanCache>,
    engine: Option<Arc<dyn Engine>>,
    /// What executors are told besides the conf.
    told: Mutex<BTreeMap<&'static str, String>>,
}

/// What planning one statement needs to know of the session.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Functions, options and the runtime.
    pub state: SessionState,
    /// `spark.sql.caseSensitive`.
    pub case: CaseRule,
    /// `spark.sql.session.timeZone`, UTC if it is not set.
    pub time_zone: String,
    /// `spark.sql.sources.default`.
    pub default_format: String,
    /// Functions that are not built in.
    pub routines: Routines,
    /// The conf as it is now.
    pub conf: SparkConf,
    /// The current database.
    pub database: String,
    /// What is below the session.
    pub engine: Option<Arc<dyn Engine>>,
}

impl SparkSession {
    /// A session on a state that knows [`crate::functions::all_scalar`] and
    /// [`crate::functions::all_aggregate`]; it shares no global views with others.
    pub fn new(state: SessionState, conf: SparkConf) -> Self {
        Self::in_application(state, conf, Arc::default())
    }

    /// The same, with the global views of an application's other sessions.
    pub fn in_application(state: SessionState, conf: SparkConf, shared: Arc<SharedViews>) -> Self {
        // A warehouse that was chosen keeps its catalog beyond the application.
        let lasting = conf.contains(keys::SQL_WAREHOUSE_DIR.name());
        let catalog = Catalog::new(Arc::clone(state.runtime_env()), warehouse(&conf), lasting, shared);
        Self {
            state,
            initial: conf.clone(),
            conf: RwLock::new(conf),
            catalog,
            cache: cache::notes(),
            engine: None,
            told: Mutex::default(),
        }
    }

    /// The session with an engine that follows its conf.
    #[must_use]
    pub fn on(self, engine: Arc<dyn Engine>) -> Self {
        Self { engine: Some(engine), ..self }
    }

    /// Another session of the application, with copies of this one's conf and temporary views.
    #[must_use]
    pub fn cloned(&self) -> Self {
        Self {
            state: self.state.clone(),
            initial: self.initial.clone(),
            conf: RwLock::new(self.conf()),
            catalog: self.catalog.cloned(),
            cache: Arc::clone(&self.cache),
            engine: self.engine.clone(),
            told: Mutex::default(),
        }
    }

    /// The state with the options that the conf decides, for planning and running.
    pub fn state(&self) -> Result<SessionState> {
        let conf = with_hadoop_settings(self.conf());
        let mut state = self.state.clone();
        if let Some(engine) = &self.engine {
            engine.configure(&conf, state.config_mut())?;
        }
        let time_zone = time_zone(&conf)?;
        let options = state.config_mut().options_mut();
        options.execution.time_zone = Some(time_zone);
        // The rule makes names ambiguous where fields of a struct stand beside other columns.
        options.optimizer.enable_leaf_expression_pushdown = false;
        if !conf.get(&keys::SQL_ANSI_ENABLED).map_err(bad_conf)? {
            state.add_analyzer_rule(Arc::new(WithoutAnsi));
        }
        if conf
            .get_str("spark.sql.mapKeyDedupPolicy")
            .is_some_and(|policy| policy.eq_ignore_ascii_case("LAST_WIN"))
        {
            state.add_analyzer_rule(Arc::new(LastKeyWins));
        }
        let options = state.config_mut().options_mut();
        // Only the engine's sessions carry the conf to executors.
        let carries_conf = options.entries().iter().any(|entry| entry.key.starts_with("spark."));
        if carries_conf {
            for (key, value) in conf.iter().filter(|(key, _)| key.starts_with("spark.")) {
                options.set(key, value)?;
            }
            for (key, value) in self.told.lock().unwrap_or_else(PoisonError::into_inner).iter() {
                options.set(key, value)?;
            }
        }
        Ok(state)
    }

    /// Views and tables.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The conf as it is now.
    pub fn conf(&self) -> SparkConf {
        self.conf.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sets a key of the conf.
    pub fn set(&self, key: &str, value: &str) -> Result<()> {
        if let Some(known) = defaults::sql_key(key) {
            if known.is_static {
                return Err(cannot_modify(key));
            }
            known.check(key, value)?;
        }
        let mut changed = self.conf();
        changed.set(key, value);
        // A value that cannot be read is refused now, not at its next use.
        check(&changed, key)?;
        *self.conf.write().unwrap_or_else(PoisonError::into_inner) = changed;
        Ok(())
    }

    /// Sets a key of the conf for a statement or a client, as far as it is the session's.
    ///
    /// # Errors
    /// CANNOT_MODIFY_CONFIG for settings that the application was started with.
    pub fn change(&self, key: &str, value: &str) -> Result<()> {
        if self.engine.as_ref().is_some_and(|engine| engine.is_final(key)) {
            return Err(cannot_modify_config(key));
        }
        self.set(key, value)
    }

    /// Takes over settings of the application, which [`Self::set`] is not for.
    pub fn adopt(&self, settings: &[(String, String)]) {
        let mut conf = self.conf.write().unwrap_or_else(PoisonError::into_inner);
        for (key, value) in settings {
            conf.set(key, value);
        }
    }

    /// The value of a key, as `spark.conf.get` answers: the one set, else Spark's default of it.
    /// Nothing where a known key has no default.
    ///
    /// # Errors
    /// SQL_CONF_NOT_FOUND where neither Spark nor the session knows the key.
    pub fn get(&self, key: &str) -> Result<Option<String>> {
        if let Some(value) = self.conf().get_str(key) {
            return Ok(Some(value.to_owned()));
        }
        match key {
            "spark.sql.session.timeZone" => self.time_zone().map(Some),
            "spark.sql.warehouse.dir" => Ok(Some(warehouse(&self.conf()))),
            _ => match defaults::sql_key(key) {
                Some(known) => {
                    // The other key may be none of SQL's, and known only once it is set.
                    let other = known.fallback.and_then(|other| self.get(other).ok().flatten());
                    Ok(other.or_else(|| known.default.map(str::to_owned)))
                }
                None => Err(defaults::conf_not_found(key)),
            },
        }
    }

    /// Puts a key, or all, back to what the application started with.
    pub fn reset(&self, key: Option<&str>) -> Result<()> {
        if let (Some(key), Some(engine)) = (key, &self.engine)
            && engine.is_final(key)
        {
            return Err(cannot_modify_config(key));
        }
        let mut conf = self.conf.write().unwrap_or_else(PoisonError::into_inner);
        match key {
            None => *conf = self.initial.clone(),
            Some(key) if defaults::sql_key(key).is_some_and(|known| known.is_static) => {
                return Err(cannot_modify(key));
            }
            Some(key) => match self.initial.get_str(key) {
                Some(value) => conf.set(key, value),
                None => {
                    conf.remove(key);
                }
            },
        }
        Ok(())
    }

    /// Gives executors a setting that is none of the session's conf.
    pub fn tell_executors(&self, key: &'static str, value: String) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(key, value);
    }

    /// `spark.sql.session.timeZone`.
    pub fn time_zone(&self) -> Result<String> {
        time_zone(&self.conf())
    }

    /// Takes note of a write that was committed. `partitions` are the folders below the target that
    /// got files.
    pub async fn committed(&self, then: AfterWrite, partitions: &BTreeSet<String>) -> Result<()> {
        match then {
            AfterWrite::Nothing => Ok(()),
            AfterWrite::Create { identifier, table, replace, if_not_exists } => {
                self.catalog.create(&identifier, &table, replace, if_not_exists).await
            }
            AfterWrite::AddPartitions(identifier) => self.add_partitions(&identifier, partitions).await,
        }
    }

    async fn add_partitions(&self, identifier: &Identifier, written: &BTreeSet<String>) -> Result<()> {
        let case = self.snapshot()?.case;
        let Some((identifier, Stored::Table(mut table))) =
            self.catalog.stored(&identifier.parts(), case).await?
        else {
            return Ok(());
        };
        let Some(known) = &mut table.partitions else { return Ok(()) };
        known.extend(written.iter().cloned());
        self.catalog.alter(&identifier, &Stored::Table(table)).await
    }

    /// The same session, which keeps what it caches in `cache`.
    #[must_use]
    pub fn with_cache(self, cache: Arc<dyn PlanCache>) -> Self {
        Self { cache, ..self }
    }

    /// What is kept in memory.
    pub fn cache(&self) -> &dyn PlanCache {
        self.cache.as_ref()
    }

    /// Takes note that files at a path have changed.
    pub fn files_changed(&self, path: &str) {
        match crate::source::place(path) {
            Ok(place) => self.cache.refresh(&place),
            Err(error) => tracing::warn!(path, "what is cached of it may be stale: {error}"),
        }
    }

    /// Makes the function known that planning did not find; false if there is none in the catalog
    /// either.
    pub(crate) async fn load_routine(&self, error: &SparkError) -> Result<bool> {
        let parameter = match error.class() {
            "UNRESOLVED_ROUTINE" => "routineName",
            "UNRESOLVABLE_TABLE_VALUED_FUNCTION" => "name",
            _ => return Ok(false),
        };
        match error.params().get(parameter).map(|name| parse_name(name)) {
            Some(Ok(name)) => self.catalog.load_routine(&name).await,
            _ => Ok(false),
        }
    }

    /// What planning one statement needs.
    pub fn snapshot(&self) -> Result<Snapshot> {
        let conf = self.conf();
        Ok(Snapshot {
            state: self.state()?,
            case: CaseRule { sensitive: conf.get(&keys::SQL_CASE_SENSITIVE).map_err(bad_conf)? },
            time_zone: time_zone(&conf)?,
            default_format: conf.get(&keys::SQL_SOURCES_DEFAULT).map_err(bad_conf)?,
            routines: self.catalog.routines(),
            engine: self.engine.clone(),
            database: self.catalog.current_database(),
            conf,
        })
    }

    /// `spark.sql.ansi.doubleQuotedIdentifiers`, which counts by ANSI rules only.
    pub(crate) fn double_quotes(&self) -> DoubleQuotes {
        let conf = self.conf();
        let names = ["spark.sql.ansi.enabled", "spark.sql.ansi.doubleQuotedIdentifiers"];
        if names.iter().all(|key| is_on(&conf, key)) { DoubleQuotes::Names } else { DoubleQuotes::Strings }
    }

    /// `spark.sql.variable.substitute`.
    pub(crate) fn substitutes_variables(&self) -> bool {
        self.conf().get(&keys::SQL_VARIABLE_SUBSTITUTE).unwrap_or(true)
    }

    /// The value of `${prefix:name}` in SQL text.
    pub(crate) fn variable(&self, prefix: &str, name: &str) -> Option<String> {
        match prefix {
            "" | "spark" | "sparkconf" | "hivevar" | "hiveconf" => {
                self.conf().get_str(name).map(str::to_owned)
            }
            "env" => std::env::var(name).ok(),
            "system" => match name {
                "user.name" => std::env::var("USER").ok(),
                "user.home" => std::env::var("HOME").ok(),
                "java.io.tmpdir" => Some(std::env::temp_dir().display().to_string()),
                _ => self.conf().get_str(name).map(str::to_owned),
            },
            _ => None,
        }
    }

    /// Keys and values as `SET` lists them.
    pub(crate) fn listed(&self) -> BTreeMap<String, String> {
        self.conf().redacted().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    /// The value `SET key` shows: the one set, else the default of a key Cerium knows.
    pub(crate) fn shown(&self, key: &str) -> Option<String> {
        if let Some((_, value)) = self.conf().redacted().find(|(k, _)| *k == key) {
            return Some(value.to_owned());
        }
        self.get(key).ok().flatten()
    }
}

impl Snapshot {
    /// A switch of Spark's SQL: as it is set, else as Spark has it.
    pub(crate) fn is_on(&self, key: &str) -> bool {
        is_on(&self.conf, key)
    }
}

/// A switch of Spark's SQL: as it is set, else as Spark has it.
pub(crate) fn is_on(conf: &SparkConf, key: &str) -> bool {
    let value = conf.get_str(key).or_else(|| defaults::sql_key(key)?.default);
    value.is_some_and(|value| value.trim().eq_ignore_ascii_case("true"))
}

/// Where the catalog and tables without LOCATION keep their files.
fn warehouse(conf: &SparkConf) -> String {
    conf.get_str(keys::SQL_WAREHOUSE_DIR.name()).unwrap_or("spark-warehouse").to_owned()
}

fn check(conf: &SparkConf, key: &str) -> Result<()> {
    match key {
        "spark.sql.session.timeZone" => time_zone(conf).map(drop),
        "spark.sql.caseSensitive" => conf.get(&keys::SQL_CASE_SENSITIVE).map(drop).map_err(bad_conf),
        "spark.sql.ansi.enabled" => conf.get(&keys::SQL_ANSI_ENABLED).map(drop).map_err(bad_conf),
        "spark.sql.variable.substitute" => {
            conf.get(&keys::SQL_VARIABLE_SUBSTITUTE).map(drop).map_err(bad_conf)
        }
        _ => Ok(()),
    }
}

fn time_zone(conf: &SparkConf) -> Result<String> {
    use datafusion::arrow::array::timezone::Tz;
    let set = conf.get(&keys::SQL_SESSION_TIME_ZONE).map_err(bad_conf)?;
    let Some(written) = set else { return Ok("UTC".to_owned()) };
    let zone = match written.as_str() {
        "Z" | "GMT" | "UTC" | "Etc/UTC" => "UTC".to_owned(),
        offset => offset.strip_prefix("GMT").or(offset.strip_prefix("UTC")).unwrap_or(offset).to_owned(),
    };
    match zone.parse::<Tz>() {
        Ok(_) => Ok(zone),
        Err(_) => Err(SparkError::new(
            "INVALID_CONF_VALUE.TIME_ZONE",
            "22022",
            format!(
                "The value '{written}' in the config \"spark.sql.session.timeZone\" is invalid. Cannot resolve the given timezone."
            ),
        )
        .with_param("confValue", written)
        .with_param("confName", "spark.sql.session.timeZone")),
    }
}

/// The error of a value that cannot be read.
pub fn bad_conf(error: cerium_conf::ConfError) -> SparkError {
    SparkError::new("INVALID_CONF_VALUE.DEFAULT", "22022", error.to_string())
}

/// As Spark's sessions do, hands settings of file systems to them with or without the prefix that marks
/// them in the properties.
fn with_hadoop_settings(mut conf: SparkConf) -> SparkConf {
    let plain: Vec<_> = conf
        .iter()
        .filter(|(key, _)| key.starts_with("fs."))
        .map(|(key, value)| (format!("{}{key}", keys::HADOOP), value.to_owned()))
        .collect();
    for (key, value) in plain {
        conf.set(key, value);
    }
    conf
}

/// Of the settings that the application was started with.
fn cannot_modify_config(key: &str) -> SparkError {
    let guide = "https://spark.apache.org/docs/latest/sql-migration-guide.html#ddl-statements";
    SparkError::new(
        "CANNOT_MODIFY_CONFIG",
        "46110",
        format!("Cannot modify the value of the Spark config: \"{key}\".\nSee also '{guide}'."),
    )
    .with_param("key", format!("\"{key}\""))
    .with_param("docroot", "https://spark.apache.org/docs/latest")
}

fn cannot_modify(key: &str) -> SparkError {
    SparkError::new(
        "CANNOT_MODIFY_STATIC_CONFIG",
        "46110",
        format!("Cannot modify the value of the static Spark config: \"{key}\"."),
    )
    .with_param("key", format!("\"{key}\""))
}
