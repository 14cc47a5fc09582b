-- Values of the configuration that are none.
set spark.sql.shuffle.partitions=0;
set spark.sql.shuffle.partitions=many;
set spark.sql.mapKeyDedupPolicy=foo;
set spark.sql.mapKeyDedupPolicy=last_win;
set spark.sql.legacy.timeParserPolicy=soon;
set spark.sql.storeAssignmentPolicy=lax;
set spark.sql.sources.partitionOverwriteMode=some;
set spark.sql.session.timeZone=nowhere;
set spark.sql.ansi.enabled=perhaps;
set spark.sql.files.maxPartitionNum=-3;
set spark.sql.adaptive.advisoryPartitionSizeInBytes=-1b;
set spark.sql.parquet.outputTimestampType=INT64;
set spark.sql.parquet.compression.codec=zip;
set spark.sql.timestampType=TIMESTAMP;
set spark.sql.defaultCacheStorageLevel=EVERYWHERE;
set spark.sql.execution.arrow.maxBytesPerBatch=0;
reset;
