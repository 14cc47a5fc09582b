"""Patching modules as they are imported."""

import importlib.machinery
import sys

_patches = {}


def after_import(name, patch):
    """Calls `patch(module)` once the module `name` is imported."""
    if not _patches:
        sys.meta_path.insert(0, _Finder)
    _patches.setdefault(name, []).append(patch)


class _Finder:
    """Finds what the usual path finder finds, and wraps its loader."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        patches = _patches.get(name)
        if patches is None:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, patches)
        return spec


class _Loader:
    """A loader that patches what it has loaded; else it is the one it wraps."""

    def __init__(self, loader, patches):
        self._loader = loader
        self._patches = patches

    def __getattr__(self, name):
        return getattr(self._loader, name)

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        # From now on the module says that its own loader has loaded it.
        module.__spec__.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        for patch in self._patches:
            patch(module)
