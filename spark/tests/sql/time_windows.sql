-- Windows of time.
select window(t, '5 seconds') as w, sum(v) from values (timestamp'2016-03-11 09:00:07', 1), (timestamp'2016-03-11 09:00:09', 2), (timestamp'2016-03-11 09:00:11', 4) as d(t, v) group by window(t, '5 seconds') order by w;
select w.start, w.end, n from (select window(t, '1 hour 30 minutes') as w, count(*) as n from values (timestamp'2020-01-01 10:11:12') as d(t) group by window(t, '1 hour 30 minutes'));
