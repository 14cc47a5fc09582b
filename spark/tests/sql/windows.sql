-- Functions over windows.
create temporary view w as select * from values ('a', 1, 10), ('a', 2, null), ('a', 2, 30), ('b', 1, 5), ('b', 3, 7) as v(k, o, x);
select k, o, x, row_number() over (partition by k order by o, x), rank() over (partition by k order by o), dense_rank() over (partition by k order by o) from w order by k, o, x;
select k, o, percent_rank() over (partition by k order by o), cume_dist() over (partition by k order by o), ntile(2) over (partition by k order by o, x) from w order by k, o, x;
select typeof(row_number() over (order by o)), typeof(rank() over (order by o)), typeof(ntile(2) over (order by o)), typeof(percent_rank() over (order by o)), typeof(lag(x) over (order by o)) from w limit 1;
select k, o, x, lag(x) over (partition by k order by o, x) as l1, lag(x, 2) over (partition by k order by o, x) as l2, lag(x, 1, -1) over (partition by k order by o, x) as l3, lead(x, 1, 0) over (partition by k order by o, x) as l4 from w order by k, o, x;
select k, o, x, lag(x) ignore nulls over (partition by k order by o, x) as a, lead(x, 1) ignore nulls over (partition by k order by o, x) as b from w order by k, o, x;
select k, o, x, nth_value(x, 2) over (partition by k order by o, x) as a, nth_value(x, 2) over (partition by k order by o, x rows between unbounded preceding and unbounded following) as b, nth_value(x, 1) ignore nulls over (partition by k order by o, x) as c from w order by k, o, x;
select k, o, x, first_value(x) over (partition by k order by o, x) as a, last_value(x) over (partition by k order by o, x) as b, first(x, true) over (partition by k order by o, x) as c, last(x, true) over (partition by k order by o, x) as d, first_value(x) ignore nulls over (partition by k order by o, x) as e from w order by k, o, x;
select k, o, sum(x) over (partition by k order by o rows between 1 preceding and current row) as a, avg(x) over (partition by k) as b, count(*) over (partition by k order by o) as c, max_by(o, x) over (partition by k) as d, approx_count_distinct(x) over (partition by k) as e, collect_list(x) over (partition by k order by o, x) as f from w order by k, o, x;
select ntile(2, 3) over (order by o) from w;
