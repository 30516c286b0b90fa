"""Call something right after a module of somebody else has loaded, without ever loading it."""

import importlib.abc
import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

from quarterdeck.guard import guarded


def when_imported(name: str, call: Callable[[], None]) -> None:
    """Call now if the module is loaded, else as soon as it is.

    Args:
        name: full name of the module.
        call: what to do; an error in it does not reach whoever imports the module.
    """
    if name in sys.modules:
        call()
    elif not any(isinstance(finder, _Finder) and finder.name == name for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder(name, call))


class _Finder(importlib.abc.MetaPathFinder):
    """Let the ordinary finders find the module, once.

    Args:
        name: full name of the module.
        call: called when it has loaded.
    """

    def __init__(self, name: str, call: Callable[[], None]) -> None:
        self.name = name
        self._call = call

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self.name:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, self._call)
        return spec


class _Loader(importlib.abc.Loader):
    """The module's own loader, with one call after it is done."""

    def __init__(self, loader: importlib.abc.Loader, done: Callable[[], None]) -> None:
        self._loader = loader
        self._done = done

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        with guarded(f"look at {module.__name__}"):
            self._done()
