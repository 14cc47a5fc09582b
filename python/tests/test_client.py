"""What the start-up add-on does to programs, each in a Python of its own."""

import os
import pathlib
import subprocess
import sys
import tempfile
import textwrap
import unittest

ADD_ON = pathlib.Path(__file__).resolve().parent.parent


class Program(unittest.TestCase):
    """Runs programs as the driver does."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))

    def run_program(self, text, *options, **variables):
        environment = {
            **os.environ,
            "PYTHONPATH": f"{ADD_ON}:{self.folder}:{os.environ.get('PYTHONPATH', '')}",
            "SPARK_REMOTE": "sc://localhost:1",
            "SPARK_CONNECT_MODE_ENABLED": "1",
            "CERIUM_FILES_DIR": "/files",
        }
        environment.pop("MASTER", None)
        environment.update(variables)
        environment = {name: value for name, value in environment.items() if value is not None}
        return subprocess.run(
            [sys.executable, *options, "-c", textwrap.dedent(text)],
            env=environment,
            capture_output=True,
            text=True,
        )

    def output(self, text, *options, **variables):
        done = self.run_program(text, *options, **variables)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout


class MasterTest(Program):
    def test_a_master_in_the_code_is_accepted_with_one_warning(self):
        done = self.run_program(
            """
            from pyspark import SparkConf
            from pyspark.sql import SparkSession
            builder = SparkSession.builder.master("local[*]").appName("x").config("spark.master", "yarn")
            builder.config(conf=SparkConf().setMaster("k8s://https://host:443").set("a", "b"))
            builder.config(map={"spark.master": "local"})
            print(sorted(builder._options))
            """
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout, "['a', 'spark.app.name']\n")
        self.assertEqual(done.stderr.count('the master "local[*]" is ignored'), 1)
        self.assertEqual(done.stderr.count("is ignored"), 1)

    def test_without_a_server_pyspark_is_left_alone(self):
        text = "import sys, sitecustomize; print('cerium_client' in sys.modules)"
        self.assertEqual(self.output(text, SPARK_REMOTE=None), "False\n")


class FilesTest(Program):
    def test_files_are_found_in_the_drivers_folder(self):
        output = self.output(
            """
            import pickle
            from pyspark import SparkFiles
            from pyspark.files import SparkFiles as same
            assert same is SparkFiles and pickle.loads(pickle.dumps(SparkFiles)) is SparkFiles
            print(SparkFiles.get("a.csv"), SparkFiles.getRootDirectory())
            """
        )
        self.assertEqual(output, "/files/a.csv /files\n")

    def test_a_full_pyspark_keeps_its_own_class(self):
        self.write(
            "pyspark/__init__.py",
            """
            from pyspark.core.files import SparkFiles
            """,
        )
        self.write("pyspark/core/__init__.py", "")
        self.write(
            "pyspark/core/files.py",
            """
            class SparkFiles:
                _root_directory = "/worker"
                _is_running_on_worker = False

                @classmethod
                def getRootDirectory(cls):
                    assert cls._is_running_on_worker, "asks the JVM"
                    return cls._root_directory
            """,
        )
        output = self.output(
            """
            from pyspark import SparkFiles
            print(SparkFiles.__module__, SparkFiles.getRootDirectory())
            SparkFiles._is_running_on_worker = True
            print(SparkFiles.getRootDirectory())
            """
        )
        self.assertEqual(output, "pyspark.core.files /files\n/worker\n")


class NamesTest(Program):
    def test_what_a_pyspark_with_a_jvm_has_is_found_in_its_places(self):
        output = self.output(
            """
            import pickle, pyspark
            from pyspark.core.context import SparkContext
            from pyspark.core.rdd import RDD
            from pyspark.core.files import SparkFiles
            from pyspark.rdd import RDD as same
            from pyspark.util import is_remote_only
            assert RDD is same is pyspark.RDD is pickle.loads(pickle.dumps(RDD))
            assert SparkContext is pyspark.SparkContext and SparkFiles is pyspark.SparkFiles
            print(is_remote_only(), pyspark.rdd.__spec__.name)
            """
        )
        self.assertEqual(output, "True pyspark.rdd\n")


class StartTest(Program):
    def test_the_sitecustomize_behind_ours_runs_too(self):
        self.write("sitecustomize.py", "import builtins; builtins.shadowed = __file__")
        text = "import sitecustomize; print(shadowed == sitecustomize.__file__, shadowed)"
        expected = f"True {self.folder}/sitecustomize.py\n"
        self.assertEqual(self.output(text), expected)
        self.assertEqual(self.output(text, SPARK_REMOTE=None), expected)

    def test_a_missing_pyspark_is_explained(self):
        # Without site-packages: neither site nor sitecustomize are imported by themselves.
        done = self.run_program("import sys; sys.path.insert(0, %r); import sitecustomize, pyspark" % str(ADD_ON), "-S", PYTHONPATH=None)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("pip install pyspark-client", done.stderr)
        done = self.run_program(
            "import sys; sys.path.insert(0, %r); import sitecustomize\ntry: import numpy_\nexcept ImportError as e: print(e)"
            % str(ADD_ON),
            "-S",
            PYTHONPATH=None,
        )
        self.assertEqual(done.stdout, "No module named 'numpy_'\n")

    def test_patched_modules_look_untouched(self):
        output = self.output(
            """
            import importlib, inspect, pyspark.sql.session as session
            print(type(session.__loader__).__name__, type(session.__spec__.loader).__name__)
            inspect.getsource(session.SparkSession.Builder)
            importlib.reload(session)
            print(session.SparkSession.Builder._validate_startup_urls.__module__)
            """
        )
        self.assertEqual(output, "SourceFileLoader SourceFileLoader\ncerium_client.master\n")

    def test_the_program_ends_with_its_driver(self):
        driver = subprocess.run(
            [
                sys.executable,
                "-c",
                textwrap.dedent(
                    """
                    import os, subprocess, sys
                    os.environ["CERIUM_DRIVER_PID"] = str(os.getpid())
                    program = "import signal, sys, time; print('up', flush=True); time.sleep(60)"
                    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
                    child.stdout.readline()
                    print(child.pid, flush=True)
                    os._exit(0)
                    """
                ),
            ],
            env={**os.environ, "PYTHONPATH": str(ADD_ON), "SPARK_REMOTE": "sc://localhost:1"},
            stdout=subprocess.PIPE,
            text=True,
            # The program holds no pipe of ours, so this ends with the driver.
            timeout=50,
        )
        pid = int(driver.stdout)
        for _ in range(1000):
            try:
                state = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
            except FileNotFoundError:
                return
            if state == "Z":
                return
            os.sched_yield()
            subprocess.run([sys.executable, "-c", ""], check=True)
        self.fail("the program outlived its driver")


if __name__ == "__main__":
    unittest.main()
