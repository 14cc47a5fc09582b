-- Statements around tables.
create table t (a int, b string) using parquet;
with s as (select 1 as x, 'y' as z) select * from s;
create table identifier('u' || '1') (a int) using parquet;
describe identifier('u1');
drop table identifier('u1');
drop table if exists identifier('u1');
create database identifier('d9');
use identifier('d9');
show current namespace;
select current_database();
use default;
drop database identifier('d9');
create temporary view identifier('v9') as select 1 as a;
select * from identifier('v9');
drop view identifier('v9');
create database props with dbproperties ('a' = '1', 'b' = '2');
alter database props unset dbproperties ('a');
alter database props unset properties ('c', 'b');
drop database props;
-- Names that are taken.
create temporary view taken as select 1 as a;
cache table taken as select 2 as a;
select * from taken;
