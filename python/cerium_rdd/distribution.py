"""Files and modules that a program gives its tasks."""

import importlib
import os
import shutil
import sys
import urllib.parse

from pyspark.errors import IllegalArgumentException

_FOLDER = "CERIUM_FILES_DIR"


class Distribution:
    """What was added is found by `SparkFiles.get` in the program and in tasks."""

    PACKAGE_EXTENSIONS = (".zip", ".egg", ".jar")

    def _begin_distribution(self):
        self._files = {}
        self._archives = {}
        self._python_includes = []

    def addFile(self, path, recursive=False):
        """Gives tasks a file."""
        local = _local(path)
        if os.path.isdir(local):
            if not recursive:
                raise IllegalArgumentException(
                    "Added file file:%s is a directory and recursive is not turned on." % os.path.abspath(local)
                )
            self._add_folder(local)
        elif _uri(local) not in self._files:
            self._session.addArtifacts(local, file=True)
            self._files[_uri(local)] = _place(local)

    def _add_folder(self, local):
        """A folder travels as an archive that is unpacked under its name."""
        name = os.path.basename(os.path.abspath(local))
        packed = shutil.make_archive(os.path.join(self._temp_dir, name), "zip", local)
        self._session.addArtifacts("%s#%s" % (packed, name), archive=True)
        self._files[_uri(local)] = _place(local)

    @property
    def listFiles(self):
        """The files that were added."""
        return list(self._files)

    def addPyFile(self, path):
        """Gives tasks a module or a package."""
        local = _local(path)
        if _uri(local) in self._files:
            return
        self._session.addArtifacts(local, pyfile=True)
        placed = self._files[_uri(local)] = _place(local)
        whole = local.lower().endswith(self.PACKAGE_EXTENSIONS)
        if whole:
            self._python_includes.append(os.path.basename(local))
        entry = placed if whole else os.path.dirname(placed)
        if entry not in sys.path:
            sys.path.insert(1, entry)
        importlib.invalidate_caches()

    def addArchive(self, path):
        """Gives tasks an archive, unpacked under its name or what follows a `#`."""
        file, _, name = path.partition("#")
        local = _local(file)
        if _uri(local) in self._archives:
            return
        name = name or os.path.basename(local)
        self._session.addArtifacts("%s#%s" % (local, name), archive=True)
        self._archives[_uri(local)] = name

    @property
    def listArchives(self):
        """The archives that were added."""
        return list(self._archives)


def _local(path):
    parsed = urllib.parse.urlparse(path)
    if parsed.scheme in ("", "file", "local"):
        return parsed.path
    raise IllegalArgumentException(
        "%s cannot be added by a running program: name it in spark.files, spark.submit.pyFiles or "
        "spark.archives, or add a local copy" % path
    )


def _uri(local):
    return "file:" + os.path.abspath(local)


def _place(local):
    """Puts a file where `SparkFiles.get` looks in the program; gives its path there."""
    folder = os.environ.get(_FOLDER)
    if folder is None:
        return os.path.abspath(local)
    target = os.path.join(folder, os.path.basename(os.path.abspath(local)))
    if os.path.abspath(local) != os.path.abspath(target):
        os.makedirs(folder, exist_ok=True)
        (shutil.copytree if os.path.isdir(local) else shutil.copyfile)(local, target)
    return target
