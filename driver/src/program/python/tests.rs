use std::fs;
use std::os::unix::fs::PermissionsExt;

use cerium_conf::SparkConf;
use tempfile::TempDir;

use super::*;

/// A program in a folder of its own, run by the machine's Python without a server behind it.
struct Program {
    folder: TempDir,
    application: Application,
}

impl Program {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let main = folder.path().join("main.py");
        fs::write(&main, text).unwrap();
        let application = Application {
            conf: SparkConf::new(),
            main_file: main.to_str().unwrap().to_owned(),
            arguments: vec![],
            environment: vec![],
        };
        Self { folder, application }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.path(name), text).unwrap();
        self.path(name)
    }

    fn set(&mut self, key: &str, value: String) {
        self.application.conf.set(key, value);
    }

    async fn run(&self, place: Place) -> Result<(), PythonError> {
        let scratch = tempfile::tempdir().unwrap();
        let files = Files::start(&SparkConf::new(), "127.0.0.1").await.unwrap();
        run(&self.application, "sc://localhost:15002", scratch.path(), &files, place).await
    }

    /// What the program wrote to the file that is its first argument.
    async fn output(&mut self, place: Place) -> String {
        self.application.arguments.insert(0, self.path("out"));
        self.run(place).await.unwrap();
        fs::read_to_string(self.path("out")).unwrap()
    }
}

#[tokio::test]
async fn a_program_finds_its_arguments_modules_files_and_server() {
    let mut program = Program::new(
        "import os, sys, module, cerium_client
out = open(sys.argv[1], 'w')
environment = os.environ
print(sys.argv[2:], module.NAME, environment['SPARK_REMOTE'], environment['REGION'], file=out)
print(environment['PYTHONHASHSEED'], 'MASTER' in environment, environment['no_grpc_proxy'], file=out)
files = environment['CERIUM_FILES_DIR']
print(open(files + '/lookup.csv').read(), open(files + '/model/weights').read(), file=out)
",
    );
    let module = program.write("module.py", "NAME = 'module'");
    program.set("spark.submit.pyFiles", module);
    let lookup = program.write("lookup.csv", "a,b");
    program.set("spark.files", format!("file://{lookup}"));
    fs::create_dir(program.path("folder")).unwrap();
    program.write("folder/weights", "1 2");
    let folder = program.path("folder");
    program.set("spark.archives", format!("{folder}#model"));
    program.application.arguments = vec!["--day".into(), "a b".into()];
    program.application.environment = [("MASTER", "local"), ("REGION", "eu"), ("no_proxy", "10.0.0.1")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
    let output = program.output(Place::Here).await;
    assert_eq!(
        output,
        "['--day', 'a b'] module sc://localhost:15002 eu\n0 False localhost,10.0.0.1\na,b 1 2\n"
    );
}

#[tokio::test]
async fn in_a_pod_files_are_in_the_working_folder_beside_what_was_there() {
    let mut program = Program::new(
        "import os, sys
open(sys.argv[1], 'w').write(open('lookup.csv').read() + str(os.path.exists('Cargo.toml')))",
    );
    let lookup = program.write("lookup.csv", "a,b ");
    program.set("spark.files", lookup);
    assert_eq!(program.output(Place::Pod).await, "a,b True");
}

#[tokio::test]
async fn the_programs_end_is_the_drivers() {
    let failed = Program::new("import sys; sys.exit(7)").run(Place::Here).await.unwrap_err();
    assert_eq!(failed.exit_code(), 7);
    assert_eq!(failed.to_string(), "the program ended with exit code 7");
    let raised = Program::new("raise ValueError('no such day')").run(Place::Here).await.unwrap_err();
    assert_eq!(raised.exit_code(), 1);
    assert_eq!(raised.to_string(), "the program ended with exit code 1: ValueError: no such day");
    let killed = Program::new("import os; os.kill(os.getpid(), 9)").run(Place::Here).await.unwrap_err();
    assert_eq!(killed.exit_code(), 137);
}

#[tokio::test]
async fn a_child_that_keeps_standard_error_open_is_not_waited_for() {
    let program = Program::new(
        "import subprocess, sys
subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(30)'])
sys.exit('gave up')",
    );
    let failed = program.run(Place::Here).await.unwrap_err();
    assert_eq!(failed.to_string(), "the program ended with exit code 1: gave up");
}

#[tokio::test]
async fn the_python_is_the_one_that_is_named() {
    let mut program = Program::new("");
    program.set("spark.pyspark.python", "/no/such/python".to_owned());
    let error = program.run(Place::Here).await.unwrap_err();
    assert!(error.to_string().contains("`/no/such/python`"), "{error}");
    assert!(error.to_string().contains("pip install pyspark-client"), "{error}");

    // One that comes in an archive.
    let mut program = Program::new("");
    fs::create_dir_all(program.path("venv/bin")).unwrap();
    let own = program.write("venv/bin/python", "#!/bin/sh\nexit 5\n");
    fs::set_permissions(&own, fs::Permissions::from_mode(0o755)).unwrap();
    let folder = program.path("venv");
    program.set("spark.archives", format!("{folder}#environment"));
    program.application.environment = vec![("PYSPARK_PYTHON".into(), "./environment/bin/python".into())];
    assert_eq!(program.run(Place::Here).await.unwrap_err().exit_code(), 5);
}

#[tokio::test]
async fn what_cannot_be_fetched_is_named() {
    let mut program = Program::new("");
    program.set("spark.files", "/no/such/file.csv".to_owned());
    let error = program.run(Place::Here).await.unwrap_err().to_string();
    assert_eq!(error, "failed to fetch /no/such/file.csv: /no/such/file.csv does not exist");
    program.application.main_file = "ftp://host/main.py".to_owned();
    let error = program.run(Place::Here).await.unwrap_err();
    assert!(error.to_string().contains("ftp://host/main.py"), "{error}");
}

#[test]
fn the_last_words_are_the_error_of_the_last_traceback() {
    let last_words = process::last_words;
    assert_eq!(last_words("one\ntwo\n\n"), "two");
    assert_eq!(last_words(""), "");
    let text = "Traceback (most recent call last):\n  File \"a\"\nKeyError: 1\n\nDuring handling\n\n\
                Traceback (most recent call last):\n  File \"b\"\n    x()\n\
                pyspark.AnalysisException: [CLASS] first line\nsecond line\n";
    assert_eq!(last_words(text), "pyspark.AnalysisException: [CLASS] first line\nsecond line");
}
