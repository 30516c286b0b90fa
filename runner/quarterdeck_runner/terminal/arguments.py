"""Inputs as words of a command line: ``key=value``."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from quarterdeck_runner.files import FileError, read_pipeline
from quarterdeck_runner.inputs import check
from quarterdeck_runner.spec import InputSpec, Pipeline


class ArgumentsError(Exception):
    """The inputs do not fit; the message lists every problem."""


def inputs_of(pipeline: Pipeline, words: Sequence[str]) -> dict[str, Any]:
    """Read inputs, bring them to their types and fill in defaults.

    Args:
        pipeline: whose inputs.
        words: ``key=value`` each; ``key=@file`` for the text of a file.

    Raises:
        ArgumentsError: something is wrong with them.
    """
    specs = {spec.name: spec for spec in pipeline.inputs}
    given: dict[str, Any] = {}
    wrong: list[str] = []
    for word in words:
        name, sign, value = word.partition("=")
        # CODE_FILE="x" is how the authors of the format write it.
        name = name if name in specs or name.lower() not in specs else name.lower()
        if not sign or not name:
            wrong.append(f"'{word}' is no input: write key=value")
            continue
        if name in given:
            wrong.append(f"the input '{name}' is given twice")
        try:
            given[name] = _value(specs.get(name), value)
        except (ArgumentsError, FileError) as error:
            wrong.append(str(error))
    values, problems = check(pipeline.inputs, given)
    wrong += [f"input '{each.input}': {each.message}" for each in problems]
    if wrong:
        raise ArgumentsError("; ".join(wrong))
    return values


def _value(spec: InputSpec | None, written: str) -> Any:
    text = read_pipeline(Path(written[1:])) if written.startswith("@") else written
    if spec is None or spec.type == "string":
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise ArgumentsError(f"input '{spec.name}' must be of type {spec.type}: '{text[:40]}' is no JSON") from error
