"""What sessions, DataFrames and their client do beside their own work for RDDs.

The package itself is imported when it is used: it imports some of what is extended here.
"""

import functools


def extend_session(module):
    """Gives sessions a context, and RDDs as data."""
    session = module.SparkSession
    stop, create = session.stop, session.createDataFrame

    @functools.wraps(stop)
    def stop_both(self):
        from cerium_rdd.context import SparkContext

        stop(self)
        context = SparkContext._active_spark_context
        if context is not None and context._session is self:
            context.stop()

    @functools.wraps(create)
    def createDataFrame(self, data, schema=None, samplingRatio=None, verifySchema=True):
        from cerium_rdd import frames
        from cerium_rdd.rdd import RDD

        if isinstance(data, RDD):
            return frames.of_rdd(self, data, schema, samplingRatio, verifySchema)
        # The client warns of options that are set, whatever they are set to.
        options = {} if verifySchema is True else {"verifySchema": verifySchema}
        return create(self, data, schema, samplingRatio, **options)

    session.stop = stop_both
    session.createDataFrame = createDataFrame
    session.sparkContext = session._sc = property(_context_of)
    if "newSession" not in session.__dict__:
        session.newSession = _new_session
    if "__enter__" not in session.__dict__:
        session.__enter__ = lambda self: self
        session.__exit__ = lambda self, kind, value, trace: self.stop()


def _context_of(self):
    from cerium_rdd.context import SparkContext

    return SparkContext._of(self)


def _new_session(self):
    """A session with settings, views and functions of its own."""
    from pyspark.sql.connect.client import DefaultChannelBuilder

    old = self.client._builder
    # Its text begins with "http", which stands for "sc" there.
    builder = DefaultChannelBuilder("sc" + old.url.geturl()[len("http") :])
    builder._params = {key: value for key, value in old._params.items() if key != "session_id"}
    return type(self)(connection=builder)


def extend_dataframe(module):
    """Gives DataFrames their RDD."""

    def rdd(self):
        from cerium_rdd import frames

        return frames.rdd_of(self)

    module.DataFrame.rdd = property(rdd)


def extend_functions(module):
    """Has plans name the Broadcasts in their Python functions."""
    to_plan = module.PythonUDF.to_plan

    @functools.wraps(to_plan)
    def naming_broadcasts(self, session):
        from cerium_rdd import broadcast

        with broadcast.collecting() as names:
            message = to_plan(self, session)
        for used in names.values():
            used.offer_to(session)
            # The server may keep the function: by a name, or in a view.
            used.keep()
        message.additional_includes.extend(sorted(names))
        return message

    module.PythonUDF.to_plan = naming_broadcasts


def extend_client(module):
    """Has answers of the server bring what tasks added to accumulators."""
    from cerium_rdd import accumulators

    verify = module.SparkConnectClient._verify_response_integrity

    @functools.wraps(verify)
    def take_and_verify(self, response):
        verify(self, response)
        accumulators.take(response)

    module.SparkConnectClient._verify_response_integrity = take_and_verify


def extend_artifacts(module):
    """Sends files in large pieces: each is a message with an answer to wait for."""
    module.ArtifactManager.CHUNK_SIZE = 4 << 20


def extend_threads(module):
    """Lets threads inherit from the active session where they name none, as in classic PySpark, and properties."""
    begin, start = module.InheritableThread.__init__, module.InheritableThread.start
    make_target = module.inheritable_thread_target

    @functools.wraps(begin)
    def __init__(self, target, *arguments, session=None, **options):
        from pyspark.sql import SparkSession

        def with_properties(*given, **named):
            self._inherit()
            return target(*given, **named)

        session = session or SparkSession.getActiveSession()
        begin(self, with_properties, *arguments, session=session, **options)

    @functools.wraps(start)
    def start_inheriting(self):
        # Those of the moment it starts, as a JVM's thread has them.
        self._inherit = _properties_here()
        return start(self)

    @functools.wraps(make_target)
    def inheritable_thread_target(f=None):
        from pyspark.sql import SparkSession
        from pyspark.sql.connect.session import SparkSession as Session

        if callable(f) and not isinstance(f, Session):
            return inheritable_thread_target(SparkSession.getActiveSession())(f)
        decorate = make_target(f)

        def with_properties(target):
            inherit = _properties_here()

            @functools.wraps(target)
            def run(*given, **named):
                inherit()
                return target(*given, **named)

            return decorate(run)

        return with_properties

    module.InheritableThread.__init__ = __init__
    module.InheritableThread.start = start_inheriting
    module.inheritable_thread_target = inheritable_thread_target


def _properties_here():
    """What gives another thread the properties that this one has now."""
    from cerium_rdd.context import SparkContext

    context = SparkContext._active_spark_context
    if context is None:
        return lambda: None
    return functools.partial(context._inherit_properties, context._task_properties())


def extend_sql_context(module):
    """Has the old SQLContext stand on a session."""

    def __init__(self, sparkContext, sparkSession=None, jsqlContext=None):
        import warnings

        if sparkSession is None:
            warnings.warn(
                "Deprecated in 3.0.0. Use SparkSession.builder.getOrCreate() instead.", FutureWarning
            )
        self._sc = sparkContext
        self.sparkSession = sparkSession or sparkContext._session
        if module.SQLContext._instantiatedContext is None:
            module.SQLContext._instantiatedContext = self

    def tables(self, dbName=None):
        """The tables and views, as a DataFrame."""
        within = "" if dbName is None else " IN " + dbName
        return self.sparkSession.sql("SHOW TABLES" + within)

    catalog = {
        "tables": tables,
        "tableNames": lambda self, dbName=None: [row.tableName for row in tables(self, dbName).collect()],
        "cacheTable": lambda self, tableName: self.sparkSession.catalog.cacheTable(tableName),
        "uncacheTable": lambda self, tableName: self.sparkSession.catalog.uncacheTable(tableName),
        "clearCache": lambda self: self.sparkSession.catalog.clearCache(),
        "read": property(lambda self: self.sparkSession.read),
        "readStream": property(lambda self: self.sparkSession.readStream),
        "streams": property(lambda self: self.sparkSession.streams),
    }
    module.SQLContext.__init__ = __init__
    for name, member in catalog.items():
        setattr(module.SQLContext, name, member)


def extend_classic_session(module):
    """Has the classic `SparkSession(sc)` be the session of its context."""
    make = module.SparkSession.__new__

    def __new__(cls, sparkContext=None, *arguments, **options):
        session = getattr(sparkContext, "_session", None)
        return make(cls) if session is None else session

    module.SparkSession.__new__ = __new__
