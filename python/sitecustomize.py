"""Start-up of the programs that Cerium's driver runs; found first on PYTHONPATH.

Does nothing unless SPARK_REMOTE is set, and then lets the sitecustomize have its turn
that this one stands before.
"""

import importlib.machinery
import importlib.util
import os
import sys


def _run_shadowed():
    """Executes the next sitecustomize on the path."""
    here = os.path.dirname(os.path.abspath(__file__))
    rest = [entry for entry in sys.path if os.path.abspath(entry or os.curdir) != here]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", rest)
    if spec is not None and spec.loader is not None:
        module = importlib.util.module_from_spec(spec)
        # Whoever imports it gets the user's own.
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


if os.environ.get("SPARK_REMOTE"):
    import cerium_client

    cerium_client.install()

_run_shadowed()
