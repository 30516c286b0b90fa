"""Instrumentation of provider SDKs, installed when they are imported, never importing them itself."""

import importlib
import importlib.abc
import importlib.util
import logging
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

log: Final = logging.getLogger("quarterdeck")

_wanted: Final[set[str]] = set()
"""Packages to patch when they are imported."""


def instrument(client: Any = None) -> None:
    """Observe the model calls of a client, or of every provider package.

    Args:
        client: an existing client of ``anthropic`` or ``google.genai``, such as one made before
            :func:`quarterdeck.init`; default: every client made from now on.
    """
    if client is None:
        instrument_on_import()
        return
    module = type(client).__module__
    package = next((name for name in _INSTRUMENTORS if module == name or module.startswith(f"{name}.")), None)
    if package is None:
        log.warning("cannot observe a client of %s: use any OpenTelemetry instrumentation of that package", module)
        return
    with guarded("instrument a client"):
        importlib.import_module(_INSTRUMENTORS[package]).instrument_client(client)


def instrument_on_import(*packages: str) -> None:
    """Patch provider packages that are loaded, and the others as soon as they are.

    Args:
        packages: ``anthropic``, ``google.genai``; default: all.
    """
    for name in packages or tuple(_INSTRUMENTORS):
        _wanted.add(name)
        if name in sys.modules:
            _patch(name)
    if not _wanted <= set(sys.modules) and not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


def uninstrument(*packages: str) -> None:
    """Observe provider packages no longer; a single client that was instrumented by itself stays so.

    Args:
        packages: ``anthropic``, ``google.genai``; default: all.
    """
    for name in packages or tuple(_INSTRUMENTORS):
        _wanted.discard(name)
        if _INSTRUMENTORS[name] in sys.modules:
            with guarded(f"stop instrumenting {name}"):
                sys.modules[_INSTRUMENTORS[name]].uninstrument()


def _patch(package: str) -> None:
    with guarded(f"instrument {package}"):
        if package in _wanted:
            importlib.import_module(_INSTRUMENTORS[package]).instrument()


class _Finder(importlib.abc.MetaPathFinder):
    """Let the ordinary finders find a provider package, and patch it right after it has loaded."""

    def __init__(self) -> None:
        self._finding: set[str] = set()

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in _wanted or fullname in self._finding:
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
