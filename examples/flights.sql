-- The flights that left New York City in 2013: a summary for each month and
-- carrier is written as parquet, and the year is printed from what was written.
CREATE TEMPORARY VIEW flights
USING csv
OPTIONS (path '${spark.flights.input}/flights.csv', header 'true', inferSchema 'true', nullValue 'NA');

CREATE TEMPORARY VIEW airlines
USING csv
OPTIONS (path '${spark.flights.input}/airlines.csv', header 'true');

CREATE TABLE carrier_months (
  carrier STRING,
  name STRING,
  flights BIGINT,
  departed BIGINT,
  delay_minutes BIGINT,
  miles BIGINT,
  month INT
)
USING parquet
PARTITIONED BY (month)
LOCATION '${spark.flights.output}';

INSERT OVERWRITE TABLE carrier_months
SELECT f.carrier,
       a.name,
       count(*) AS flights,
       count(f.dep_delay) AS departed,
       sum(f.dep_delay) AS delay_minutes,
       sum(f.distance) AS miles,
       f.month
FROM flights f
JOIN airlines a ON f.carrier = a.carrier
GROUP BY f.carrier, a.name, f.month;

SELECT carrier,
       name,
       sum(flights) AS flights,
       round(sum(delay_minutes) / sum(departed), 1) AS avg_delay,
       sum(miles) AS miles
FROM carrier_months
GROUP BY carrier, name
ORDER BY flights DESC;
