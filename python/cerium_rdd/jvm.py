"""The few things that programs reach for behind a context's back, in its JVM."""


class JavaContext:
    """What `sc._jsc` answers."""

    def __init__(self, context):
        self._context = context

    def sc(self):
        """The Scala context."""
        return self

    def hadoopConfiguration(self):
        """Settings of file systems."""
        return HadoopConfiguration(self._context._session.conf)

    def getExecutorMemoryStatus(self):
        """The storage memory of driver and executors."""
        return JavaMap(self._context.getExecutorMemoryStatus())

    def applicationId(self):
        """The id of the application."""
        return self._context.applicationId

    def conf(self):
        """The settings of the context."""
        return self._context._conf

    def isStopped(self):
        """Whether the context is at its end."""
        return self._context._session.is_stopped

    def setLogLevel(self, level):
        """Sets the level of all logs."""
        self._context.setLogLevel(level)

    def __getattr__(self, name):
        raise _absent("_jsc." + name)


class Jvm:
    """What `sc._jvm` is: nothing but a clear error."""

    def __getattr__(self, name):
        raise _absent("_jvm." + name)


def _absent(name):
    return AttributeError(
        "SparkContext.%s is not there: Cerium runs without a JVM. Of `_jsc` there is hadoopConfiguration() and "
        "sc(); programs that need more run on the Apache Spark of their image." % name
    )


class HadoopConfiguration:
    """Settings of file systems, which sessions have as `spark.hadoop.*`."""

    def __init__(self, conf):
        self._conf = conf

    def set(self, key, value):
        """Sets one."""
        self._conf.set("spark.hadoop." + key, str(value))

    def setBoolean(self, key, value):
        """Sets one that is on or off."""
        self.set(key, "true" if value else "false")

    setInt = setLong = set

    def get(self, key, default=None):
        """One, None where it is not set."""
        return self._conf.get("spark.hadoop." + key, default)

    def unset(self, key):
        """Removes one."""
        self._conf.unset("spark.hadoop." + key)


class JavaMap(dict):
    """A dictionary with the names that Java and Scala have for its parts."""

    def size(self):
        """How many entries there are."""
        return len(self)

    def keySet(self):
        """The keys."""
        return JavaMap(dict.fromkeys(self))

    def toString(self):
        """As Scala shows it."""
        return "Map(%s)" % ", ".join("%s -> (%s)" % (key, ",".join(map(str, value))) for key, value in self.items())
