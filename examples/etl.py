"""A nightly job over the flights of nycflights13: etl.py INPUT OUTPUT

Reads flights, airlines, planes and weather, cleans them, finds out how delays depend on
carrier, plane and weather, and writes a table partitioned by month that it reads back.
"""

import argparse

import pandas as pd
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F
from pyspark.sql.functions import pandas_udf
from pyspark.sql.types import DoubleType, StringType


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("input", help="folder of the CSV files")
    parser.add_argument("output", help="folder to write to")
    parser.add_argument("--min-flights", type=int, default=500)
    return parser.parse_args()


def read(spark: SparkSession, folder: str, name: str) -> DataFrame:
    return (
        spark.read.option("header", True)
        .option("inferSchema", True)
        .option("nullValue", "NA")
        .csv(f"{folder}/{name}.csv")
    )


def clean_flights(flights: DataFrame) -> DataFrame:
    """Types, a date, and no flights that never left."""
    return (
        flights.withColumn("date", F.make_date("year", "month", "day"))
        .withColumn("hour", F.col("sched_dep_time").cast("int") / 100)
        .withColumn("hour", F.floor("hour").cast("int"))
        .withColumn("cancelled", F.col("dep_time").isNull())
        .withColumn("late", F.col("arr_delay") > 15)
        .dropDuplicates(["date", "carrier", "flight", "origin", "sched_dep_time"])
        .select(
            "date", "month", "hour", "carrier", "flight", "tailnum", "origin", "dest",
            "dep_delay", "arr_delay", "air_time", "distance", "cancelled", "late",
        )
    )


def clean_planes(planes: DataFrame) -> DataFrame:
    maker = F.upper(F.trim("manufacturer"))
    return planes.select(
        "tailnum",
        F.col("year").alias("built"),
        F.when(maker.startswith("AIRBUS"), "AIRBUS")
        .when(maker.like("MCDONNELL%"), "MCDONNELL DOUGLAS")
        .otherwise(maker)
        .alias("maker"),
        F.coalesce("seats", F.lit(0)).alias("seats"),
    ).na.drop(subset=["tailnum"])


def clean_weather(weather: DataFrame) -> DataFrame:
    return (
        weather.withColumn("date", F.make_date("year", "month", "day"))
        .groupBy("origin", "date")
        .agg(
            F.round(F.max("wind_speed"), 1).alias("wind"),
            F.round(F.sum("precip"), 2).alias("rain"),
            F.min("visib").alias("visibility"),
        )
        .fillna(0.0, subset=["wind", "rain"])
    )


@pandas_udf(DoubleType())
def knots(miles_per_hour: pd.Series) -> pd.Series:
    return (miles_per_hour * 0.868976).round(1)


@pandas_udf(StringType())
def speed_class(distance: pd.Series, minutes: pd.Series) -> pd.Series:
    speed = distance / (minutes / 60)
    return pd.cut(speed, [0, 300, 420, 10_000], labels=["slow", "usual", "fast"]).astype("object")


def print_carriers(flights: DataFrame, airlines: DataFrame, min_flights: int):
    """The carriers, by the share of their flights that were late."""
    carriers = (
        flights.filter(~F.col("cancelled"))
        .join(F.broadcast(airlines), "carrier")
        .groupBy("carrier", "name")
        .agg(
            F.count("*").alias("flights"),
            F.sum(F.col("late").cast("int")).alias("late"),
            F.expr("percentile(arr_delay, 0.5)").alias("median"),
            F.countDistinct("dest").alias("destinations"),
        )
        .filter(F.col("flights") >= min_flights)
        .withColumn("share", F.round(F.col("late") / F.col("flights") * 100, 1))
        .orderBy(F.desc("share"), "carrier")
    )
    carriers.show(20, truncate=False)


