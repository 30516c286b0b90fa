"""Pipelines that are Python functions: only those of the modules that the operator names, and never imported here."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from quarterdeck_runner.diagnostics import START, Diagnostic
from quarterdeck_runner.spec import InputSpec, Pipeline
from quarterdeck_runner.vocabulary import INPUT_TYPES

CHILD: Final = (sys.executable, "-m", "quarterdeck_runner.child")
"""Command line of the process in which code of users runs."""

_IMPORT_S: Final = 60
_AGAIN_S: Final = 10


@dataclass(frozen=True)
class Found:
    """One pipeline of a module, or the module itself if nothing in it can be run.

    Args:
        pipeline: as the catalogue shows it.
        source: what a run keeps of it.
        problem: why it cannot be run; empty if it can.
    """

    pipeline: Pipeline
    source: str
    problem: str

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """The problem, as a pipeline file would have it."""
        line = self.pipeline.document.get("line", 1)
        file = self.pipeline.file.name
        return (Diagnostic(line, 1, "error", file, self.problem),) if self.problem else ()


class Modules:
    """The pipelines of some modules, looked up again whenever a file of theirs changed.

    Args:
        targets: ``module`` or ``module:function``.
    """

    def __init__(self, targets: Sequence[str]) -> None:
        self.targets = tuple(dict.fromkeys(targets))
        self._cache: dict[str, tuple[tuple[Any, ...], list[str], list[Found]]] = {}

    def found(self) -> list[Found]:
        """Every pipeline, module by module; blocks while modules are imported, each in a process of its own."""
        return [each for target in self.targets for each in self._of(target)]

    def _of(self, target: str) -> list[Found]:
        cached = self._cache.get(target)
        if cached is None or cached[0] != _stamps(cached[1]):
            files, found = _described(target)
            cached = self._cache[target] = (_stamps(files), files, found)
        return cached[2]


def child_environment(further: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of code of users: the runner's without the runner's own settings and tokens.

    Args:
        further: variables of the run.
    """
    own = {name: value for name, value in os.environ.items() if not name.startswith("QUARTERDECK_")}
    return own | dict(further or {})


def pipeline_from(described: Mapping[str, Any]) -> Pipeline:
    """What the catalogue shows of a function.

    Args:
        described: by :func:`quarterdeck_runner.child.describing.describe`.
    """
    schema = described.get("schema", {})
    return Pipeline(
        name=described["name"],
        version=described["version"],
        description=described["description"],
        file=Path(described["file"] or described["module"].replace(".", "/")).with_suffix(".py"),
        inputs=tuple(_input(name, each, schema) for name, each in schema.get("properties", {}).items()),
        variables={},
        output_dir="",
        steps=(),
        document=dict(described),
    )


def _described(target: str) -> tuple[list[str], list[Found]]:
    try:
        ended = subprocess.run(  # noqa: S603 - our own program
            [*CHILD, "describe", target],
            env=child_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_IMPORT_S,
            check=False,
        )
        answer = json.loads(ended.stdout)
    except subprocess.TimeoutExpired:
        return [], [_broken(target, f"it is not imported after {_IMPORT_S} s")]
    except ValueError:
        last = ended.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        return [], [_broken(target, f"the import ended the process with code {ended.returncode}: {last}")]
    files: list[str] = answer["files"]
    if "error" in answer:
        return files, [_broken(target, answer["error"])]
    pipelines = answer["pipelines"]
    return files, [Found(pipeline_from(each), json.dumps(each), each.get("error", "")) for each in pipelines]


def _broken(target: str, problem: str) -> Found:
    module = target.partition(":")[0]
    nothing = {"name": target, "version": "", "description": "", "file": "", "module": module}
    return Found(pipeline_from(nothing), "", f"module '{target}': {problem}")


def _stamps(files: Sequence[str]) -> tuple[Any, ...]:
    """Sizes and times; a module that names no files is looked for again now and then."""
    if not files:
        return (time.monotonic() // _AGAIN_S,)
    stamps: list[tuple[str, int, int]] = []
    for file in files:
        try:
            found = Path(file).stat()
        except OSError:
            stamps.append((file, 0, 0))
        else:
            stamps.append((file, found.st_mtime_ns, found.st_size))
    return (*stamps,)


def _input(name: str, schema: Mapping[str, Any], root: Mapping[str, Any]) -> InputSpec:
    required = name in root.get("required", ())
    whole = _resolved(schema, root)
    text = str(schema.get("description") or whole.get("description") or "")
    return InputSpec(name, _type(whole, root), schema.get("default"), required, text, START)


def _resolved(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = str(schema.get("$ref", "")).rpartition("/")[2]
    return root.get("$defs", {}).get(reference, {}) if reference else schema


def _type(schema: Mapping[str, Any], root: Mapping[str, Any]) -> str:
    """The word for a schema that the form of the dashboard knows."""
    kinds = schema.get("type")
    if isinstance(kinds, str) and kinds in INPUT_TYPES:
        return kinds
    for option in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        found = _resolved(option, root)
        if found.get("type") != "null":
            return _type(found, root)
    return "string"
