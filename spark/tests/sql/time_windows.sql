-- Windows of time.
select window(t, '5 seconds') as w, sum(v) from values (timestamp'2016-03-11 09:00:07', 1), (timestamp'2016-03-11 09:00:09', 2), (timestamp'2016-03-11 09:00:11', 4) as d(t, v) group by window(t, '5 seconds') order by w;
select w.start, w.end, n from (select window(t, '1 hour 30 minutes') as w, count(*) as n from values (timestamp'2020-01-01 10:11:12') as d(t) group by window(t, '1 hour 30 minutes'));
-- Sliding windows.
select window(ts, '10 seconds', '5 seconds'), count(*) from values (timestamp'2020-01-01 00:00:07') t(ts) group by window(ts, '10 seconds', '5 seconds') order by 1;
select window(ts, '10 seconds', '5 seconds', '1 second').start, sum(v) from values (timestamp'2020-01-01 00:00:07', 1), (timestamp'2020-01-01 00:00:12', 2), (null, 4) t(ts, v) group by window(ts, '10 seconds', '5 seconds', '1 second') order by 1;
select window(ts, '10 seconds', '4 seconds').start from values (timestamp'2020-01-01 00:00:07') t(ts);
select count(*) from values (timestamp'2020-01-01 00:00:07') t(ts) group by window(ts, '5 seconds', '10 seconds');
-- Sessions.
select session_window(ts, '5 seconds').start, session_window(ts, '5 seconds').end, count(*) from values (timestamp'2020-01-01 00:00:00'), (timestamp'2020-01-01 00:00:03'), (timestamp'2020-01-01 00:00:09') t(ts) group by session_window(ts, '5 seconds') order by 1;
select a, session_window(ts, '5 seconds').end, count(*), sum(v) from values (timestamp'2020-01-01 00:00:00', 1, 'x'), (timestamp'2020-01-01 00:00:03', 2, 'x'), (timestamp'2020-01-01 00:00:04', 3, 'y'), (timestamp'2020-01-01 00:00:08', 4, 'x') t(ts, v, a) group by a, session_window(ts, '5 seconds') order by a, 2;
select session_window(ts, '5 seconds').start, count(*) from values (timestamp'2020-01-01 00:00:00', 1), (timestamp'2020-01-01 00:00:05', 2), (null, 3) t(ts, v) group by session_window(ts, '5 seconds') order by 1;
select session_window(ts, '5 seconds').end from values (timestamp'2020-01-01 00:00:00') t(ts);
select count(*) from values (timestamp'2020-01-01 00:00:00', 1) t(ts, v) group by session_window(ts, '-5 seconds');
