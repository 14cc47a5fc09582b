-- Names that Spark gives to columns without an alias.
create temporary view t as select * from values (1,'a',1.5,true,date'2020-01-05',timestamp'2020-01-05 10:11:12.5',array(1,2)),(2,'b',2.5,false,null,null,null) as t(id,Name,amt,flag,d,ts,arr);
select ID, t.id, id+1, id*2.0, amt/2, id/2, id div 2, id%2, 'x', 1.5, true, null, name||'x', cast(id as string) from t;
select id between 1 and 2, id not between 1 and 2, id in (1,2), id not in (1,2), name like 'a%', name not like 'a%', case when id=1 then 'a' else 'b' end, case id when 1 then 2 end, date '2020-01-01', interval '3' month, interval '1' day, -1, flag and true, flag or false, !flag from t;
select id <=> 1, id is not null, name rlike 'a', name ilike 'A', id == 1, id > 1, id >= 1, id is distinct from 1, flag is true, flag is not false, -id, +id, ~id, id & 1, id | 1, id ^ 1 from t;
select -(-1), - 1.5, cast(id as decimal(10,2)), try_cast(name as int), id::string, cast(id+1 as string) from t;
select count(*), count(1), count(id), count(distinct id), sum(distinct id), avg(id), min(id), max(id), round(avg(id), 2), sum(id) filter (where id > 1), sum((id + 1) * 2) from t;
select sum(id) over (partition by name order by id desc rows between unbounded preceding and current row), row_number() over (order by id), sum(id) over (), rank() over (partition by flag order by id) from t;
select extract(year from d), year(d), substring(name from 1 for 1), substring(name,1,1), substr(name,1,1), trim(name), upper(name), ucase(name), length(name), char_length(name), date_add(d,1), d + 1, d - 1 from t;
select concat(name,'x'), coalesce(id,1), nvl(id,1), ifnull(id,1), if(flag,1,2), nullif(id,1), abs(id), mod(id,2), month(d), day(d), left(name,1), dayofmonth(d), quarter(d), hour(ts) from t;
select (select 1), 1 as `a b` from t;
