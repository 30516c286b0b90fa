"""Inputs as JSON Schema: published for every pipeline, checked for those whose types say more than a word."""

from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from quarterdeck_runner.diagnostics import nearest
from quarterdeck_runner.inputs import InputProblem
from quarterdeck_runner.spec import Pipeline


def schema_of(pipeline: Pipeline, kind: str) -> dict[str, Any]:
    """JSON Schema of the inputs of a pipeline.

    Args:
        pipeline: whose.
        kind: ``yaml`` or ``python``.
    """
    if kind == "python":
        schema: dict[str, Any] = pipeline.document.get("schema", {})
        return schema
    properties: dict[str, Any] = {}
    for each in pipeline.inputs:
        known = {"type": each.type, "default": each.default, "description": each.description}
        properties[each.name] = {key: value for key, value in known.items() if value not in (None, "")}
    required = [each.name for each in pipeline.inputs if each.required]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def check(schema: Mapping[str, Any], given: Mapping[str, Any]) -> tuple[dict[str, Any], list[InputProblem]]:
    """Fill in defaults and check what a run is given.

    Args:
        schema: of all inputs.
        given: values by name.

    Returns:
        The inputs, complete as far as defaults have a JSON form, and everything that does not fit.
    """
    properties: Mapping[str, Any] = schema.get("properties", {})
    defaults = {name: each["default"] for name, each in properties.items() if "default" in each}
    found = Draft202012Validator(schema).iter_errors(dict(given))
    problems = [problem for error in found for problem in _problems(error, list(properties))]
    return {**defaults, **given}, problems


def _problems(error: ValidationError, names: list[str]) -> list[InputProblem]:
    given: Any = error.instance
    if not error.absolute_path and error.validator == "required":
        wanted: Any = error.validator_value
        missing = [name for name in wanted if name not in given]
        return [InputProblem(name, "needs a value") for name in missing if f"'{name}'" in error.message]
    if not error.absolute_path and error.validator == "additionalProperties":
        listing = f"; it has {', '.join(names)}" if names else "; it has none"
        unknown = [name for name in given if name not in names]
        text = "the pipeline has no input"
        return [InputProblem(name, f"{text} '{name}'{nearest(name, names) or listing}") for name in unknown]
    best = min(error.context, key=lambda each: -len(each.absolute_path), default=error)
    return [InputProblem(".".join(map(str, best.absolute_path or error.absolute_path)), best.message)]
