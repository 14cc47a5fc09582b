"""As java_gateway."""

from py4j.java_gateway import __getattr__  # noqa: F401
