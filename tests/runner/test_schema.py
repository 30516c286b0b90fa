"""The published JSON Schema says the same as the validator."""

import copy
import itertools
import json
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from quarterdeck_runner.schema import text
from quarterdeck_runner.validate import validate
from quarterdeck_runner.vocabulary import KEYS, STEP_TYPES

ROOT = Path(__file__).parents[2]
EXAMPLES = [
    *sorted((ROOT / "examples" / "pipelines").glob("*.yaml")),
    *sorted((Path(__file__).parent / "examples").glob("*.yaml")),
]
PUBLISHED = resources.files("quarterdeck_runner").joinpath("schema.json").read_text("utf-8")
SCHEMA: dict[str, Any] = json.loads(PUBLISHED)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

WRONG: Any = {"quarterdeck": ["wrong"]}
"""A value that hardly any key takes."""

FREE = ("value", "variables", "global_vars", "inputs", "default", "defaults", "metadata", "document", "mapping")
"""Keys whose value, or what is in it, is the author's own."""

SCHEMAS = ("parameters", "input_schema", "output_schema", "schema")
"""Keys that hold a JSON Schema, which has a schema of its own."""


def test_the_published_schema_is_made_from_the_words() -> None:
    assert text() == PUBLISHED, "make it anew: python -m quarterdeck_runner.schema"
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_published_schema_knows_the_same_keys() -> None:
    definitions = SCHEMA["$defs"]
    assert {name: tuple(definitions[name]["properties"]) for name in KEYS} == dict(KEYS)
    assert [each["$ref"].rpartition(".")[2] for each in definitions["step"]["oneOf"]] == list(STEP_TYPES)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_fits(path: Path) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(yaml.safe_load(path.read_text("utf-8")))] == []


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a document that the format says something about."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        if key in SCHEMAS or (key in FREE and path[-1:] != ("workflow",)) or (key in FREE and key != "inputs"):
            continue
        yield (*path, key)
        yield from places(child, (*path, key))


def changed(document: Any, path: tuple[Any, ...], change: str) -> Any:
    """The document with something wrong at a place."""
    document = copy.deepcopy(document)
    inside = document
    for key in path[:-1]:
        inside = inside[key]
    if change == "removed":
        del inside[path[-1]]
    else:
        inside[path[-1]] = WRONG if change == "a map" else {"a number": -7}[change]
    return document


@pytest.mark.parametrize("path", EXAMPLES[3:], ids=lambda path: path.stem)
def test_an_example_that_was_spoilt_is_refused_by_both_or_by_none(path: Path) -> None:
    """Whatever is removed from it or replaced in it."""
    document = yaml.safe_load(path.read_text("utf-8"))
    disagreed = []
    # Each place is spoilt in one of three ways: all of them would take a minute.
    for place, change in zip(places(document), itertools.cycle(["removed", "a map", "a number"]), strict=False):
        candidate = changed(document, place, change)
        found = validate(json.dumps(candidate), path)
        problems = [each.message for each in found.diagnostics if not refers(each.message)]
        if VALIDATOR.is_valid(candidate) != (not problems):
            disagreed.append((change, place, problems))
    assert disagreed == []


def refers(message: str) -> bool:
    """Whether a message is about what a file refers to, which no schema can know."""
    words = (
        *("there is no step", "does not run before", "nothing sets", "there is no input", "there is no file '"),
        *("two steps are called", "has no step", "has no input", "needs the input", "there is no session"),
        *("there is no function", "a loop has no", "stays as it is", "`env` does not declare", "has no value"),
        *("is not known, nor its price", "cannot ask the model", "has a meaning inside a loop", "two tasks of"),
        *("has no effect here", "no known price", "must be of type", "Claude no longer takes"),
    )
    return any(word in message for word in words)


@pytest.mark.parametrize(
    "step",
    [
        "type: bash",
        "type: claud, prompt: x",
        "type: claude",
        "type: claude, prompt: []",
        "type: claude, prompt: x, output_to_file: ../x",
        "type: claude, prompt: x, output_to_file: /x",
        "type: claude, prompt: x, timeout: soon",
        "type: claude, prompt: x, retry: {max_attempts: 99}",
        "type: claude, prompt: x, token_budget: {max_output_tokens: 0}",
        "type: claude, prompt: x, functions: [{description: nameless}]",
        "type: claude, prompt: x, if: true, condition: true",
        "type: claude, prompt: [{type: sttic, content: x}]",
        "type: claude, prompt: [{type: file}]",
        "type: claude_smart, prompt: x, preset: fast",
        "type: claude_robust, prompt: x, retry_config: {fallback_action: pray}",
        "type: claude_extract, prompt: x, extraction_config: {format: pdf}",
        "type: claude_session, prompt: x",
        "type: claude_session, prompt: x, session_config: {}",
        "type: claude_batch, tasks: []",
        "type: claude_batch, tasks: [{id: a}]",
        "type: parallel_claude, parallel_tasks: [{id: a}]",
        "type: gemini, prompt: x, token_budget: {temperature: 9}",
        "type: for_loop, data_source: [1], steps: []",
        "type: for_loop, steps: [{name: b, type: echo}]",
        "type: while_loop, steps: [{name: b, type: echo}]",
        "type: while_loop, condition: true, max_iterations: 5000, steps: [{name: b, type: echo}]",
        "type: pipeline",
        "type: pipeline, pipeline_file: a.yaml, pipeline: {steps: [{name: b, type: echo}]}",
        "type: pipeline, pipeline: {steps: []}",
        "type: set_variable",
        "type: set_variable, variables: {a: 1}, scope: universe",
        "type: data_transform, operations: []",
        "type: data_transform, input_source: [1], operations: [{operation: explode}]",
        "type: data_transform, input_source: [1], operations: [{operation: map}]",
        "type: data_transform, input_source: [1], operations: [{operation: filter}]",
        "type: file_ops",
        "type: file_ops, operation: format_disk",
        "type: file_ops, operation: copy, source: a",
        "type: file_ops, operation: delete, path: ../a",
        "type: file_ops, operation: convert, source: a, destination: b, format: pdf_to_csv",
    ],
)
def test_both_refuse(step: str) -> None:
    source = f"workflow:\n  name: x\n  steps:\n    - {{name: a, {step}}}\n"
    assert not validate(source, Path("x.yaml")).runnable
    assert not VALIDATOR.is_valid(yaml.safe_load(source))
