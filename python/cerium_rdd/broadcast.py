"""Broadcast: a value that travels to each executor once.

The program's side writes the value's pickle to a file of its own and to the server, which knows
it by its hash. A function that has a Broadcast in it names it in its plan; executors fetch what
is named, and workers find it by the Broadcast's number.
"""

import contextlib
import gc
import itertools
import os
import pickle
import sys
import tempfile
import threading
import uuid
import weakref

from pyspark.errors import PySparkRuntimeError
from pyspark.util import print_exec

# In a worker: what the task was given, by number.
_broadcastRegistry = {}
_numbers = itertools.count()
_collected = threading.local()


def _from_id(number):
    """The Broadcast with a number; what unpickling one does."""
    if number not in _broadcastRegistry:
        raise PySparkRuntimeError(
            errorClass="BROADCAST_VARIABLE_NOT_LOADED", messageParameters={"variable": str(number)}
        )
    return _broadcastRegistry[number]


def offer(number, path):
    """Tells a worker where the file of a Broadcast is."""
    _broadcastRegistry[number] = Broadcast(path=path)


def forget(number):
    """Tells a worker that a Broadcast is no more."""
    _broadcastRegistry.pop(number, None)


@contextlib.contextmanager
def collecting():
    """Gives the Broadcasts that this thread pickles meanwhile, by how plans name them."""
    outer = getattr(_collected, "names", None)
    _collected.names = names = {}
    try:
        yield names
    finally:
        _collected.names = outer
        if outer is not None:
            outer.update(names)


def _let_go(waiting, content, path):
    """Notes one for the next action: garbage may be found within a call to the server."""
    waiting.append(content)
    if path is not None:
        with contextlib.suppress(OSError):
            os.unlink(path)


class Broadcast:
    """A value that functions read by `value`; made by `SparkContext.broadcast`."""

    def __init__(self, sc=None, value=None, pickle_registry=None, path=None, sock_file=None):
        self._sc = sc
        self._number = None
        self._path = path
        self._destroyed = False
        if sc is None:
            return
        self._number = next(_numbers)
        with tempfile.NamedTemporaryFile(delete=False, dir=sc._temp_dir, prefix="broadcast-") as file:
            self._path = file.name
            self.dump(value, file)
        with open(self._path, "rb") as file:
            self._send(file.read())

    def __class_getitem__(cls, item):
        return cls

    @classmethod
    def _of_bytes(cls, sc, content):
        """One whose file is no pickle."""
        broadcast = cls()
        broadcast._sc = sc
        broadcast._number = next(_numbers)
        broadcast._send(content)
        return broadcast

    def _send(self, content):
        # The server knows a file by its content, and equal values are to end one by one. What comes
        # after a pickle's end is not read.
        self._end = uuid.uuid4().bytes
        client = self._sc._session.client
        self._hash = client.cache_artifact(content + self._end)
        self._known_to = {client._session_id}
        # One that nothing refers to any more ends with the context's next action.
        self._ending = weakref.finalize(self, _let_go, self._sc._let_go, self._hash, self._path)
        self._ending.atexit = False

    def offer_to(self, client):
        """Sends the value to another session."""
        if client._session_id not in self._known_to and self._path is not None:
            with open(self._path, "rb") as file:
                client.cache_artifact(file.read() + self._end)
            self._known_to.add(client._session_id)

    def keep(self):
        """Has it end with its session, not before."""
        self._ending.detach()

    def _include(self):
        """How plans name it."""
        return "broadcast:%d:%s" % (self._number, self._hash)

    def dump(self, value, f):
        """Writes the pickle of a value to an open file and closes it."""
        try:
            pickle.dump(value, f, pickle.HIGHEST_PROTOCOL)
        except pickle.PickleError:
            raise
        except Exception as error:
            print_exec(sys.stderr)
            raise pickle.PicklingError(
                "Could not serialize broadcast: %s: %s" % (type(error).__name__, error)
            )
        f.close()

    def load_from_path(self, path):
        """Reads a value from a file."""
        with open(path, "rb", 1 << 20) as file:
            return self.load(file)

    def load(self, file):
        """Reads a value from an open file."""
        # Many new objects at once are no reason to look for garbage among all of them.
        gc.disable()
        try:
            return pickle.load(file)
        finally:
            gc.enable()

    @property
    def value(self):
        """The value."""
        if not hasattr(self, "_value") and self._path is not None:
            self._value = self.load_from_path(self._path)
        return self._value

    def unpersist(self, blocking=False):
        """Lets executors forget the value; they fetch it again when they need it."""
        self._on_driver("unpersisted")
        self._sc._control("unpersist_broadcast", content=self._hash)

    def destroy(self, blocking=False):
        """Ends the Broadcast: it cannot be used any more."""
        self._on_driver("destroyed")
        self._destroyed = True
        self._ending.detach()
        self._sc._control("destroy_broadcast", content=self._hash)
        os.unlink(self._path)

    def _on_driver(self, operation):
        if self._sc is None:
            raise PySparkRuntimeError(
                errorClass="INVALID_BROADCAST_OPERATION", messageParameters={"operation": operation}
            )

    def __reduce__(self):
        self._on_driver("serialized")
        if self._destroyed:
            raise PySparkRuntimeError(
                "Attempted to use Broadcast(%d) after it was destroyed" % self._number
            )
        names = getattr(_collected, "names", None)
        if names is not None:
            names[self._include()] = self
        return _from_id, (self._number,)


Broadcast.__module__ = "pyspark.broadcast"
