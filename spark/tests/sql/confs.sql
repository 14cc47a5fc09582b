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
-- Numbers are places in the select list unless they are not to be.
set spark.sql.groupByOrdinal=false;
select id % 2 as k, count(*) from range(4) group by 1;
select count(*) from range(4) group by 7;
reset;
set spark.sql.orderByOrdinal=false;
select id from range(3) order by 1, id desc;
select id from range(3) order by 9, id;
reset;
set spark.sql.groupByAliases=false;
select id % 2 as k, count(*) from range(4) group by k;
reset;
-- Double quotes.
set spark.sql.ansi.doubleQuotedIdentifiers=true;
select "a" from values (1) t("a");
select 'a' as "b c";
select "it""s" from values (1) t("it""s");
reset;
select "a";
-- What a size of nothing is.
set spark.sql.ansi.enabled=false;
select size(null) as a, cardinality(null) as b, size(cast(null as array<int>)) as c;
set spark.sql.legacy.sizeOfNull=false;
select size(null) as a, cardinality(null) as b, size(cast(null as array<int>)) as c;
reset;
set spark.sql.legacy.sizeOfNull=true;
select size(cast(null as array<int>)) as a, size(array(1)) as b;
reset;
-- Fields that are null in JSON.
set spark.sql.jsonGenerator.ignoreNullFields=false;
select to_json(named_struct('a', 1, 'b', cast(null as int))) as j;
select to_json(named_struct('a', 1, 'b', cast(null as int)), map('ignoreNullFields', 'true')) as j;
reset;
-- Names in the capitals they have.
set spark.sql.caseSensitive=true;
select A from values (1) t(a);
select a, A from values (1, 2) t(a, A);
select s.B from (select named_struct('b', 1) as s);
with c as (select 1 as x) select * from C;
select T.a from values (1) t(a);
select a from values (1, 2) t(a, A) order by A;
reset;