def print_worst_days(flights: DataFrame, weather: DataFrame):
    """For each origin the three days with the most delay, and their weather."""
    days = flights.groupBy("origin", "date").agg(
        F.sum("dep_delay").alias("delay"), F.sum(F.col("cancelled").cast("int")).alias("cancelled")
    )
    by_delay = Window.partitionBy("origin").orderBy(F.desc("delay"), "date")
    in_time = Window.partitionBy("origin").orderBy("date")
    worst = (
        days.withColumn("rank", F.row_number().over(by_delay))
        .withColumn("before", F.lag("delay").over(in_time))
        .withColumn("week", F.sum("delay").over(in_time.rowsBetween(-6, 0)))
        .filter("rank <= 3")
        .join(weather, ["origin", "date"], "left")
        .withColumn("knots", knots("wind"))
        .select("origin", "rank", "date", "delay", "before", "week", "cancelled", "rain", "knots")
        .orderBy("origin", "rank")
    )
    worst.show(truncate=False)


def print_by_origin(flights: DataFrame):
    """Flights of each quarter by origin, as a table with a column for each origin."""
    (
        flights.withColumn("quarter", F.quarter("date"))
        .groupBy("quarter")
        .pivot("origin", ["EWR", "JFK", "LGA"])
        .agg(F.count("date").alias("flights"), F.sum(F.col("cancelled").cast("int")).alias("cancelled"))
        .orderBy("quarter")
        .show()
    )


def print_makers(spark: SparkSession, flights: DataFrame, planes: DataFrame):
    """Whose planes fly where, in SQL."""
    flights.createOrReplaceTempView("flights")
    planes.createOrReplaceTempView("planes")
    spark.sql(
        """
        WITH known AS (
          SELECT f.*, p.maker, p.built, p.seats
          FROM flights f JOIN planes p USING (tailnum)
          WHERE NOT f.cancelled
        )
        SELECT maker,
               CASE WHEN built < 1995 THEN 'old' WHEN built < 2005 THEN 'middle' ELSE 'new' END AS age,
               count(*) AS flights,
               sum(seats) AS seats,
               sum(distance) AS miles,
               count(DISTINCT tailnum) AS planes
        FROM known
        WHERE built IS NOT NULL
        GROUP BY ALL
        HAVING count(*) > 1000
        ORDER BY maker, age
        """
    ).show(50, truncate=False)
    unknown = flights.join(planes, "tailnum", "left_anti").select("tailnum").distinct().count()
    print("planes nobody knows:", unknown)


def write_monthly(flights: DataFrame, folder: str) -> int:
    """Writes what was flown, a folder for each month."""
    flown = flights.filter("NOT cancelled AND air_time IS NOT NULL").withColumn(
        "class", speed_class("distance", "air_time")
    )
    flown.repartition("month").write.mode("overwrite").partitionBy("month").parquet(folder)
    return flown.count()


def print_written(spark: SparkSession, folder: str, written: int):
    table = spark.read.parquet(folder)
    assert table.count() == written, "rows were lost"
    table.printSchema()
    classes = table.groupBy("month").pivot("class", ["slow", "usual", "fast"]).count().na.fill(0)
    for row in classes.orderBy("month").collect():
        print(f"{row.month:>2}: {row.slow:>6} slow {row.usual:>6} usual {row.fast:>6} fast")
    summer = table.where(F.col("month").between(6, 8)).select(F.max("air_time"), F.min("date"), F.max("date"))
    print(summer.toPandas().to_string(index=False))


def main():
    arguments = parse_arguments()
    spark = SparkSession.builder.appName("etl").getOrCreate()
    spark.conf.set("spark.sql.session.timeZone", "UTC")

    flights = clean_flights(read(spark, arguments.input, "flights")).cache()
    airlines = read(spark, arguments.input, "airlines")
    planes = clean_planes(read(spark, arguments.input, "planes"))
    weather = clean_weather(read(spark, arguments.input, "weather"))
    print("flights:", flights.count(), "planes:", planes.count(), "days of weather:", weather.count())

    print_carriers(flights, airlines, arguments.min_flights)
    print_worst_days(flights, weather)
    print_by_origin(flights)
    print_makers(spark, flights, planes)
    written = write_monthly(flights, arguments.output)
    print("written:", written)
    print_written(spark, arguments.output, written)
    spark.stop()


if __name__ == "__main__":
    main()
