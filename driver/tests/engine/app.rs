//! One application for a test: driver, local executors, tables of known content.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cerium_conf::SparkConf;
use cerium_driver::driver::{Driver, ExecuteError, JobResult};
use cerium_driver::executors::local::LocalProvider;
use cerium_driver::scheduler::ClusterLoad;
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::{CsvReadOptions, SessionContext};
use tempfile::TempDir;

/// Far above what any step takes, for waits that must end should something be broken.
const PATIENCE: Duration = Duration::from_mins(2);

pub struct App {
    pub driver: Arc<Driver>,
    pub context: SessionContext,
    pub dir: TempDir,
    id: String,
}

fn executor_program() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let program = own.parent().unwrap().parent().unwrap().join("cerium-executor");
    assert!(program.exists(), "{} is missing: cargo build -p cerium-executor", program.display());
    program
}

impl App {
    pub async fn start(settings: &[(&str, &str)]) -> Self {
        let conf: SparkConf = settings.iter().copied().collect();
        let dir = tempfile::tempdir().unwrap();
        let id = format!("app-{}", uuid::Uuid::new_v4());
        let provider = LocalProvider::with_program(&executor_program(), &conf, &id, dir.path()).unwrap();
        let driver = Arc::new(Driver::start(conf, Arc::new(provider), "127.0.0.1").await.unwrap());
        let context =
            SessionContext::new_with_state(driver.session(Arc::default()).unwrap().state().unwrap());
        Self { driver, context, dir, id }
    }

    /// A CSV table of several files, registered under `name`: k from 0 on, g = k mod 7, v = 3 k.
    pub async fn numbers(&self, name: &str, files: usize, rows_per_file: usize) {
        let folder = self.dir.path().join(name);
        write_numbers(&folder, files, rows_per_file);
        self.context.register_csv(name, folder.to_str().unwrap(), CsvReadOptions::new()).await.unwrap();
    }

    pub async fn sql(&self, sql: &str) -> Result<JobResult, ExecuteError> {
        let plan = self.context.state().create_logical_plan(sql).await?;
        self.driver.execute(&self.context.state(), &plan, sql).await
    }

    /// A query, not run.
    pub async fn plan(&self, sql: &str) -> LogicalPlan {
        self.context.state().create_logical_plan(sql).await.unwrap()
    }

    /// Deletes the files of a table of [`Self::numbers`].
    pub fn delete_files(&self, name: &str) {
        fs::remove_dir_all(self.dir.path().join(name)).unwrap();
    }

    /// The rows as a table in text.
    pub async fn table(&self, sql: &str) -> String {
        pretty_format_batches(&self.sql(sql).await.unwrap().batches).unwrap().to_string()
    }

    /// Waits until the load is as the test needs it.
    pub async fn until(&self, condition: impl Fn(&ClusterLoad) -> bool) -> ClusterLoad {
        let poll = async {
            loop {
                let load = self.driver.scheduler().load().await;
                if condition(&load) {
                    return load;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(PATIENCE, poll).await.expect("the load never became what the test waits for")
    }

    /// Sends a signal, such as `KILL`, to the process of an executor.
    pub fn signal(&self, name: &str, executor_id: &str) {
        let own = fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
            .find(|pid| {
                let environment = fs::read_to_string(format!("/proc/{pid}/environ")).unwrap_or_default();
                let has = |variable: String| environment.split('\0').any(|found| found == variable);
                has(format!("SPARK_APPLICATION_ID={}", self.id))
                    && has(format!("SPARK_EXECUTOR_ID={executor_id}"))
            })
            .expect("the executor's process");
        // The shell's own: a small system has no program of that name.
        let kill = format!("kill -s {name} {own}");
        let status = std::process::Command::new("sh").args(["-c", &kill]).status().unwrap();
        assert!(status.success());
    }
}

pub fn write_numbers(folder: &Path, files: usize, rows_per_file: usize) {
    fs::create_dir_all(folder).unwrap();
    for file in 0..files {
        let mut text = String::from("k,g,v\n");
        for k in file * rows_per_file..(file + 1) * rows_per_file {
            writeln!(text, "{k},{},{}", k % 7, 3 * k).unwrap();
        }
        fs::write(folder.join(format!("part-{file}.csv")), text).unwrap();
    }
}
