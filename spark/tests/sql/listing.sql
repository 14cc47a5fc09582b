-- Functions that are built in.
show functions like 'explode*';
show system functions like 'arrow_*|spark_*';
show functions like 'count*';
describe function nope;
