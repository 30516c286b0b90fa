"""Scores of answers in experiments: exact, regex, JSON schema, the verdict of a model, or a function of the user's.

A function of the user's is an entry point of the group ``quarterdeck.scores``: it gets the answer, the inputs and the
options, and gives a number.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Annotated, Any, Final, Literal

import regex
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, field_validator

from quarterdeck_runner.scope import parsed_json, walk
from quarterdeck_runner.template import as_text, render_value

ENTRY_POINTS: Final = "quarterdeck.scores"
_PATIENCE_S: Final = 1.0


@dataclass(frozen=True)
class Scored:
    """What an answer is worth.

    Args:
        value: the number; ``None`` where there is none.
        verdict: why, for people.
    """

    value: float | None
    verdict: str = ""


class _Score(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Exact(_Score):
    """1 if the answer is the expected text, white space around both aside; else 0."""

    type: Literal["exact"]
    expected: str = Field(description="May have templates of inputs.", examples=["{{ inputs.expected }}"])
    ignore_case: bool = False

    def judge(self, answer: str, inputs: Mapping[str, Any]) -> Scored:
        """Give the score of an answer."""
        wanted = _filled(self.expected, inputs).strip()
        given = answer.strip()
        same = given.casefold() == wanted.casefold() if self.ignore_case else given == wanted
        return Scored(float(same), "" if same else f"expected {wanted!r}")


class Regex(_Score):
    """1 if the pattern is found in the answer; else 0."""

    type: Literal["regex"]
    pattern: str = Field(examples=[r"\b(yes|no)\b"])

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            regex.compile(pattern)
        except regex.error as error:
            raise ValueError(f"this is no regular expression: {error}") from error
        return pattern

    def judge(self, answer: str, _inputs: Mapping[str, Any]) -> Scored:
        """Give the score of an answer."""
        try:
            found = regex.search(self.pattern, answer, timeout=_PATIENCE_S)
        except TimeoutError:
            return Scored(None, f"the pattern takes longer than {_PATIENCE_S:g} s")
        return Scored(float(found is not None), "" if found else "the pattern is not found")


class JsonSchema(_Score):
    """1 if there is JSON in the answer that fits the schema; else 0."""

    type: Literal["json_schema"]
    schema_: dict[str, Any] = Field(alias="schema", examples=[{"type": "object", "required": ["title"]}])

    @field_validator("schema_")
    @classmethod
    def _is_a_schema(cls, schema: dict[str, Any]) -> dict[str, Any]:
        try:
            Draft202012Validator.check_schema(schema)
        except SchemaError as error:
            raise ValueError(f"this is no JSON schema: {error.message}") from error
        return schema

    def judge(self, answer: str, _inputs: Mapping[str, Any]) -> Scored:
        """Give the score of an answer."""
        found = parsed_json(answer)
        if found is None:
            return Scored(0.0, "there is no JSON in the answer")
        problem = next(iter(Draft202012Validator(self.schema_).iter_errors(found)), None)
        return Scored(float(problem is None), problem.message if problem is not None else "")


class Judge(_Score):
    """What a model says of the answer, from 0 to 1: one more call for each item."""

    type: Literal["judge"]
    model: str = Field(default="sonnet", examples=["sonnet"])
    question: str = Field(
        description="What the model shall look at; may have templates of inputs.",
        examples=["Is the answer correct? The right one is {{ inputs.expected }}."],
    )

    def judge(self, answer: str, _inputs: Mapping[str, Any]) -> Scored:
        """Read the verdict, which the run has asked for."""
        found = parsed_json(answer)
        value = found.get("score") if isinstance(found, dict) else None
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            return Scored(None, f"the judge gave no score from 0 to 1: {answer[:200]}")
        return Scored(float(value), str(found.get("reason", "")) if isinstance(found, dict) else "")


class Function(_Score):
    """A function of the user's: an entry point of the group ``quarterdeck.scores``."""

    type: Literal["function"]
    name: str = Field(examples=["my_score"])
    options: dict[str, Any] = Field(default_factory=dict)

    @field_validator("name")
    @classmethod
    def _is_there(cls, name: str) -> str:
        names = sorted(each.name for each in entry_points(group=ENTRY_POINTS))
        if name not in names:
            there = ", ".join(names) or "none"
            raise ValueError(
                f"no installed package has a score '{name}' (entry point of {ENTRY_POINTS}): there is {there}"
            )
        return name

    def judge(self, answer: str, inputs: Mapping[str, Any]) -> Scored:
        """Give the score of an answer."""
        (found,) = entry_points(group=ENTRY_POINTS, name=self.name)
        try:
            return Scored(float(found.load()(answer, dict(inputs), **self.options)))
        except Exception as error:  # noqa: BLE001 - somebody else's code
            return Scored(None, f"{type(error).__name__}: {error}")


Score = Annotated[Exact | Regex | JsonSchema | Judge | Function, Field(discriminator="type")]
"""How answers are judged."""

_READER: Final[TypeAdapter[Score]] = TypeAdapter(Score)


def score(spec: Any, output: Any, inputs: Mapping[str, Any]) -> tuple[Any, Scored]:
    """Take the answer out of what a run returned, and judge it.

    Args:
        spec: the score, as JSON; ``None`` for no score.
        output: what the run returned.
        inputs: what it was started with.

    Returns:
        The answer, and what it is worth.
    """
    if spec is None:
        return output, Scored(None)
    how = _READER.validate_python(spec)
    if isinstance(how, Judge):
        parts = output if isinstance(output, dict) else {}
        return parts.get("answer"), how.judge(as_text(parts.get("verdict", "")), inputs)
    return output, how.judge(as_text(output), inputs)


def _filled(text: str, inputs: Mapping[str, Any]) -> str:
    def lookup(path: tuple[Any, ...]) -> Any:
        if path[0] == "inputs":
            return walk(inputs, path[1:])
        return walk(inputs, path)

    return as_text(render_value(text, lookup))
