"""What PySpark's tests import of Py4J, for a Python without a JVM."""
