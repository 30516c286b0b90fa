"""What is done with answers: see whether they fit, and keep those that may stand in for a later one."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from quarterdeck_runner.compose import Folders
from quarterdeck_runner.files import FileError, write_output
from quarterdeck_runner.providers import ModelCall
from quarterdeck_runner.schemas import SchemaError, check_value
from quarterdeck_runner.scope import parsed_json


class AnswerError(Exception):
    """An answer does not fit its schema; another one might."""


def fitting(text: str, schema: Mapping[str, Any]) -> Any:
    """Read an answer that must fit a schema.

    Args:
        text: what the model wrote.
        schema: JSON Schema.

    Raises:
        AnswerError: it does not fit.
    """
    value = parsed_json(text)
    if value is None:
        try:
            value = json.loads(text)
        except ValueError as error:
            raise AnswerError(f"the answer is no JSON, as `output_schema` asks: {text[:80]!r}") from error
    try:
        check_value(schema, value)
    except SchemaError as error:
        raise AnswerError(f"the answer does not fit `output_schema`: {error}") from error
    return value


def keep(question: ModelCall, text: str, folders: Folders) -> None:
    """Keep an answer for the day when the model is away.

    Args:
        question: what was asked.
        text: the answer.
        folders: where the run writes; answers lie beside the folders of runs.
    """
    try:
        write_output(text, _name(question), _folder(folders))
    except FileError:
        return  # without it there is one fallback less, and no harm else


def kept(question: ModelCall, folders: Folders) -> str | None:
    """The last answer to a question; ``None`` if there is none."""
    try:
        return (_folder(folders) / _name(question)).read_text("utf-8")
    except OSError:
        return None


def _folder(folders: Folders) -> Path:
    return folders.outputs.parent / ".answers"


def _name(question: ModelCall) -> str:
    asked = json.dumps([question.model, question.system, list(question.history), str(question.prompt)])
    return f"{hashlib.sha256(asked.encode()).hexdigest()}.txt"
