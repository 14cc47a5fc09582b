"""What Cerium's executors run beside PySpark's own worker."""
