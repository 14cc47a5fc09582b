"""What a context knows of its application."""

import functools
import getpass
import os

from pyspark.conf import SparkConf


class Application:
    """Facts about the application, its settings and its executors."""

    def _application(self):
        if self._known is None:
            self._known = self._control("application")
        return self._known

    def __repr__(self):
        return "<SparkContext master=%s appName=%s>" % (self.master, self.appName)

    def _repr_html_(self):
        rows = (("Version", "v" + self.version), ("Master", self.master), ("AppName", self.appName))
        facts = "".join("<dt>%s</dt><dd><code>%s</code></dd>" % row for row in rows)
        link = '<p><a href="%s">Spark UI</a></p>' % self.uiWebUrl
        return "<div><p><b>SparkContext</b></p>%s<dl>%s</dl></div>" % (link, facts)

    @property
    def version(self):
        """The version of Spark that the server speaks for."""
        return self._session.version

    @property
    def applicationId(self):
        """The id of the application."""
        return self._application()["id"]

    @property
    def appName(self):
        """The name of the application."""
        return self._settings.get("spark.app.name") or self._application()["name"]

    @property
    def master(self):
        """The master that the program named, or that of the application."""
        return self._settings.get("spark.master") or self._application()["conf"].get("spark.master", "cerium")

    @property
    def uiWebUrl(self):
        """Where the web UI is, None where there is none."""
        return self._application()["web_url"]

    @property
    def startTime(self):
        """When the application began, in milliseconds."""
        return int(self._application()["start_time"])

    @property
    def defaultParallelism(self):
        """How many partitions there are where none are asked for."""
        return int(self._conf.get("spark.default.parallelism") or self._application()["default_parallelism"])

    @property
    def defaultMinPartitions(self):
        """The same for files."""
        return min(self.defaultParallelism, 2)

    def sparkUser(self):
        """Who runs the program."""
        return os.environ.get("SPARK_USER") or getpass.getuser()

    def getConf(self):
        """A copy of the settings."""
        return SparkConf(loadDefaults=False).setAll(self._conf.getAll())

    @functools.cached_property
    def _conf(self):
        conf = SparkConf(loadDefaults=False)
        return conf.setAll({**self._application()["conf"], **self._settings}.items())

    @property
    def resources(self):
        """Resources of the driver beyond memory and cores: none."""
        return {}

    def setLogLevel(self, logLevel):
        """Sets the level of the driver's log and of those of all executors."""
        self._control("set_log_level", level=logLevel)

    def getExecutorMemoryStatus(self):
        """The storage memory of driver and executors by host and port: the most, and what is free, in bytes."""
        executors = self._control("executor_memory_status")["executors"]
        return {name: tuple(map(int, sizes)) for name, sizes in executors.items()}

    # What a JVM has that was started for a program.
    _system_properties = {"SPARK_SUBMIT": "true"}

    @classmethod
    def setSystemProperty(cls, key, value):
        """Sets a property such as those of a JVM; only programs read it."""
        cls._system_properties[key] = value

    @classmethod
    def getSystemProperty(cls, key):
        """A property that was set, None for others."""
        return cls._system_properties.get(key)
