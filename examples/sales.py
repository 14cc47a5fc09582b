"""Sums the large sales of each category: sales.py INPUT"""

import sys

from pyspark.sql import SparkSession

spark = SparkSession.builder.appName("sales").getOrCreate()
df = spark.read.parquet(sys.argv[1])
totals = df.filter(df["amount"] > 1000).groupBy("category").sum("amount").collect()
for row in sorted(totals, key=lambda row: row["category"]):
    print(f"{row['category']}: {row['sum(amount)']}")
spark.stop()
