"""Import a module of the user and tell which pipelines are in it."""

import contextlib
import importlib
import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Iterator
from typing import Any

from quarterdeck.execution import PIPELINE_MARK, PipelineSpec
from quarterdeck_runner.child.signature import SignatureError, schema_of


def describe(target: str) -> dict[str, Any]:
    """Give the pipelines of a module and the files that decide what they are.

    Args:
        target: ``module``, or ``module:function`` for only one.
    """
    name, _, only = target.partition(":")
    sys.path.insert(0, os.getcwd())  # noqa: PTH109 - as the interpreter does it
    try:
        module = importlib.import_module(name)
    except BaseException as error:  # noqa: BLE001 - whatever a module does when it is imported
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f" ({last.filename}, line {last.lineno})" if "importlib" not in last.filename else ""
        return {"error": f"it cannot be imported: {type(error).__name__}: {error}{where}", "files": _files(name)}
    found = [_pipeline(module.__name__, attribute, fn) for attribute, fn in _marked(module, only)]
    answer: dict[str, Any] = {"pipelines": found, "files": _files(name)}
    if not found:
        wanted = f"no function '{only}'" if only else "no function"
        answer["error"] = f"there is {wanted} with @quarterdeck.pipeline in it"
    return answer


def _marked(module: Any, only: str) -> Iterator[tuple[str, Any]]:
    for attribute, value in sorted(vars(module).items()):
        own = str(getattr(value, "__module__", "")).startswith(module.__name__)
        if callable(value) and own and hasattr(value, PIPELINE_MARK) and only in {"", attribute}:
            yield attribute, value


def _pipeline(module: str, attribute: str, fn: Any) -> dict[str, Any]:
    plain = inspect.unwrap(fn)
    spec: PipelineSpec = getattr(fn, PIPELINE_MARK)
    described: dict[str, Any] = {
        "name": spec.name,
        "module": module,
        "function": attribute,
        "description": (inspect.getdoc(plain) or "").strip(),
        "version": spec.version(),
        "file": inspect.getsourcefile(plain) or "",
        "line": plain.__code__.co_firstlineno,
    }
    try:
        return {**described, "schema": schema_of(fn)}
    except SignatureError as error:
        return {**described, "schema": {}, "error": str(error)}


def _files(name: str) -> list[str]:
    """Source files of the module and of what it is a part of."""
    top = name.partition(".")[0]
    loaded = [module for key, module in list(sys.modules.items()) if key.partition(".")[0] == top]
    files = {str(module.__file__) for module in loaded if getattr(module, "__file__", None)}
    # A module that breaks while it is imported is loaded no more.
    with contextlib.suppress(ImportError, ValueError):
        found = importlib.util.find_spec(name)
        files |= {found.origin} if found is not None and found.origin else set()
    return sorted(files)
