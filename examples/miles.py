"""Sums the miles of the airlines, by their names: miles.py FLIGHTS AIRLINES"""

import sys

from pyspark.sql import SparkSession
from pyspark.sql.functions import broadcast, count, sum

spark = SparkSession.builder.master("local[*]").appName("miles").getOrCreate()

flights = spark.read.option("header", True).option("inferSchema", True).csv(sys.argv[1], nullValue="NA")
airlines = spark.read.option("header", True).csv(sys.argv[2])
miles = (
    flights.join(broadcast(airlines), "carrier")
    .groupBy("carrier", "name")
    .agg(count("*").alias("flights"), sum("distance").alias("miles"))
    .orderBy("miles", ascending=False)
)
miles.show()
print("most:", miles.first().asDict())
print("next:", [row.carrier for row in miles.take(3)][1:])
print("airlines:", miles.count())
spark.stop()
