"""Typed inputs of a run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from quarterdeck_runner.diagnostics import nearest
from quarterdeck_runner.spec import InputSpec
from quarterdeck_runner.vocabulary import INPUT_TYPES

OTHER_NAMES: Final = {
    "str": "string",
    "text": "string",
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "list": "array",
    "map": "object",
}
"""Names of types that people know from elsewhere."""

_CLASSES: Final[Mapping[str, tuple[type, ...]]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}


@dataclass(frozen=True)
class InputProblem:
    """One input that does not fit."""

    input: str
    message: str


def type_named(word: str) -> str | None:
    """The type that a word means, ``None`` if it means none."""
    name = OTHER_NAMES.get(word.lower(), word.lower())
    return name if name in INPUT_TYPES else None


def type_of(value: Any) -> str:
    """The type of a default; ``string`` where it says nothing."""
    for name in ("boolean", "integer", "number", "array", "object"):
        if not problem(name, value):
            return name
    return "string"


def problem(kind: str, value: Any) -> str:
    """Say why a value is not of a type; an empty text if it is."""
    boolean = isinstance(value, bool) and kind != "boolean"
    if not boolean and isinstance(value, _CLASSES[kind]):
        return ""
    return f"must be of type {kind}, not {_json_type(value)}"


def check(specs: tuple[InputSpec, ...], given: Mapping[str, Any]) -> tuple[dict[str, Any], list[InputProblem]]:
    """Fill in defaults and check what a run is given.

    Args:
        specs: the pipeline's inputs.
        given: values by name.

    Returns:
        The complete inputs, and everything that does not fit.
    """
    names = [spec.name for spec in specs]
    problems = [
        InputProblem(name, f"the pipeline has no input '{name}'{nearest(name, names) or _listing(names)}")
        for name in given
        if name not in names
    ]
    values: dict[str, Any] = {}
    for spec in specs:
        value = given.get(spec.name)
        if value is None:
            if spec.required:
                problems.append(InputProblem(spec.name, f"needs a value of type {spec.type}"))
            values[spec.name] = spec.default
            continue
        if wrong := problem(spec.type, value):
            problems.append(InputProblem(spec.name, wrong))
        values[spec.name] = value
    return values, problems


def _listing(names: list[str]) -> str:
    return f"; it has {', '.join(names)}" if names else "; it has none"


def _json_type(value: Any) -> str:
    if value is None:
        return "null"
    for name in ("boolean", "integer", "number", "string", "array"):
        if isinstance(value, _CLASSES[name]):
            return name
    return "object"
