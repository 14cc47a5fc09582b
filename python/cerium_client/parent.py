"""Ends the program with its driver: without one it would wait for its server for minutes."""

import os
import signal
import sys

_DRIVER = "CERIUM_DRIVER_PID"
_PR_SET_PDEATHSIG = 1


def follow():
    """Asks Linux for a SIGTERM when the driver, if it is our parent, dies."""
    if not sys.platform.startswith("linux") or os.environ.get(_DRIVER) != str(os.getppid()):
        return
    try:
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    except (ImportError, OSError, AttributeError):
        # A Python without ctypes, or a C library without prctl: the program ends by itself, later.
        pass
