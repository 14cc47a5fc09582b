"""Cleans country names by a slow function and counts them: countries.py INPUT OUTPUT"""

import sys
import time

from pyspark.sql import SparkSession
from pyspark.sql.functions import udf
from pyspark.sql.types import StringType

spark = SparkSession.builder.appName("countries").getOrCreate()


@udf(returnType=StringType())
def clean(name):
    # Stands for a look-up somewhere else.
    time.sleep(0.001)
    return name.strip().upper() if name else None


people = spark.read.option("header", True).csv(sys.argv[1])
cleaned = people.withColumn("country", clean("country")).cache()
print("people:", cleaned.count())
counts = cleaned.groupBy("country").count()
counts.write.mode("overwrite").parquet(sys.argv[2])
spark.read.parquet(sys.argv[2]).orderBy("country").show()
spark.stop()
