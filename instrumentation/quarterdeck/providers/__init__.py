"""Instrumentation of provider SDKs, installed when they are imported, never importing them itself."""

import importlib
import importlib.abc
import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Final

from quarterdeck.guard import guarded

_INSTRUMENTORS: Final = {
    "anthropic": "quarterdeck.providers.anthropic",
    "google.genai": "quarterdeck.providers.google",
}
"""Provider package: the module here whose ``instrument()`` patches it."""


def instrument(client: Any = None) -> None:
    """Observe the model calls of a client, or of every provider package.

    Args:
        client: an existing client of ``anthropic`` made before :func:`quarterdeck.init`; default: every client made
            from now on.
    """
    if client is None:
        instrument_on_import()
        return
    package = type(client).__module__.split(".")[0]
    with guarded("instrument a client"):
        if package == "anthropic":
            importlib.import_module(_INSTRUMENTORS["anthropic"]).instrument_client(client)
        else:
            instrument_on_import()


def instrument_on_import() -> None:
    """Patch the provider packages that are loaded, and the others as soon as they are."""
    waiting = [name for name in _INSTRUMENTORS if name not in sys.modules]
    for name in _INSTRUMENTORS:
        if name not in waiting:
            _patch(name)
    if waiting and not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


def _patch(package: str) -> None:
    with guarded(f"instrument {package}"):
        importlib.import_module(_INSTRUMENTORS[package]).instrument()


class _Finder(importlib.abc.MetaPathFinder):
    """Let the ordinary finders find a provider package, and patch it right after it has loaded."""

    def __init__(self) -> None:
        self._finding: set[str] = set()

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in _INSTRUMENTORS or fullname in self._finding:
            return None
        self._finding.add(fullname)
        try:
            spec = importlib.util.find_spec(fullname)
        finally:
            self._finding.discard(fullname)
        if spec is None or spec.loader is None:
            return None
        spec.loader = _PatchingLoader(spec.loader, lambda: _patch(fullname))
        return spec


class _PatchingLoader(importlib.abc.Loader):
    """The package's own loader, with one call after it is done."""

    def __init__(self, loader: importlib.abc.Loader, done: Callable[[], None]) -> None:
        self._loader = loader
        self._done = done

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        self._done()
