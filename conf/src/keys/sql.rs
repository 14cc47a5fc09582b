//! Keys of Spark SQL.

use crate::size::ByteSize;

keys! {
    "SQL";

    /// Number of partitions after a shuffle. Default: the cores of all executors.
    SQL_SHUFFLE_PARTITIONS: u32 = POSITIVE, "spark.sql.shuffle.partitions", none, "1.1.0", Session;
    /// Time zone of the session: a region such as `Europe/Berlin`, or an offset such as `+01:00`.
    /// Default: the time zone of the driver.
    SQL_SESSION_TIME_ZONE: String = NAME, "spark.sql.session.timeZone", none, "2.2.0", Session;
    /// Whether overflows, bad casts and the like are errors, as the SQL standard says, or NULL.
    SQL_ANSI_ENABLED: bool = BOOL, "spark.sql.ansi.enabled", "true", "3.0.0", Session;
    /// Largest size of a table that is sent to all executors for a join; `-1`: none is. While it is not set,
    /// the engine's own, larger limit holds: tables are sent by shuffle files, not through the driver.
    SQL_AUTO_BROADCAST_JOIN_THRESHOLD: ByteSize = BYTES, "spark.sql.autoBroadcastJoinThreshold", "10m", "1.1.0", Start;
    /// Directory of managed tables. Default: `spark-warehouse` in the working directory.
    SQL_WAREHOUSE_DIR: String = NAME, "spark.sql.warehouse.dir", none, "2.0.0", Start;
    /// Whether `${key}` in SQL is replaced by the value of a key or variable.
    SQL_VARIABLE_SUBSTITUTE: bool = BOOL, "spark.sql.variable.substitute", "true", "2.0.0", Session;
    /// Whether names of columns and tables are told apart by case.
    SQL_CASE_SENSITIVE: bool = BOOL, "spark.sql.caseSensitive", "false", "1.4.0", Session;
    /// Most bytes of input a task reads.
    SQL_FILES_MAX_PARTITION_BYTES: ByteSize = BYTES, "spark.sql.files.maxPartitionBytes", "128m", "2.0.0", Session;
    /// What opening a file costs, as the bytes that could be read meanwhile, when files are packed into tasks.
    SQL_FILES_OPEN_COST_IN_BYTES: ByteSize = BYTES, "spark.sql.files.openCostInBytes", "4m", "2.0.0", Session;
    /// Number of tasks that input is divided among, if it is large enough. Default: the parallelism.
    SQL_FILES_MIN_PARTITION_NUM: u32 = POSITIVE, "spark.sql.files.minPartitionNum", none, "3.1.0", Session;
    /// Whether files that cannot be read are skipped.
    SQL_FILES_IGNORE_CORRUPT_FILES: bool = BOOL, "spark.sql.files.ignoreCorruptFiles", "false", "2.1.1", NotYet;
    /// Whether files that were deleted since they were listed are skipped.
    SQL_FILES_IGNORE_MISSING_FILES: bool = BOOL, "spark.sql.files.ignoreMissingFiles", "false", "2.3.0", NotYet;
    /// Most rows a task writes to one file; `0`: no limit.
    SQL_FILES_MAX_RECORDS_PER_FILE: i64 = LONG, "spark.sql.files.maxRecordsPerFile", "0", "2.2.0", Session;
    /// Whether the types of partition columns are guessed from the directory names.
    SQL_PARTITION_COLUMN_TYPE_INFERENCE: bool = BOOL, "spark.sql.sources.partitionColumnTypeInference.enabled", "true", "1.5.0", Session;
    /// What an overwrite of a partitioned table replaces: `static` everything, `dynamic` the partitions
    /// written to.
    SQL_PARTITION_OVERWRITE_MODE: String = NAME, "spark.sql.sources.partitionOverwriteMode", "STATIC", "2.3.0", Session;
    /// Format of tables where none is named.
    SQL_SOURCES_DEFAULT: String = NAME, "spark.sql.sources.default", "parquet", "1.3.0", Session;
    /// Name of the column for broken records of CSV and JSON files.
    SQL_COLUMN_NAME_OF_CORRUPT_RECORD: String = NAME, "spark.sql.columnNameOfCorruptRecord", "_corrupt_record", "1.2.0", Session;
    /// Compression of parquet files.
    SQL_PARQUET_COMPRESSION_CODEC: String = NAME, "spark.sql.parquet.compression.codec", "snappy", "1.1.1", Session;
    /// Compression of ORC files.
    SQL_ORC_COMPRESSION_CODEC: String = NAME, "spark.sql.orc.compression.codec", "zstd", "2.3.0", Session;
    /// Whether the schema of parquet files is that of all of them, not of one.
    SQL_PARQUET_MERGE_SCHEMA: bool = BOOL, "spark.sql.parquet.mergeSchema", "false", "1.5.0", Session;
    /// Rows of a result that are printed. `show` prints 20.
    SQL_REPL_EAGER_EVAL_MAX_NUM_ROWS: u32 = COUNT, "spark.sql.repl.eagerEval.maxNumRows", "20", "2.4.0", Session;
    /// Characters of a value that are printed; 0 prints all of them.
    SQL_REPL_EAGER_EVAL_TRUNCATE: u32 = COUNT, "spark.sql.repl.eagerEval.truncate", "20", "2.4.0", Session;
}
