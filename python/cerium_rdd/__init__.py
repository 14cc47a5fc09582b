"""SparkContext and RDDs over Spark Connect; imported by programs and by Python workers."""
