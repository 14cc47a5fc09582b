"""Files as bytes: listed by the program, read by tasks."""

import glob
import itertools
import os
import re

from pyspark.errors import AnalysisException

_S3 = ("s3", "s3a", "s3n")


class Local:
    """Files of this machine, or of a volume that all have."""

    def list(self, path):
        """The files of a folder, or those that a pattern or a path means."""
        found = sorted(glob.glob(path))
        if not found:
            raise missing("file:" + path)
        for entry in found:
            if os.path.isdir(entry):
                names = (os.path.join(entry, name) for name in sorted(os.listdir(entry)) if not hidden(name))
                yield from ("file:" + name for name in names if os.path.isfile(name))
            else:
                yield "file:" + os.path.abspath(entry)

    def read(self, name):
        """The bytes of a file."""
        with open(name[len("file:") :], "rb") as file:
            return file.read()


class S3:
    """Objects of S3, by the settings that the session's reader has."""

    def __init__(self, conf, scheme):
        self.scheme = scheme
        endpoint = conf("endpoint")
        self.options = {
            "access_key": conf("access.key"),
            "secret_key": conf("secret.key"),
            "session_token": conf("session.token"),
            "endpoint_override": endpoint,
            "region": conf("endpoint.region") or ("us-east-1" if endpoint else None),
        }
        plain = conf("connection.ssl.enabled") == "false" or (endpoint or "").startswith("http:")
        self.options["scheme"] = "http" if plain else "https"

    def _system(self):
        from pyarrow import fs

        return fs.S3FileSystem(**{name: value for name, value in self.options.items() if value is not None})

    def list(self, path):
        """The objects below a path, or the one it means."""
        from pyarrow import fs

        system = self._system()
        info = system.get_file_info(path)
        if info.type == fs.FileType.NotFound:
            raise missing("%s://%s" % (self.scheme, path))
        found = [info] if info.type == fs.FileType.File else system.get_file_info(fs.FileSelector(path))
        for entry in sorted(found, key=lambda entry: entry.path):
            if entry.type == fs.FileType.File and not hidden(entry.base_name):
                yield "%s://%s" % (self.scheme, entry.path)

    def read(self, name):
        """The bytes of an object."""
        with self._system().open_input_stream(name.partition("://")[2]) as stream:
            return stream.read()


def hidden(name):
    """Whether a name is none of data to Hadoop."""
    return name.startswith(("_", "."))


def missing(path):
    """What Spark says of a path where nothing is."""
    return AnalysisException("[PATH_NOT_FOUND] Path does not exist: %s. SQLSTATE: 42K03" % path)


def system_of(path, conf):
    """The system that a path belongs to, and the path within it; `conf` gives settings of fs.s3a."""
    # No URL: `?` belongs to patterns, and `#` to names.
    scheme, colon, within = path.partition(":")
    if not colon or "/" in scheme:
        return Local(), path
    if scheme == "file":
        return Local(), "/" + within.lstrip("/") if within.startswith("///") else within
    if scheme in _S3:
        return S3(conf, scheme), within.removeprefix("//")
    raise AnalysisException(
        "%s: binary files are read from file: and %s: only" % (path, ":, ".join(_S3))
    )


def alternatives(pattern):
    """The patterns that one with `{a,b}` stands for."""
    found = re.search(r"\{([^{}]*)\}", pattern)
    if found is None:
        return [pattern]
    before, after = pattern[: found.start()], pattern[found.end() :]
    made = (alternatives(before + choice + after) for choice in found[1].split(","))
    # Braces within braces: what stands outside of the inner ones comes once.
    return list(dict.fromkeys(itertools.chain.from_iterable(made)))


def content(file):
    """The name and the bytes of a file of a system."""
    system, name = file
    return name, system.read(name)
