"""Lets programs written for classic PySpark run over Spark Connect.

Nothing here changes an installed PySpark: modules are patched as they are imported.
"""

from cerium_client import files, hooks, master, missing, parent, rdd


def install():
    """Installs all patches. Imports no PySpark."""
    parent.follow()
    hooks.after_import("pyspark.sql.session", master.accept)
    hooks.after_import("pyspark", files.add)
    # The class is defined here in 3.5, and there from 4.0 on.
    hooks.after_import("pyspark.files", files.redirect)
    hooks.after_import("pyspark.core.files", files.redirect)
    rdd.offer()
    missing.explain()
