-- Generators in select lists and lateral views.
select explode(array(1, 2, null));
select explode(map('a', 1, 'b', 2));
select posexplode(array('x', 'y')), 1 as k;
select posexplode(map('a', 1));
select explode(array()), 1;
select explode_outer(array()), 1;
select posexplode_outer(cast(null as array<int>)), 'r';
select explode_outer(cast(null as map<string,int>));
select inline(array(struct(1, 'a'), struct(2, 'b')));
select inline_outer(cast(null as array<struct<a:int,b:string>>)), 1 as k;
select stack(2, 1, 'a', 2, 'b');
select stack(2, 1, 2, 3);
select json_tuple('{"a":1,"b":"x"}', 'a', 'b', 'c');
select k, v from values (1, array(1, 2)), (2, array()) as t(k, a) lateral view explode(a) x as v;
select k, v from values (1, array(1, 2)), (2, array()) as t(k, a) lateral view outer explode(a) x as v order by k, v;
select k, p, v from values (1, array('q', 'r')) as t(k, a) lateral view posexplode(a) x as p, v;
select k, a, b from values (1) as t(k) lateral view inline(array(struct(1, 2), struct(3, 4))) x as a, b;
select explode(array(1, 2)) as x, 3 as y;
